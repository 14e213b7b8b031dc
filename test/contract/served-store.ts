import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** An embedded store in a process of its own, which a test may kill, freeze or starve. */
export interface ServedStore {
  readonly connectionString: string;
  readonly pid: number;
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>;
  /** An orderly end. */
  stop(): Promise<void>;
  /** Resolves with the message of the store's `failed`. */
  readonly failed: Promise<string>;
  residentBytes(): number;
}

const entry = fileURLToPath(new URL('../../dist/libs/embedded-store/src/index.js', import.meta.url));

/** Prints what happens, one JSON object a line; ends with its parent. */
const program = `
import { startEmbeddedStore } from ${JSON.stringify(entry)};
const tell = (message) => console.log(JSON.stringify(message));
process.stdin.on('end', () => process.exit(1)).resume();
try {
  const store = await startEmbeddedStore({ directory: process.argv[1] });
  store.failed.then((error) => tell({ failed: error.message }));
  process.once('SIGTERM', () => store.close().then(() => process.exit(0)));
  tell({ connectionString: store.connectionString, pid: process.pid });
} catch (error) {
  tell({ refused: error.name + ': ' + error.message });
  process.exit(1);
}`;

const running = new Set<() => void>();

/** Ends what a failed test left running. */
export function killServedStores(): void {
  for (const kill of running) kill();
}

/** Rejects with the error's name and message when the store does not start. `wrapper` = a command that runs it. */
export async function serveStore(directory: string, wrapper: readonly string[] = []): Promise<ServedStore> {
  const command = [...wrapper, process.execPath, '--input-type=module', '-e', program, directory];
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  const killChild = () => child.kill('SIGKILL');
  running.add(killChild);
  const gone = once(child, 'exit').then(() => {
    running.delete(killChild);
  });
  let onFailed: (message: string) => void = () => undefined;
  const failed = new Promise<string>((resolve) => (onFailed = resolve));
  const started = new Promise<{ connectionString: string; pid: number }>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      const message = JSON.parse(line) as Record<string, string>;
      if (message['failed'] !== undefined) onFailed(message['failed']);
      else if (message['refused'] !== undefined) reject(new Error(message['refused']));
      else resolve(message as unknown as { connectionString: string; pid: number });
    });
    child.on('error', reject);
    void gone.then(() => reject(new Error('the process of the store ended before it was ready')));
  });
  const { connectionString, pid } = await started;
  const end = (signal: NodeJS.Signals) => () => {
    process.kill(pid, signal);
    return gone;
  };
  const residentBytes = () =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  return { connectionString, pid, failed, residentBytes, kill: end('SIGKILL'), stop: end('SIGTERM') };
}
