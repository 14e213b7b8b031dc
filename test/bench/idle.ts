/**
 * What an all-in-one server costs that nobody asks anything: events appended and fsyncs, from a minute after its last request
 * on. `npm run bench idle`; strace counts the fsyncs, when it is installed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { readHead, readPublishedConnection } from '#libs/event-store';
import { BenchProcess } from '../support/bench-server.js';

/** A member stops renewing its lease a minute after its last request; the rest lets the last renewal come through. */
const UNTIL_IDLE_MS = 65_000;
const WATCHED_MS = 60_000;
/** Of the minute before, for comparison. */
const FIRST_MS = 20_000;

/** Ends after `ms`; how often the process and its children called fsync and fdatasync. undefined: strace is missing. */
async function countSyncs(pid: number, ms: number): Promise<number | undefined> {
  if (spawnSync('strace', ['-V'], { stdio: 'ignore' }).status !== 0) {
    await delay(ms);
    return undefined;
  }
  const args = ['-f', '-e', 'trace=fsync,fdatasync', '-p', String(pid)];
  const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(strace, 'exit');
  const output = text(strace.stderr);
  await delay(ms);
  strace.kill('SIGINT');
  await ended;
  return (await output).split('\n').filter((line) => /\bf(data)?sync\(/.test(line)).length;
}

async function watch(name: string, server: BenchProcess, storeUrl: string, ms: number): Promise<void> {
  const before = (await readHead(storeUrl)) ?? 0n;
  const cpuBefore = server.cpuSeconds();
  const syncs = await countSyncs(server.pid, ms);
  const cpu = ((server.cpuSeconds() - cpuBefore) / (ms / 1_000)) * 100;
  // Positions of the embedded store have no gaps.
  const appended = Number(((await readHead(storeUrl)) ?? 0n) - before);
  const perMinute = (count: number) => Math.round((count * 60_000) / ms);
  const fsyncs = syncs === undefined ? 'no strace' : `${perMinute(syncs)} fsyncs a minute`;
  console.log(`${name}: ${perMinute(appended)} events a minute, ${fsyncs}, ${cpu.toFixed(1)} % of a core`);
}

const directory = mkdtempSync(join(tmpdir(), 'bench-idle-'));
const server = await BenchProcess.server({
  DATA_DIR: directory,
  BOOTSTRAP_ADMIN_PASSWORD: 'not a secret of anybody',
  LOG_LEVEL: 'error',
});
try {
  const storeUrl = readPublishedConnection(join(directory, 'events'));
  if (storeUrl === undefined) throw new Error('the server did not say where its store is');
  const answer = await fetch(`http://127.0.0.1:${server.portOf('Gate')}/v2/`);
  await answer.arrayBuffer();
  await watch('in the first minute after a request', server, storeUrl, FIRST_MS);
  await delay(UNTIL_IDLE_MS - FIRST_MS);
  await watch('after it', server, storeUrl, WATCHED_MS);
} finally {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
