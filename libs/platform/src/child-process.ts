import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { withoutKeys } from '#libs/kernel';
import { recordChild } from './leftover-process.js';

/** How long a child may take until it is ready. Generous: Redis first reads all of its file. */
const READY_LIMIT_MS = 60_000;
/** Pause between two questions whether a child is ready. */
const READY_POLL_MS = 20;
/** The default of `stopLimitMs`. */
const STOP_LIMIT_MS = 5_000;
/** How long the last lines of a child that has died are waited for: its own children may hold the pipe open. */
const LAST_LINES_LIMIT_MS = 500;
/** Lines of output that the error of a failed start shows. */
const LAST_LINES = 5;

/** What a child needs of a logger; pino's fits. */
export interface ChildLog {
  debug(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

export interface ChildOptions {
  /** For the log and for errors. */
  name: string;
  /** Absolute path, see `findProgram`. */
  command: string;
  /** Everybody on the machine can read them: no secrets. */
  args: readonly string[];
  cwd?: string;
  /** The whole environment of the child. Default: PATH only, since ours holds passwords. */
  env?: NodeJS.ProcessEnv;
  /** Asked until it says true; a rejection ends the start. */
  readyWhen: () => Promise<boolean>;
  /** Level of an output line. Default: `warn` for stderr, `debug` for stdout. */
  levelOf?: (line: string) => 'debug' | 'warn';
  /** How long it may take to end by itself before it is killed. Default: 5 s; the whole server has 10 s to stop. */
  stopLimitMs?: number;
  log: ChildLog;
  /** File that remembers the child from its first moment on, for `endLeftover`. */
  record?: string;
}

export interface ChildExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Child {
  pid: number;
  /** Resolves when the child has ended, for whatever reason. Never rejects. */
  exited: Promise<ChildExit>;
  /** SIGTERM, and SIGKILL after `stopLimitMs`. Resolves when the child has ended; does nothing when it has already. */
  stop(): Promise<ChildExit>;
}

/**
 * Starts a program that does not outlive this process, not even its `kill -9`, and resolves when it is ready. It gets
 * its own session: a Ctrl-C at the terminal reaches this process only, which then stops its children in order.
 *
 * Linux sends the signal when the *thread* that started the child ends, so only the main thread may call this. Where
 * util-linux's `setpriv` is missing, the child outlives a `kill -9`, a warning says so, and `endLeftover` of the next
 * start ends it.
 *
 * Rejects when the program cannot be started, ends early (with its last lines) or is not ready within 60 s.
 */
export async function spawnChild(options: ChildOptions): Promise<Child> {
  if (!isMainThread) throw new Error('A child process can only be tied to the main thread.');
  const { name, log, record, cwd } = options;

  const [command, ...args] = tiedToUs(options);
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env ?? { PATH: process.env['PATH'] },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const lastLines = logLines(child, options);
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  await once(child, 'spawn');
  child.on('error', (error) => log.warn({ child: name, err: error }, 'a signal to a child process failed'));
  if (record) recordChild(record, child.pid!);

  const stop = () => stopChild(child, exited, options.stopLimitMs ?? STOP_LIMIT_MS);
  try {
    await ready(options, exited);
  } catch (cause) {
    await stop();
    await Promise.race([closed, delay(LAST_LINES_LIMIT_MS, undefined, { ref: false })]);
    throw new Error(`${name} did not start: ${lastLines.join(' | ') || 'it said nothing'}`, { cause });
  }
  log.debug({ child: name, pid: child.pid }, 'child process is ready');
  return { pid: child.pid!, exited, stop };
}

/**
 * The command line of a child that gets SIGTERM when its parent `parentPid` ends. Between the fork and the first
 * instruction of setpriv the parent may be gone already; the shell in between finds that out by its parent's id.
 */
export function tiedTo(parentPid: number, command: string, args: readonly string[]): [string, ...string[]] {
  const unlessOrphan = '[ "$PPID" = "$0" ] || exit 0; exec "$@"';
  return ['setpriv', '--pdeathsig', 'TERM', '/bin/sh', '-c', unlessOrphan, `${parentPid}`, command, ...args];
}

function tiedToUs({ name, command, args, log }: ChildOptions): [string, ...string[]] {
  if (canTie()) return tiedTo(process.pid, command, args);
  log.warn(
    { child: name },
    'setpriv of util-linux is missing: a kill -9 of this process leaves its child running',
  );
  return [command, ...args];
}

let tying: boolean | undefined;

/** Busybox has a setpriv that lacks the option; asked once. */
function canTie(): boolean {
  tying ??= spawnSync('setpriv', ['--pdeathsig', 'TERM', 'true'], { stdio: 'ignore' }).status === 0;
  return tying;
}

/** Sends every line of output to the log; returns the growing list of the last ones. */
function logLines(child: ChildProcess, { name, log, levelOf }: ChildOptions): string[] {
  const last: string[] = [];
  const listen = (stream: Readable, standard: 'debug' | 'warn') =>
    createInterface({ input: stream }).on('line', (raw) => {
      // A registry repeats the address of a request that failed, and a client may have put a key there.
      const line = withoutKeys(raw);
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      log[levelOf?.(line) ?? standard]({ child: name }, line);
    });
  listen(child.stdout!, 'debug');
  listen(child.stderr!, 'warn');
  return last;
}

async function ready({ readyWhen }: ChildOptions, exited: Promise<ChildExit>): Promise<void> {
  const limit = AbortSignal.timeout(READY_LIMIT_MS);
  const hasEnded = exited.then(({ code, signal }) => {
    throw new Error(`It ended with ${signal ?? `code ${code}`}.`);
  });
  while (!(await Promise.race([readyWhen(), hasEnded]))) {
    if (limit.aborted) throw new Error(`It was not ready within ${READY_LIMIT_MS / 1000} s.`);
    await Promise.race([delay(READY_POLL_MS), hasEnded]);
  }
}

async function stopChild(
  child: ChildProcess,
  exited: Promise<ChildExit>,
  limitMs: number,
): Promise<ChildExit> {
  if (child.exitCode !== null || child.signalCode !== null) return exited;
  child.kill('SIGTERM');
  // The minus: the child leads a group, and what it has started goes with it.
  const kill = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), limitMs);
  const exit = await exited;
  clearTimeout(kill);
  return exit;
}
