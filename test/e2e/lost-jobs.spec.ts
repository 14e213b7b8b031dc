import { afterAll, describe, expect, it } from '@jest/globals';
import { expectExpiryRecorded } from './expiry-recorded.js';
import { hasDelayedExpiry, withPrivateRedis } from './private-redis.js';
import { eventually, Installation } from './server-process.js';

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
const { dataDir } = installation;
afterAll(() => installation.remove(), 20_000);

describe('a waiting job that Redis lost while the server restarted', () => {
  it('is back at the start: the expiry is recorded, once', async () => {
    const first = await installation.start();
    const key = await first.api.generateKey({ expiresIn: 'PT6S' });
    await first.stop();
    const second = await installation.start();
    await withPrivateRedis(dataDir, async (redis) => {
      await eventually('the job waits', 3_000, () => hasDelayedExpiry(redis, key.id));
      // A round of the reconciler that runs just now may have put the job back before anybody could look.
      await redis.flushall();
    });
    await second.stop();
    const third = await installation.start();
    await expectExpiryRecorded(third, key, 15_000);
    expect((await third.stop()).code).toBe(0);
  }, 40_000);
});
