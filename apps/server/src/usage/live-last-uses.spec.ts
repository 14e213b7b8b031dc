import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from '#libs/redis';
import { RedisServer } from '../../../../test/support/redis-server.js';
import { Installation } from '../installation.js';
import { LiveLastUses } from './live-last-uses.js';

const NOW = Date.parse('2026-03-02T10:15:30.123Z');
const USE = {
  registry: 'reg_1',
  key: 'drk_1',
  action: 'pull',
  repository: undefined,
  network: '192.0.2.0/24',
  country: 'DE',
  asn: 1,
  client: 'docker',
} as const;

let server: RedisServer;
let redis: Redis;
const installation = new Installation('log');
const hash = installation.redisKey('last-uses', 'reg_1');

beforeAll(async () => {
  server = await RedisServer.start();
  redis = await server.connect();
}, 20_000);
afterAll(() => server.stop(), 10_000);

/** Resolves once Redis has been told of a key. */
async function told(writer: LiveLastUses, key: string): Promise<void> {
  const listener = await server.connect();
  await redis.config('SET', 'notify-keyspace-events', 'Kh');
  await listener.subscribe(`__keyspace@0__:${hash}`);
  const heard = new Promise((resolve) => listener.once('message', resolve));
  writer.used({ ...USE, key }, NOW);
  writer.start();
  await heard;
  writer.stop();
}

describe('the last use of a key, live', () => {
  it('is what a gate said, at every node, and of no other registry', async () => {
    await told(new LiveLastUses(redis, installation), 'drk_1');
    const reader = new LiveLastUses(redis, installation);
    const { network, country, client, action } = USE;
    const use = { at: '2026-03-02T10:15:30.123Z', network, country, client, repository: null, action };
    expect(await reader.of('reg_1', ['drk_1', 'drk_2'])).toEqual(new Map([['drk_1', use]]));
    expect((await reader.of('reg_2', ['drk_1'])).size).toBe(0);
    expect(await redis.ttl(hash)).toBeGreaterThan(0);
  });

  it('is not known where another release wrote something else, and nothing fails', async () => {
    await redis.hset(hash, {
      drk_3: 'no JSON',
      drk_4: '{}',
      drk_5: '{"at":"x","action":"fly"}',
      drk_6: 'null',
    });
    const reader = new LiveLastUses(redis, installation);
    expect((await reader.of('reg_1', ['drk_3', 'drk_4', 'drk_5', 'drk_6'])).size).toBe(0);
  });

  it('is not known without Redis, and that is known at once', async () => {
    const startedAt = performance.now();
    const away = new LiveLastUses(server.connectToNobody(), installation);
    away.used(USE, NOW);
    expect((await away.of('reg_1', ['drk_1'])).size).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(100);
  });
});
