import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from '#libs/redis';
import { RedisServer } from '../../../../../test/support/redis-server.js';
import { Installation } from '../../installation.js';
import { SeenNotifications } from './seen-notifications.js';

const installation = new Installation('log');
let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await RedisServer.start();
  redis = await server.connect();
}, 20_000);
afterAll(() => server.stop(), 10_000);

describe('an event of a notification', () => {
  it('is new once, also at another node, and apart for each registry', async () => {
    const [one, other] = [
      new SeenNotifications(redis, installation),
      new SeenNotifications(redis, installation),
    ];
    expect(await one.areNew('reg_1', ['a', 'b', 'a'])).toEqual([true, true, false]);
    expect(await one.areNew('reg_1', ['b', 'c'])).toEqual([false, true]);
    expect(await other.areNew('reg_1', ['a', 'd', 'c'])).toEqual([false, true, false]);
    expect(await other.areNew('reg_2', ['a'])).toEqual([true]);
  });

  it('is new once at its node when Redis is away or does not answer, and that is known at once', async () => {
    server.signal('SIGSTOP');
    const seen = new SeenNotifications(redis, installation);
    const startedAt = performance.now();
    expect(await seen.areNew('reg_1', ['x'])).toEqual([true]);
    expect(await seen.areNew('reg_1', ['x', 'y'])).toEqual([false, true]);
    expect(performance.now() - startedAt).toBeLessThan(400);
    server.signal('SIGCONT');
    const away = server.connectToNobody();
    const alone = new SeenNotifications(away, installation);
    expect(await alone.areNew('reg_1', ['a', 'a'])).toEqual([true, false]);
  });

  it('is remembered in bounded memory: the oldest are forgotten first', async () => {
    const away = server.connectToNobody();
    const seen = new SeenNotifications(away, installation);
    const ids = Array.from({ length: 50_000 }, (_, number) => String(number));
    await seen.areNew('reg_1', ids);
    expect(await seen.areNew('reg_1', ['0', '49999'])).toEqual([false, false]);
    await seen.areNew('reg_1', ['one more']);
    expect(await seen.areNew('reg_1', ['0', '49999'])).toEqual([true, false]);
  });
});
