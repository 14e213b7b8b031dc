/**
 * Decisions per CPU-second: `GET /v2/` with a good key at the gate, against the same request at a bare Fastify route that gives
 * the same answer, each in a process of its own, in alternating rounds of the same run. Only the CPU time of the server counts.
 */
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import Fastify from 'fastify';
import { BENCH_AUTHORIZATION, median, Part, playPart, serveBenchGate } from '../support/bench-gate.js';

const CONNECTIONS = 16;
const REQUESTS_PER_ROUND = 8_000;
const WARM_UP_ROUNDS = 3;
const ROUNDS = 12;
const MICROSECONDS_PER_SECOND = 1e6;
const PROGRAM = fileURLToPath(import.meta.url);

interface Measured {
  /** User and system time of the process since its start. */
  readonly cpuMicroseconds: number;
}

function measure(): Promise<Measured> {
  const { user, system } = process.cpuUsage();
  return Promise.resolve({ cpuMicroseconds: user + system });
}

async function serveBare(): Promise<number> {
  const fastify = Fastify({ logger: false });
  fastify.get('/v2/', (_, reply) =>
    reply
      .header('docker-distribution-api-version', 'registry/2.0')
      .header('content-type', 'application/json; charset=utf-8')
      .send('{}'),
  );
  await fastify.listen({ host: '127.0.0.1', port: 0 });
  return (fastify.server.address() as AddressInfo).port;
}

/** A server in a process of its own. */
class Server {
  readonly rates: number[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

  private constructor(
    private readonly part: Part,
    private readonly port: number,
  ) {}

  static async start(kind: 'gate' | 'bare'): Promise<Server> {
    const part = await Part.start(PROGRAM, kind);
    return new Server(part, (part.greeting as { port: number }).port);
  }

  /** Requests per second of the server's CPU time in one round. */
  async round(): Promise<number> {
    const before = await this.part.ask<Measured>({});
    let left = REQUESTS_PER_ROUND;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await this.#ask();
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, lane));
    const after = await this.part.ask<Measured>({});
    return (REQUESTS_PER_ROUND * MICROSECONDS_PER_SECOND) / (after.cpuMicroseconds - before.cpuMicroseconds);
  }

  stop(): void {
    this.#agent.destroy();
    this.part.stop();
  }

  #ask(): Promise<void> {
    const target = { host: '127.0.0.1', port: this.port, path: '/v2/', agent: this.#agent };
    return new Promise((resolve, reject) => {
      request({ ...target, headers: { authorization: BENCH_AUTHORIZATION } }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
        response.once('end', resolve).resume();
      })
        .once('error', reject)
        .end();
    });
  }
}

async function compare(): Promise<void> {
  const gate = await Server.start('gate');
  const bare = await Server.start('bare');
  const ratios: number[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    // Each goes first as often as the other: what the machine does beside falls on both.
    const [first, second] = round % 2 === 0 ? [gate, bare] : [bare, gate];
    const rates = new Map([[first, await first.round()]]);
    rates.set(second, await second.round());
    if (round < WARM_UP_ROUNDS) continue;
    gate.rates.push(rates.get(gate)!);
    bare.rates.push(rates.get(bare)!);
    ratios.push(rates.get(gate)! / rates.get(bare)!);
  }
  gate.stop();
  bare.stop();
  console.log(`gate: ${Math.round(median(gate.rates))} decisions per CPU-second`);
  console.log(`bare Fastify: ${Math.round(median(bare.rates))} requests per CPU-second`);
  console.log(`ratio (median of ${ROUNDS} rounds): ${median(ratios).toFixed(2)}`);
}

const role = process.argv[2];
if (role === 'gate') playPart({ port: await serveBenchGate(undefined) }, measure);
else if (role === 'bare') playPart({ port: await serveBare() }, measure);
else await compare();
