import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a leftover may take to end by itself. It got its SIGTERM when its parent died, so it is about to. */
const END_LIMIT_MS = 5_000;
/** Pause between two looks; the end of a process that is not our child raises no event. */
const POLL_MS = 20;

/** Remembers in `file` which process runs on the folder that the file lies in, and who started it: us. */
export function recordChild(file: string, pid: number): void {
  writeFileSync(file, JSON.stringify({ pid, owner: process.pid }), { mode: 0o600 });
}

/**
 * Ends the child that a killed predecessor left on the same folder, so that two programs never write the same files.
 * A process is taken for that child only if its command line holds all of `args`: its id may be another's by now.
 * Throws when its parent is alive: then the folder is in use.
 */
export async function endLeftover(file: string, args: readonly string[]): Promise<void> {
  const record = readRecord(file);
  if (record && isChild(record.pid, args)) {
    if (parentOf(record.pid) === record.owner) {
      throw new Error(
        `${file}: process ${record.pid} of the running process ${record.owner} uses this folder.`,
      );
    }
    await end(record.pid, args);
  }
  rmSync(file, { force: true });
}

async function end(pid: number, args: readonly string[]): Promise<void> {
  signal(pid, 'SIGTERM');
  if (await hasEnded(pid, args)) return;
  signal(pid, 'SIGKILL');
  if (await hasEnded(pid, args)) return;
  throw new Error(`Process ${pid}, left over from a run that was killed, cannot be ended: ${args.join(' ')}`);
}

async function hasEnded(pid: number, args: readonly string[]): Promise<boolean> {
  const limit = AbortSignal.timeout(END_LIMIT_MS);
  while (isChild(pid, args)) {
    if (limit.aborted) return false;
    await delay(POLL_MS);
  }
  return true;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended since we looked, or is another user's; the caller looks again.
  }
}

/** A file that was cut short by a crash remembers nothing. */
function readRecord(file: string): { pid: number; owner: number } | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const { pid, owner } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    return Number.isInteger(pid) && Number.isInteger(owner)
      ? { pid: pid as number, owner: owner as number }
      : undefined;
  } catch {
    return undefined;
  }
}

/** False also for a zombie, whose command line is empty. */
function isChild(pid: number, args: readonly string[]): boolean {
  const commandLine = readProc(pid, 'cmdline').split('\0');
  return commandLine.length > 1 && args.every((arg) => commandLine.includes(arg));
}

/** Fourth field of /proc/<pid>/stat (proc(5)); the second one, the name in parentheses, may hold anything. */
function parentOf(pid: number): number {
  const afterName = readProc(pid, 'stat').replace(/^.*\)/s, '').trim();
  return Number(afterName.split(' ')[1]);
}

/** Empty when the process is gone, and everywhere but on Linux. */
function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
