/**
 * What the leases of ten gates cost the event store: events a second and the CPU share of `dockreg store`, while each gate is
 * asked once a second. `npm run bench members`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readHead } from '#libs/event-store';
import { findProgram } from '#libs/platform';
import { BenchProcess } from '../support/bench-server.js';

const GATES = 10;
const MEASURED_MS = 20_000;
/** A gate without requests stops renewing only after a minute. */
const ASK_EVERY_MS = 1_000;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Without a key: whatever becomes of a request, it keeps its gate a member. */
async function ask(gate: BenchProcess): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${gate.portOf('Gate')}/v2/`);
  await answer.arrayBuffer();
  if (answer.status !== 401 && answer.status !== 404) throw new Error(`a gate answered ${answer.status}`);
}

async function measure(store: BenchProcess, url: string, gates: readonly BenchProcess[]): Promise<void> {
  const head = (await readHead(url)) ?? 0n;
  const cpu = [store, ...gates].map((each) => each.cpuSeconds());
  const startedAt = performance.now();
  const asking = setInterval(() => void Promise.all(gates.map(ask)), ASK_EVERY_MS);
  await delay(MEASURED_MS);
  clearInterval(asking);
  const seconds = (performance.now() - startedAt) / 1_000;
  const [ofStore, ...ofGates] = [store, ...gates].map((each, index) => each.cpuSeconds() - cpu[index]!);
  const appended = Number(((await readHead(url)) ?? 0n) - head);
  const share = (spent: number) => `${((spent / seconds) * 100).toFixed(1)} % of a core`;
  const perGate = ofGates.reduce((sum, each) => sum + each, 0) / gates.length;
  console.log(`${gates.length} gates, each asked once a second, for ${seconds.toFixed(0)} s:`);
  console.log(
    `store: ${(appended / seconds).toFixed(1)} events a second, ${share(ofStore!)}; a gate: ${share(perGate)}`,
  );
}

const directory = mkdtempSync(join(tmpdir(), 'bench-members-'));
const redisPort = String(await freePort());
const options = [
  '--port',
  redisPort,
  '--bind',
  '127.0.0.1',
  '--save',
  '',
  '--appendonly',
  'no',
  '--dir',
  directory,
];
const redis = spawn(findProgram('redis-server', 'redis-server'), options, { stdio: 'ignore' });
const redisEnded = once(redis, 'exit');
const running: BenchProcess[] = [];
try {
  const { store, url } = await BenchProcess.store(join(directory, 'store'));
  running.push(store);
  const gates: BenchProcess[] = [];
  while (gates.length < GATES) {
    const gate = await BenchProcess.server({
      ROLES: 'gate',
      DATA_DIR: join(directory, `gate-${gates.length}`),
      EVENTSTORE_URL: url,
      REDIS_URL: `redis://127.0.0.1:${redisPort}`,
      LOG_LEVEL: 'error',
    });
    gates.push(gate);
    running.push(gate);
  }
  await measure(store, url, gates);
} finally {
  for (const each of running.reverse()) await each.stop();
  redis.kill('SIGTERM');
  await redisEnded;
  rmSync(directory, { recursive: true, force: true });
}
