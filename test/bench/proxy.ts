/**
 * Throughput of large blobs through the gate, as a ratio to the same proxying by nginx without buffering: one process each,
 * in front of the same docker-registry, several transfers at once, in alternating rounds. Each upload is one PATCH of a known
 * length and its commit. Also the processor time that each of the two takes per GB. `SMALL=1` moves an eighth.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type OutgoingHttpHeaders } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requirePrograms, startDockerRegistry } from '../../apps/server/src/gate/testing/docker-registry.js';
import {
  BENCH_AUTHORIZATION,
  BENCH_SLUG,
  cpuSeconds,
  median,
  Part,
  playPart,
  serveBenchGate,
} from '../support/bench-gate.js';

const MIB = 1024 * 1024;
const BLOB_BYTES = (process.env['SMALL'] === '1' ? 32 : 256) * MIB;
const PARALLEL = 4;
const WARM_UP_ROUNDS = 1;
const ROUNDS = 5;
const GIGABYTE = 1e9;
const MEGABYTE = 1e6;
const POLL_MS = 20;
/** The client reads into one buffer of this size, so that it costs little beside what is measured. */
const READ_BYTES = 256 * 1024;
const END_OF_HEADERS = '\r\n\r\n';
const PROGRAM = fileURLToPath(import.meta.url);

/** The blob is this chunk over and over: what it holds is all the same to everyone here. */
const CHUNK = Buffer.alloc(MIB, 'what a layer holds');
const REPOSITORY = 'team/large';

type Direction = 'down' | 'up';

interface Task {
  readonly direction: Direction;
  readonly port: number;
  /** What stands before the repository at this port. */
  readonly prefix: string;
  readonly digest: string;
}

function digestOfBlob(): string {
  const hash = createHash('sha256');
  for (let sent = 0; sent < BLOB_BYTES; sent += CHUNK.length) hash.update(CHUNK);
  return `sha256:${hash.digest('hex')}`;
}

/** Reads the blob once. Fails unless all of it came with a 200. */
function download({ port, prefix, digest }: Task): Promise<void> {
  return new Promise((resolve, reject) => {
    let head: string | undefined = '';
    let bytes = 0;
    const read = (length: number, buffer: Uint8Array): boolean => {
      if (head === undefined) bytes += length;
      else {
        head += Buffer.from(buffer.buffer, buffer.byteOffset, length).toString('latin1');
        const end = head.indexOf(END_OF_HEADERS);
        if (end === -1) return true;
        if (!head.startsWith('HTTP/1.1 200 ')) reject(new Error(head.slice(0, end)));
        bytes = head.length - end - END_OF_HEADERS.length;
        head = undefined;
      }
      return true;
    };
    const socket = connect({
      host: '127.0.0.1',
      port,
      onread: { buffer: Buffer.alloc(READ_BYTES), callback: read },
    });
    const path = `/v2/${prefix}${REPOSITORY}/blobs/${digest}`;
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${BENCH_AUTHORIZATION}\r\nConnection: close\r\n\r\n`,
    );
    socket.once('error', reject);
    socket.once('close', () =>
      bytes === BLOB_BYTES ? resolve() : reject(new Error(`${bytes} bytes instead of ${BLOB_BYTES}`)),
    );
  });
}

async function upload({ port, prefix, digest }: Task): Promise<void> {
  const opened = await send(port, 'POST', `/v2/${prefix}${REPOSITORY}/blobs/uploads/`, 202);
  const patched = await send(port, 'PATCH', opened, 202, BLOB_BYTES);
  await send(port, 'PUT', `${patched}&digest=${digest}`, 201);
}

/** Sends a request with a body of that many bytes and answers where the registry points to. */
function send(port: number, method: string, path: string, expected: number, bytes = 0): Promise<string> {
  const headers: OutgoingHttpHeaders = { authorization: BENCH_AUTHORIZATION, 'content-length': bytes };
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      response.resume();
      const { statusCode } = response;
      if (statusCode !== expected) return reject(new Error(`${method}: ${statusCode}`));
      const url = new URL(response.headers.location!, 'http://127.0.0.1');
      resolve(url.pathname + url.search);
    });
    sent.once('error', reject);
    let left = bytes;
    const write = (): void => {
      while (left > 0) {
        left -= CHUNK.length;
        if (!sent.write(CHUNK)) break;
      }
      if (left === 0) sent.end();
      else sent.once('drain', write);
    };
    write();
  });
}

async function transfer(task: Task): Promise<{ milliseconds: number; failed?: string }> {
  const work = task.direction === 'down' ? download : upload;
  const startedAt = performance.now();
  const results = await Promise.allSettled(Array.from({ length: PARALLEL }, () => work(task)));
  const milliseconds = performance.now() - startedAt;
  const failure = results.find((result) => result.status === 'rejected');
  return failure ? { milliseconds, failed: String(failure.reason) } : { milliseconds };
}

/** A way to the registry. */
class Way {
  readonly #seconds: number[] = [];
  #cpu = 0;

  constructor(
    readonly name: string,
    private readonly pid: number,
    private readonly port: number,
    private readonly prefix: string,
  ) {}

  async round(client: Part, direction: Direction, digest: string, counts: boolean): Promise<number> {
    const before = cpuSeconds(this.pid);
    const task: Task = { direction, port: this.port, prefix: this.prefix, digest };
    const { milliseconds, failed } = await client.ask<Awaited<ReturnType<typeof transfer>>>(task);
    if (failed !== undefined) throw new Error(`${this.name}, ${direction}: ${failed}`);
    if (counts) {
      this.#seconds.push(milliseconds / 1_000);
      this.#cpu += cpuSeconds(this.pid) - before;
    }
    return milliseconds;
  }

  /** Forgets what was measured. */
  report(direction: string): void {
    const bytes = BLOB_BYTES * PARALLEL;
    const rate = bytes / MEGABYTE / median(this.#seconds);
    const cpu = this.#cpu / ((bytes * this.#seconds.length) / GIGABYTE);
    console.log(
      `${direction.padEnd(4)} ${this.name.padEnd(5)} ${rate.toFixed(0)} MB/s, ${cpu.toFixed(2)} CPU-seconds per GB`,
    );
    this.#seconds.length = 0;
    this.#cpu = 0;
  }
}

interface Nginx {
  readonly child: ChildProcess;
  readonly port: number;
}

async function startNginx(upstream: URL, folder: string): Promise<Nginx> {
  const port = await freePort();
  // One process, as the gate is; connections to the registry are kept, as the gate keeps them. Without buffers of this size
  // nginx reads a download 4 KB at a time, and takes more than twice the processor time.
  const config = `
daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/error.log warn;
events { worker_connections 256; }
http {
  access_log off; client_max_body_size 0; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  upstream registry { server ${upstream.host}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://registry; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_buffering off; proxy_request_buffering off;
      proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k; client_body_buffer_size 64k;
    }
  }
}`;
  writeFileSync(join(folder, 'nginx.conf'), config);
  const child = spawn(
    'nginx',
    ['-e', join(folder, 'error.log'), '-p', folder, '-c', join(folder, 'nginx.conf')],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error('nginx ended');
    await delay(POLL_MS);
  }
  return { child, port };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

async function compare(): Promise<void> {
  requirePrograms('nginx');
  const folder = mkdtempSync(join(tmpdir(), 'dockreg-bench-'));
  const registry = await startDockerRegistry();
  const parts: Part[] = [];
  let nginx: Nginx | undefined;
  try {
    nginx = await startNginx(registry.url, folder);
    const gate = await Part.start(PROGRAM, 'gate', registry.url.href);
    parts.push(gate);
    const client = await Part.start(PROGRAM, 'client');
    parts.push(client);
    const { port } = gate.greeting as { port: number };
    const ways = [
      new Way('gate', gate.pid, port, ''),
      new Way('nginx', nginx.child.pid!, nginx.port, `${BENCH_SLUG}/`),
    ] as const;
    console.log(`${PARALLEL} blobs of ${BLOB_BYTES / MIB} MiB at once, median of ${ROUNDS} rounds`);
    for (const direction of ['up', 'down'] as const) await compareWays(ways, client, direction);
  } finally {
    for (const part of parts) part.stop();
    nginx?.child.kill();
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each goes first as often as the other: what the machine does beside falls on both. */
async function compareWays(ways: readonly [Way, Way], client: Part, direction: Direction): Promise<void> {
  const digest = digestOfBlob();
  const ratios: number[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    const counts = round >= WARM_UP_ROUNDS;
    const first = await ways[round % 2]!.round(client, direction, digest, counts);
    const second = await ways[(round + 1) % 2]!.round(client, direction, digest, counts);
    if (counts) ratios.push(round % 2 === 0 ? second / first : first / second);
  }
  for (const way of ways) way.report(direction);
  console.log(`${direction.padEnd(4)} ratio of the throughputs, gate to nginx: ${median(ratios).toFixed(2)}`);
}

const [, , role, upstream] = process.argv;
if (role === 'gate') playPart({ port: await serveBenchGate(new URL(upstream!)) }, () => Promise.resolve({}));
else if (role === 'client') playPart({}, transfer);
else await compare();
