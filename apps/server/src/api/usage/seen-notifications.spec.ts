import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { findProgram } from '#libs/platform';
import { connectRedis, type Redis } from '#libs/redis';
import { temporaryDirectory } from '../../../../../test/support/temporary-directory.js';
import { Installation } from '../../installation.js';
import { SeenNotifications } from './seen-notifications.js';

const directory = temporaryDirectory();
const socket = join(directory.path, 'redis.sock');
const installation = new Installation('log');
let server: ChildProcess;
let redis: Redis;

beforeAll(async () => {
  const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no'];
  server = spawn(findProgram('redis-server', 'redis-server'), options, {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  for await (const chunk of server.stdout!) {
    output += String(chunk);
    if (output.includes('ready to accept')) break;
  }
  redis = connectRedis({ path: socket });
  await once(redis, 'ready');
}, 20_000);
afterAll(async () => {
  redis.disconnect();
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
  directory.remove();
});

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
    server.kill('SIGSTOP');
    const seen = new SeenNotifications(redis, installation);
    const startedAt = performance.now();
    expect(await seen.areNew('reg_1', ['x'])).toEqual([true]);
    expect(await seen.areNew('reg_1', ['x', 'y'])).toEqual([false, true]);
    expect(performance.now() - startedAt).toBeLessThan(400);
    server.kill('SIGCONT');
    const away = connectRedis({ path: join(directory.path, 'nobody.sock') });
    const alone = new SeenNotifications(away, installation);
    expect(await alone.areNew('reg_1', ['a', 'a'])).toEqual([true, false]);
    away.disconnect();
  });

  it('is remembered in bounded memory: the oldest are forgotten first', async () => {
    const away = connectRedis({ path: join(directory.path, 'nobody.sock') });
    const seen = new SeenNotifications(away, installation);
    const ids = Array.from({ length: 50_000 }, (_, number) => String(number));
    await seen.areNew('reg_1', ids);
    expect(await seen.areNew('reg_1', ['0', '49999'])).toEqual([false, false]);
    await seen.areNew('reg_1', ['one more']);
    expect(await seen.areNew('reg_1', ['0', '49999'])).toEqual([true, false]);
    away.disconnect();
  });
});
