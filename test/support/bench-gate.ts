import { fork, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { AccessModel } from '#libs/access';
import { formatKey, hashSecret } from '#libs/kernel';
import { startGate } from '../../apps/server/src/gate/gate.js';

/** What Linux counts the processor time of a process in (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100;
/** Where user and system time stand in /proc/<pid>/stat, counted from the field after the program's name (proc(5)). */
const USER_TICKS_AT = 11;
const SYSTEM_TICKS_AT = 12;

const AT = '2026-01-01T00:00:00.000Z';
const REGISTRY = 'reg_0123456789abcdef';
/** Under which the registry's repositories stand in the store behind the gate. */
export const BENCH_SLUG = 'bench';
const ID = 'drk_0123456789abcdef';
const SECRET = 'S'.repeat(43);
/** What a client of the registry on 127.0.0.1 sends with the one key, which may pull and push. */
export const BENCH_AUTHORIZATION = basic(ID, formatKey(ID, SECRET));

/** What a stranger sends: a well-formed key with a good checksum that nobody was given; another one for each number. */
export function strangersAuthorization(number: number): string {
  const digest = createHash('sha256').update(String(number)).digest('hex');
  const id = `drk_${digest.slice(0, 16)}`;
  return basic(id, formatKey(id, digest.slice(16, 59)));
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** Starts a gate on 127.0.0.1 with one registry and one key, as the server does but for the log, and answers its port. */
export async function serveBenchGate(upstream: URL | undefined): Promise<number> {
  const access = new AccessModel({ registryDomain: 'registry.example' });
  const key = { registry: REGISTRY, permission: 'read-write', secretHash: hashSecret(SECRET) };
  const unrestricted = { expiresAt: null, repositories: [], networks: [], expectedCountries: [] };
  const facts: [type: string, id: string, data: object][] = [
    ['RegistryCreated', REGISTRY, { at: AT, slug: BENCH_SLUG }],
    ['HostAdded', REGISTRY, { at: AT, host: '127.0.0.1' }],
    ['KeyGenerated', ID, { at: AT, ...key, ...unrestricted }],
  ];
  facts.forEach(([type, id, data], index) => access.apply({ type, id, data, position: BigInt(index) }));
  const silent = (): void => {};
  let decisions = 0;
  const gate = await startGate({
    host: '127.0.0.1',
    port: 0,
    access,
    upstream,
    ready: () => true,
    now: Date.now,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    metrics: { decided: () => decisions++ },
  });
  return gate.port;
}

/** A part of a benchmark in a process of its own: the benchmark's program again, told which part to play. */
export class Part {
  private constructor(
    readonly process: ChildProcess,
    /** What it said first. */
    readonly greeting: unknown,
  ) {}

  /** Ends with the benchmark. Rejects when the program ends before it says anything. */
  static async start(program: string, ...roleAndArguments: readonly string[]): Promise<Part> {
    const child = fork(program, roleAndArguments);
    const failed = once(child, 'exit').then(() => Promise.reject(new Error(`${roleAndArguments[0]} ended`)));
    const [greeting] = (await Promise.race([once(child, 'message'), failed])) as [unknown];
    failed.catch(() => {});
    return new Part(child, greeting);
  }

  get pid(): number {
    return this.process.pid!;
  }

  async ask<T>(question: object): Promise<T> {
    const answered = once(this.process, 'message');
    this.process.send(question);
    return ((await answered) as [T])[0];
  }

  stop(): void {
    this.process.disconnect();
  }
}

/** In a part: says hello, answers questions one after the other, and ends with the benchmark. */
export function playPart<Q extends object>(greeting: object, answer: (question: Q) => Promise<object>): void {
  process.on('message', (question: Q) => void answer(question).then((said) => process.send!(said)));
  process.on('disconnect', () => process.exit());
  process.send!(greeting);
}

/** Processor time of a process since its start, in seconds, to 10 ms. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TICKS_AT]) + Number(fields[SYSTEM_TICKS_AT])) / TICKS_PER_SECOND;
}

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}
