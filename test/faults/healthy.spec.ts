import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HealthyAnswers } from './healthy-answers.js';
import { percentiles } from './report.js';

let system: HealthyAnswers;

beforeAll(async () => {
  system = await HealthyAnswers.start();
}, 60_000);
afterAll(() => system.remove(), 30_000);

describe('a revocation while all are well', () => {
  it('is answered within milliseconds', async () => {
    await system.revoke(20);
    const durations = await system.revoke(100);
    process.stdout.write(`revocation, three gates under 100 requests/s: ${percentiles(durations)}\n`);
    expect(durations.length).toBe(100);
  }, 60_000);
});
