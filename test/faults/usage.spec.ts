import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { UsageCluster } from './usage-cluster.js';

let cluster: UsageCluster;

beforeAll(async () => {
  cluster = await UsageCluster.start();
}, 60_000);
afterAll(() => cluster.remove(), 30_000);

describe('a gate and a worker that are killed in the middle of traffic', () => {
  it('lose no more than was not written yet, and double nothing', async () => {
    await cluster.expectNothingDoubled(2, 300);
  }, 120_000);
});
