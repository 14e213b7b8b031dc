import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { base62FromBytes, formatKey } from '#libs/kernel';
import { tiedTo } from '#libs/platform';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { Api } from './api.js';
import { exchange } from './http-exchange.js';

const MAIN = fileURLToPath(new URL('../../dist/apps/server/src/main.js', import.meta.url));
/** A cold start takes 1 to 2 s on two idle cores. */
const START_LIMIT_MS = 30_000;
/** Pause between two looks at what raises no event. */
const POLL_MS = 20;
/** How the start-up text names the addresses of the roles that run. */
const BANNER_END = 'Ctrl-C ends it.';
const API = /Management API +http:\/\/127\.0\.0\.1:(\d+)/;
const GATE = /Gate +https?:\/\/(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)/;
const WORKER = /Worker +http:\/\/127\.0\.0\.1:(\d+)/;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** From the signal, or the start, to the end. */
  readonly milliseconds: number;
}

type Environment = Readonly<Record<string, string>>;

/** Whatever `condition` says, asked until it is neither false nor undefined, within `limitMs`. */
export async function eventually<T>(
  what: string,
  limitMs: number,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const limit = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined) return value;
    if (performance.now() > limit) throw new Error(`not within ${limitMs} ms: ${what}`);
    await delay(POLL_MS);
  }
}

/** A secret of a test: 43 base62 characters. */
export function randomSecret(): string {
  return base62FromBytes(randomBytes(128), 43)!;
}

/**
 * A data directory of its own and the servers that were started on it. `remove` must be called in `afterAll`: it kills
 * what still runs. A server also ends with the process of its test.
 */
export class Installation {
  readonly #folder = temporaryDirectory();
  readonly #running = new Set<ChildProcess>();
  #runs = 0;
  /** Everything that belongs to this installation: the data directory and what the servers wrote to their outputs. */
  readonly folder = this.#folder.path;
  readonly dataDir = join(this.folder, 'data');
  readonly password = `pass-${randomSecret()}`;
  readonly token = formatKey(`drm_${randomSecret().slice(0, 16)}`, randomSecret());

  constructor(private readonly settings: Environment = {}) {
    mkdirSync(join(this.folder, 'output'));
  }

  /** Starts a server and waits until `/readyz` answers `readiness`. A setting of `''` counts as unset. */
  async start(settings: Environment = {}, readiness = 200): Promise<ServerProcess> {
    const run = this.#spawn(settings);
    const limit = AbortSignal.timeout(START_LIMIT_MS);
    const aborted = once(limit, 'abort').then(() => `not ready within ${START_LIMIT_MS} ms`);
    const ended = run.ended.then(({ code, signal }) => `ended with ${signal ?? code}`);
    const ready = run.ports.then(() => undefined);
    const failure = await Promise.race([ready, ended, aborted]);
    if (failure !== undefined) {
      run.child.kill('SIGKILL');
      throw new Error(`the server is ${failure}:\n${run.output()}`);
    }
    const { api, gate, operations } = await run.ports;
    const server = new ServerProcess(run, api, gate, this);
    await eventually('/readyz', START_LIMIT_MS, async () => {
      const answer = await exchange(operations, { path: '/readyz' });
      return answer.status === readiness;
    });
    return server;
  }

  /** Runs a server that is expected to refuse its start; kills it after `limitMs`. */
  async startToEnd(settings: Environment, limitMs: number): Promise<Exit & { output: string }> {
    const run = this.#spawn(settings);
    const timer = setTimeout(() => run.child.kill('SIGKILL'), limitMs);
    const exit = await run.ended;
    clearTimeout(timer);
    return { ...exit, output: run.output() };
  }

  /** The children of a server: programs that run on this data directory, by their command line. */
  programs(): string[] {
    return readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .map((pid) => commandLine(pid))
      .filter((line) => line.includes(this.dataDir) && /redis-server|docker-registry/.test(line));
  }

  /** Kills what still runs and deletes everything. */
  async remove(): Promise<void> {
    const ends = [...this.#running].map((child) => once(child, 'exit'));
    for (const child of this.#running) child.kill('SIGKILL');
    await Promise.all(ends);
    await eventually('the children of a killed server end', 10_000, () => this.programs().length === 0);
    this.#folder.remove();
  }

  #spawn(settings: Environment): Run {
    const [command, ...args] = tiedTo(process.pid, process.execPath, [MAIN]);
    const own = {
      DATA_DIR: this.dataDir,
      API_PORT: '0',
      GATE_PORT: '0',
      BOOTSTRAP_ADMIN_TOKEN: this.token,
      BOOTSTRAP_ADMIN_PASSWORD: this.password,
    };
    // Nothing else of this process's environment: a setting of whoever runs the tests would change what they test.
    const env = { PATH: process.env['PATH'], HOME: this.folder, ...own, ...this.settings, ...settings };
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return watch(child, join(this.folder, 'output', `${++this.#runs}`));
  }
}

/** One started process. */
interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves when the process and its outputs have ended. */
  readonly ended: Promise<Exit>;
  /** From the start-up text. */
  readonly ports: Promise<Ports>;
}

interface Ports {
  /** 0 without the role. */
  readonly api: number;
  readonly gate: number;
  /** Any port that answers `/readyz`. */
  readonly operations: number;
}

function portsIn(banner: string): Ports {
  const [api, gate, worker] = [API, GATE, WORKER].map((line) => Number(line.exec(banner)?.[1] ?? 0));
  return { api: api!, gate: gate!, operations: api! || gate! || worker! };
}

function watch(child: ChildProcess, file: string): Run {
  const startedAt = performance.now();
  let output = '';
  const ports = new Promise<Ports>((resolve) => {
    const keep = (name: string) => (chunk: Buffer) => {
      appendFileSync(`${file}.${name}`, chunk);
      output += chunk.toString();
      if (output.includes(BANNER_END)) resolve(portsIn(output));
    };
    child.stdout!.on('data', keep('stdout'));
    child.stderr!.on('data', keep('stderr'));
  });
  const ended = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) =>
      resolve({ code, signal, milliseconds: performance.now() - startedAt }),
    );
  });
  return { child, output: () => output, ended, ports };
}

/** A server that was ready. */
export class ServerProcess {
  readonly api: Api;

  constructor(
    private readonly run: Run,
    readonly apiPort: number,
    readonly gatePort: number,
    readonly installation: Installation,
  ) {
    this.api = new Api(apiPort, installation.token, gatePort);
  }

  get output(): string {
    return this.run.output();
  }

  get pid(): number {
    return this.run.child.pid!;
  }

  /** Sends a signal and waits for nothing: SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.run.child.kill(signal);
  }

  /** Sends the signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    const sentAt = performance.now();
    this.run.child.kill(signal);
    const exit = await this.run.ended;
    return { ...exit, milliseconds: performance.now() - sentAt };
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
