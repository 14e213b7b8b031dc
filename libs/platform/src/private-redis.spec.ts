import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startParent, watchServer } from '../../../test/killed-parent.js';
import type { ChildLog } from './child-process.js';
import { type PrivateRedis, startPrivateRedis } from './private-redis.js';

const log: ChildLog = { debug: () => {}, warn: () => {} };
let folder: string;
let running: PrivateRedis[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dockreg redis-'));
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((redis) => redis.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function start(directory = join(folder, 'redis')): Promise<PrivateRedis> {
  const redis = await startPrivateRedis({ directory, log });
  running.push(redis);
  return redis;
}

/** One command in the inline form of the Redis protocol, and the first packet of the answer. */
async function ask(redis: PrivateRedis, command: string): Promise<string> {
  const socket = connect(redis.connection.path);
  socket.write(`${command}\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString().trim();
}

/** A parent that starts Redis on `folder`, to be killed. */
function parentOfRedis() {
  const directory = JSON.stringify(join(folder, 'redis'));
  return startParent(`
    import { startPrivateRedis } from '<dist>/libs/platform/src/private-redis.js';
    const redis = await startPrivateRedis({ directory: ${directory}, log: { debug() {}, warn() {} } });
    ready(redis.connection);`);
}

describe('the private Redis', () => {
  it('answers, evicts nothing, and has no TCP port', async () => {
    const redis = await start();
    expect(await ask(redis, 'PING')).toBe('+PONG');
    expect(await ask(redis, 'CONFIG GET maxmemory-policy')).toContain('noeviction');
    expect(await ask(redis, 'CONFIG GET port')).toMatch(/\r\n0$/);
  });

  it('lets no other user of the machine in', async () => {
    await start();
    const mode = (name: string) => statSync(join(folder, name)).mode & 0o777;
    expect([mode('redis'), mode('redis/redis.conf')]).toEqual([0o700, 0o600]);
  });

  it('keeps what it holds over a stop', async () => {
    const first = await start();
    await ask(first, 'SET session 1');
    await first.stop();
    expect(await first.exited).toEqual({ code: 0, signal: null });
    expect(await ask(await start(), 'GET session')).toMatch(/\r\n1$/);
  });

  it('works in a directory whose path is too long for a unix socket', async () => {
    const redis = await start(join(folder, 'd'.repeat(120)));
    expect(await ask(redis, 'PING')).toBe('+PONG');
    expect(redis.connection.path.length).toBeLessThan(108);
  });

  it('ends when its parent is killed with kill -9, and the next start finds the data', async () => {
    const parent = await parentOfRedis();
    const { closed, socket } = await watchServer(parent.value['path'] as string);
    socket.write('SET session 1\r\n');
    await once(socket, 'data');
    await parent.kill();
    await closed;
    expect(await ask(await start(), 'GET session')).toMatch(/\r\n1$/);
  });

  it('refuses a directory that a running process uses, and leaves that one alone', async () => {
    const first = await start();
    await expect(start()).rejects.toThrow('uses this folder');
    expect(await ask(first, 'PING')).toBe('+PONG');
  });

  it('ends a Redis that a killed predecessor left on the directory', async () => {
    const leftover = await start();
    const record = join(folder, 'redis/redis-server.json');
    const { pid } = JSON.parse(readFileSync(record, 'utf8')) as { pid: number };
    const gone = spawn('true');
    await once(gone, 'exit');
    writeFileSync(record, JSON.stringify({ pid, owner: gone.pid }));

    const successor = await start();
    expect((await leftover.exited).code).toBe(0);
    expect(await ask(successor, 'PING')).toBe('+PONG');
  });

  it('says which line installs it when it is missing', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '';
    try {
      await expect(start()).rejects.toThrow('apt-get install -y --no-install-recommends redis-server');
    } finally {
      process.env['PATH'] = path;
    }
  });
});
