/**
 * How long the real server takes from its process's start until it answers `/readyz` with 200, with many keys in its log
 * and its read-model file. `npm run bench restart`: 100,000 keys; `LARGE=1 npm run bench restart`: 1,000,000.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startEmbeddedStore } from '#libs/embedded-store';
import { serverModelFile } from '#libs/read-models';
import { seedKeys } from '../support/seed-keys.js';

const KEYS = process.env['LARGE'] === '1' ? 1_000_000 : 100_000;
const MAIN = fileURLToPath(new URL('../../apps/server/src/main.js', import.meta.url));
const RESTARTS = 3;
const POLL_MS = 10;
/** The first start builds the read models of all keys. */
const START_LIMIT_MS = 15 * 60_000;
const MIB = 1024 * 1024;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts the server, waits for `/readyz`, ends it; answers the milliseconds that it took and its memory then. */
async function startOnce(dataDir: string): Promise<{ milliseconds: number; residentMib: number }> {
  const port = String(await freePort());
  const env = {
    PATH: process.env['PATH'],
    DATA_DIR: dataDir,
    API_PORT: port,
    GATE_PORT: '0',
    REGISTRY_UPSTREAM: 'none',
    BOOTSTRAP_ADMIN_PASSWORD: 'not a secret of anybody',
    LOG_LEVEL: 'error',
  };
  const startedAt = performance.now();
  const server = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(server, 'exit');
  try {
    while (!(await isReady(port))) {
      if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
      if (performance.now() - startedAt > START_LIMIT_MS) throw new Error('the server is not ready in time');
      await delay(POLL_MS);
    }
    const milliseconds = performance.now() - startedAt;
    return { milliseconds, residentMib: residentMib(server.pid!) };
  } finally {
    server.kill('SIGTERM');
    await ended;
  }
}

async function isReady(port: string): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
    await answer.arrayBuffer();
    return answer.status === 200;
  } catch {
    return false;
  }
}

function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

const directory = mkdtempSync(join(tmpdir(), 'bench-restart-'));
try {
  const store = await startEmbeddedStore({ directory: join(directory, 'events') });
  await seedKeys(store.connectionString, KEYS);
  await store.close();
  const first = await startOnce(directory);
  console.log(
    `${KEYS.toLocaleString('en')} keys; first start with a rebuild: ${(first.milliseconds / 1_000).toFixed(2)} s`,
  );
  console.log(`read-model file: ${Math.round(statSync(serverModelFile(directory)).size / MIB)} MiB`);
  for (let run = 0; run < RESTARTS; run++) {
    const { milliseconds, residentMib } = await startOnce(directory);
    console.log(
      `restart to /readyz: ${(milliseconds / 1_000).toFixed(2)} s, ${Math.round(residentMib)} MiB resident`,
    );
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
