import { afterAll, describe, it } from '@jest/globals';
import { crashRound } from './crash-round.js';
import { Installation } from './server-process.js';

const ROUNDS = 10;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
afterAll(() => installation.remove(), 20_000);

describe('kill -9 in the middle of 50 key creations', () => {
  it('loses no key whose creation was answered, ten times', async () => {
    let server = await installation.start();
    for (let round = 0; round < ROUNDS; round++) {
      const result = await crashRound(installation, server, round, 1 + ((round * 17) % 41));
      const { answered, storedUnanswered } = result;
      process.stdout.write(
        `crash ${round}: ${answered} answered, ${storedUnanswered} stored without an answer\n`,
      );
      server = result.server;
    }
  }, 300_000);
});
