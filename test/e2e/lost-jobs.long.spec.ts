import { afterAll, describe, it } from '@jest/globals';
import { expectExpiryRecorded } from './expiry-recorded.js';
import { hasDelayedExpiry, withPrivateRedis } from './private-redis.js';
import { eventually, Installation } from './server-process.js';

/** What ARCHITECTURE.md promises about a flushed Redis. */
const BACK_WITHIN_MS = 60_000;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
afterAll(() => installation.remove(), 20_000);

describe('a waiting job that Redis lost under the running server', () => {
  it('is back within 60 s: the expiry is recorded, once', async () => {
    const server = await installation.start();
    const key = await server.api.generateKey({ expiresIn: 'PT50S' });
    await withPrivateRedis(installation.dataDir, async (redis) => {
      await eventually('the job waits', 40_000, () => hasDelayedExpiry(redis, key.id));
      await redis.flushall();
    });
    await expectExpiryRecorded(server, key, BACK_WITHIN_MS);
  }, 150_000);
});
