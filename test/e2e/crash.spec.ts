import { afterAll, describe, expect, it } from '@jest/globals';
import { crashRound } from './crash-round.js';
import { Installation } from './server-process.js';

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
afterAll(() => installation.remove(), 20_000);

describe('kill -9 in the middle of 50 key creations', () => {
  it('loses no key whose creation was answered, twice', async () => {
    let server = await installation.start();
    for (const [round, killAfter] of [11, 30].entries()) {
      const result = await crashRound(installation, server, round, killAfter);
      expect(result.answered).toBeLessThan(50);
      server = result.server;
    }
  }, 60_000);
});
