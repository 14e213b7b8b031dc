/**
 * Decisions per CPU-second: `GET /v2/` with a good key at the gate, against the same request at a bare Fastify route, each in
 * a child process of its own, in alternating rounds of the same run. Only the CPU time of the server counts.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import Fastify from 'fastify';
import { AccessModel } from '#libs/access';
import { formatKey, hashSecret } from '#libs/kernel';
import { startGate } from '../../apps/server/src/gate/gate.js';

const KIND_ARGUMENT = 2;
const CONNECTIONS = 16;
const REQUESTS_PER_ROUND = 8_000;
const WARM_UP_ROUNDS = 2;
const ROUNDS = 9;
const MICROSECONDS_PER_SECOND = 1e6;

const ID = 'drk_0123456789abcdef';
const SECRET = 'S'.repeat(43);
const REGISTRY = 'reg_0123456789abcdef';
const authorization = `Basic ${Buffer.from(`${ID}:${formatKey(ID, SECRET)}`).toString('base64')}`;

interface Measured {
  /** User and system time of the process since its start. */
  readonly cpuMicroseconds: number;
}

/** Serves until it is killed; answers each message with its CPU time. */
async function serve(kind: string): Promise<void> {
  const port = kind === 'gate' ? await serveGate() : await serveBare();
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send!({ cpuMicroseconds: user + system } satisfies Measured);
  });
  process.on('disconnect', () => process.exit());
  process.send!({ port });
}

async function serveGate(): Promise<number> {
  const access = new AccessModel({ registryDomain: 'registry.example' });
  access.loadRegistry({ id: REGISTRY, slug: 'bench' });
  access.loadHost({ host: '127.0.0.1', registry: REGISTRY });
  access.loadKey({
    id: ID,
    registry: REGISTRY,
    permission: 'read',
    secretHash: hashSecret(SECRET),
    expiresAt: null,
    state: 'active',
    revokedAt: null,
  });
  const silent = (): void => {};
  let decisions = 0;
  const gate = await startGate({
    host: '127.0.0.1',
    port: 0,
    access,
    upstream: undefined,
    ready: () => true,
    now: Date.now,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    metrics: { decided: () => decisions++ },
  });
  return gate.port;
}

async function serveBare(): Promise<number> {
  const fastify = Fastify({ logger: false });
  fastify.get('/v2/', (_, reply) => reply.header('content-type', 'application/json').send('{}'));
  await fastify.listen({ host: '127.0.0.1', port: 0 });
  return (fastify.server.address() as AddressInfo).port;
}

/** A server in a child process. */
class Server {
  readonly rates: number[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

  private constructor(
    readonly child: ChildProcess,
    readonly port: number,
  ) {}

  static async start(kind: string): Promise<Server> {
    const child = fork(fileURLToPath(import.meta.url), [kind]);
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new Server(child, port);
  }

  /** Requests per second of the server's CPU time in one round. */
  async round(): Promise<number> {
    const before = await this.#cpu();
    let left = REQUESTS_PER_ROUND;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await this.#ask();
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, lane));
    return (REQUESTS_PER_ROUND * MICROSECONDS_PER_SECOND) / ((await this.#cpu()) - before);
  }

  stop(): void {
    this.#agent.destroy();
    this.child.disconnect();
  }

  async #cpu(): Promise<number> {
    const answered = once(this.child, 'message');
    this.child.send('cpu');
    const [{ cpuMicroseconds }] = (await answered) as [Measured];
    return cpuMicroseconds;
  }

  #ask(): Promise<void> {
    const target = { host: '127.0.0.1', port: this.port, path: '/v2/', agent: this.#agent };
    return new Promise((resolve, reject) => {
      request({ ...target, headers: { authorization } }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
        response.once('end', resolve).resume();
      })
        .once('error', reject)
        .end();
    });
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}

async function compare(): Promise<void> {
  const gate = await Server.start('gate');
  const bare = await Server.start('bare');
  const ratios: number[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    const rates = { gate: await gate.round(), bare: await bare.round() };
    if (round < WARM_UP_ROUNDS) continue;
    gate.rates.push(rates.gate);
    bare.rates.push(rates.bare);
    ratios.push(rates.gate / rates.bare);
  }
  gate.stop();
  bare.stop();
  console.log(`gate: ${Math.round(median(gate.rates))} decisions per CPU-second`);
  console.log(`bare Fastify: ${Math.round(median(bare.rates))} requests per CPU-second`);
  console.log(`ratio (median of ${ROUNDS} rounds): ${median(ratios).toFixed(2)}`);
}

const kind = process.argv[KIND_ARGUMENT];
await (kind === 'gate' || kind === 'bare' ? serve(kind) : compare());
