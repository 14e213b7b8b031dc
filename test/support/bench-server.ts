import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('../../apps/server/src/main.js', import.meta.url));
const CLI = fileURLToPath(new URL('../../apps/cli/src/main.js', import.meta.url));
const START_LIMIT_MS = 60_000;
const POLL_MS = 20;
/** Linux counts CPU time in these for user space (USER_HZ). */
const TICKS_PER_SECOND = 100;
const ADDRESS = /https?:\/\/127\.0\.0\.1:(\d+)/;
/** The start-up text ends with it. */
const BANNER_END = 'Ctrl-C ends it.';

/** A compiled program of this project in a process of its own, for benchmarks. */
export class BenchProcess {
  private output = '';

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  /** A server that answers `/readyz` with 200. `env`: its settings; everything else is at its default. */
  static async server(env: Readonly<Record<string, string>>): Promise<BenchProcess> {
    const settings = { API_PORT: '0', GATE_PORT: '0', REGISTRY_UPSTREAM: 'none', ...env };
    const server = BenchProcess.spawn([SERVER], settings);
    await server.until(BANNER_END);
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${server.port}/readyz`);
      await answer.arrayBuffer();
      if (answer.ok) return server;
      await delay(POLL_MS);
    }
  }

  /** `dockreg store`, and the EVENTSTORE_URL that it prints. */
  static async store(dataDir: string): Promise<{ store: BenchProcess; url: string }> {
    const store = BenchProcess.spawn([CLI, 'store', '--data-dir', dataDir], {});
    await store.until("'\n");
    return { store, url: /'(.+)'/.exec(store.output)![1]! };
  }

  private static spawn(args: readonly string[], settings: Readonly<Record<string, string>>): BenchProcess {
    const env = { PATH: process.env['PATH'], ...settings };
    return new BenchProcess(spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Of the first role that the start-up text names. */
  get port(): number {
    return Number(ADDRESS.exec(this.output)![1]);
  }

  /** The port that the start-up text gives behind this name. */
  portOf(role: 'Gate' | 'Management API'): number {
    return Number(new RegExp(`${role} +http://127\\.0\\.0\\.1:(\\d+)`).exec(this.output)![1]);
  }

  /** User and system time of the process so far, in seconds, to 10 ms. */
  cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }

  private async until(text: string): Promise<void> {
    const limit = performance.now() + START_LIMIT_MS;
    while (!this.output.includes(text)) {
      const isOver = this.child.exitCode !== null || performance.now() > limit;
      if (isOver) throw new Error(`the program did not start:\n${this.output}`);
      await delay(POLL_MS);
    }
  }
}
