import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectRedis, connectRedisForQueues, reachingRedis, RedisUnavailable, type Redis } from './index.js';

/** A command must have failed by then: one second of waiting and what the machine is slow. */
const PATIENCE_MS = 2_000;

let folder: string;
let path: string;
let server: ChildProcess;
const open: Redis[] = [];

function connected(redis: Redis): Redis {
  open.push(redis);
  return redis;
}

async function start(): Promise<ChildProcess> {
  const args = ['--port', '0', '--unixsocket', path, '--save', '', '--dir', folder];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise<void>((ready, failed) => {
    child.once('error', () => failed(new Error('redis-server is missing: apt-get install redis-server')));
    child.stdout.on('data', (line: Buffer) => line.includes('ready to accept connections') && ready());
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await ended;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'redis-'));
  path = join(folder, 'redis.sock');
  server = await start();
});

afterAll(async () => {
  for (const redis of open) redis.disconnect();
  if (server?.exitCode === null && server.signalCode === null) await kill(server);
  rmSync(folder, { recursive: true });
});

describe('a connection for requests', () => {
  it('passes a fault of the command itself on as it is', async () => {
    const redis = connected(connectRedis({ path }));
    await redis.set('text', 'a');
    await expect(reachingRedis(redis.incr('text'))).rejects.toMatchObject({ name: 'ReplyError' });
  });

  it('a paused Redis fails a command within the time limit', async () => {
    const redis = connected(connectRedis({ path }));
    await redis.ping();
    server.kill('SIGSTOP');
    const started = performance.now();
    await expect(reachingRedis(redis.get('text'))).rejects.toThrow(RedisUnavailable);
    server.kill('SIGCONT');
    expect(performance.now() - started).toBeLessThan(PATIENCE_MS);
  });

  it('a Redis that is away fails each command within the time limit, and is used again when it is back', async () => {
    const redis = connected(connectRedis({ path }));
    const queues = connected(connectRedisForQueues({ path }));
    await Promise.all([redis.ping(), queues.ping()]);
    await kill(server);
    const started = performance.now();
    const results = await Promise.allSettled(['a', 'b'].map((key) => reachingRedis(redis.get(key))));
    for (const result of results) expect(result).toMatchObject({ reason: expect.any(RedisUnavailable) });
    expect(performance.now() - started).toBeLessThan(PATIENCE_MS);

    const waiting = queues.set('late', 'yes');
    const back = new Promise((ready) => redis.once('ready', ready));
    server = await start();
    await back;
    expect(await waiting).toBe('OK');
    expect(await redis.get('late')).toBe('yes');
  });

  it('an address where nobody listens fails a command, and nothing else', async () => {
    const redis = connected(connectRedis('redis://127.0.0.1:1'));
    await expect(reachingRedis(redis.get('a'))).rejects.toThrow(RedisUnavailable);
  });
});
