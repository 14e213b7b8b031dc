/**
 * Latency of a good key while strangers flood the gate with ten times as many requests, as a ratio to its latency when it is
 * alone, in alternating rounds of the same run. The good key asks at a steady rate for `/v2/`; the flood comes from a process
 * of its own, at a steady rate too, from the same network, each time with another well-formed key that nobody was given.
 */
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  BENCH_AUTHORIZATION,
  median,
  Part,
  playPart,
  serveBenchGate,
  strangersAuthorization,
} from '../support/bench-gate.js';

const GOOD_PER_SECOND = 200;
const FLOOD_FACTOR = 10;
const ROUND_MS = 2_000;
const WARM_UP_ROUNDS = 1;
const ROUNDS = 6;
const TICK_MS = 5;
const FLOOD_CONNECTIONS = 32;
const PROGRAM = fileURLToPath(import.meta.url);

interface Stream {
  readonly port: number;
  readonly perSecond: number;
  readonly forMs: number;
}

interface Outcome {
  readonly latenciesMs: number[];
  /** How often each status came. */
  readonly statuses: Record<string, number>;
}

/** Sends requests at a steady rate, whether or not those before are answered, until the time is over; then waits for the rest. */
async function stream(
  { port, perSecond, forMs }: Stream,
  connections: number,
  authorizationOf: (number: number) => string,
): Promise<Outcome> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const outcome: Outcome = { latenciesMs: [], statuses: {} };
  const startedAt = performance.now();
  const underWay: Promise<void>[] = [];
  for (let elapsed = 0; elapsed < forMs; elapsed = performance.now() - startedAt) {
    const due = Math.ceil((elapsed / 1_000) * perSecond);
    while (underWay.length < due) underWay.push(ask(port, agent, authorizationOf(underWay.length), outcome));
    await delay(TICK_MS);
  }
  await Promise.all(underWay);
  agent.destroy();
  return outcome;
}

function ask(port: number, agent: Agent, authorization: string, outcome: Outcome): Promise<void> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/v2/', agent, headers: { authorization } };
    request(options, (response) => {
      outcome.statuses[response.statusCode!] = (outcome.statuses[response.statusCode!] ?? 0) + 1;
      response.resume().once('end', () => {
        outcome.latenciesMs.push(performance.now() - startedAt);
        resolve();
      });
    })
      .once('error', reject)
      .end();
  });
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

/** What the good key saw in one kind of round. */
class Latency {
  readonly #rounds: { p50: number; p99: number }[] = [];

  add({ latenciesMs, statuses }: Outcome): void {
    const refused = Object.keys(statuses).filter((status) => status !== '200');
    if (refused.length > 0) throw new Error(`the good key was answered ${refused.join(', ')}`);
    const sorted = latenciesMs.toSorted((a, b) => a - b);
    this.#rounds.push({ p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) });
  }

  /** Medians of the rounds. */
  get p50(): number {
    return median(this.#rounds.map(({ p50 }) => p50));
  }

  get p99(): number {
    return median(this.#rounds.map(({ p99 }) => p99));
  }

  get text(): string {
    return `p50 ${this.p50.toFixed(2)} ms, p99 ${this.p99.toFixed(2)} ms`;
  }
}

async function compare(): Promise<void> {
  const gate = await Part.start(PROGRAM, 'gate');
  const flood = await Part.start(PROGRAM, 'flood');
  const { port } = gate.greeting as { port: number };
  const good = { port, perSecond: GOOD_PER_SECOND, forMs: ROUND_MS };
  const [quiet, flooded] = [new Latency(), new Latency()];
  const strangers: Record<string, number> = {};
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    const alone = await stream(good, 8, () => BENCH_AUTHORIZATION);
    const flooding = flood.ask<Outcome>({ ...good, perSecond: FLOOD_FACTOR * GOOD_PER_SECOND });
    const beside = await stream(good, 8, () => BENCH_AUTHORIZATION);
    const { statuses } = await flooding;
    if (round < WARM_UP_ROUNDS) continue;
    quiet.add(alone);
    flooded.add(beside);
    for (const [status, count] of Object.entries(statuses)) {
      strangers[status] = (strangers[status] ?? 0) + count;
    }
  }
  gate.stop();
  flood.stop();
  const floodRate = FLOOD_FACTOR * GOOD_PER_SECOND;
  console.log(`a good key, ${GOOD_PER_SECOND} requests/s, alone: ${quiet.text}`);
  console.log(`the same under ${floodRate} requests/s of strangers: ${flooded.text}`);
  console.log(`strangers were answered: ${JSON.stringify(strangers)}`);
  const ratios = { p50: flooded.p50 / quiet.p50, p99: flooded.p99 / quiet.p99 };
  console.log(
    `ratio (median of ${ROUNDS} rounds): p50 ${ratios.p50.toFixed(2)}, p99 ${ratios.p99.toFixed(2)}`,
  );
}

const role = process.argv[2];
if (role === 'gate') playPart({ port: await serveBenchGate(undefined) }, () => Promise.resolve({}));
else if (role === 'flood')
  playPart<Stream>({}, (task) => stream(task, FLOOD_CONNECTIONS, strangersAuthorization));
else await compare();
