import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { tiedTo } from '#libs/platform';

const MAIN = fileURLToPath(new URL('../../../../dist/apps/cli/src/main.js', import.meta.url));

/** A running `dockreg store`. It ends with the process of its test. */
export interface DockregStore {
  /** What it printed for EVENTSTORE_URL, without the quotes. */
  readonly connectionString: string;
  readonly port: number;
  /** Resolves with the exit code, or the signal that ended it. */
  stop(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

/** Starts it and waits for its line. Rejects with what it said when it ends instead. */
export async function startDockregStore(dataDir: string, port: number): Promise<DockregStore> {
  const args = [MAIN, 'store', '--data-dir', dataDir, '--port', String(port)];
  const [command, ...rest] = tiedTo(process.pid, process.execPath, args);
  // Nothing of this process's settings, and none of its own: it needs none.
  const env = { PATH: process.env['PATH'] };
  const child = spawn(command, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const closed = once(child, 'close').then(() => {
    throw new Error(`it ended: ${said}`);
  });
  // Its end is awaited only until the first line.
  closed.catch(() => undefined);
  const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
  const [text] = await Promise.race([line, closed]);
  const [, connectionString] = /^EVENTSTORE_URL='(kurrentdb:.*)'$/.exec(text) ?? [];
  if (connectionString === undefined) throw new Error(`not a line for a shell: ${text}`);
  return {
    connectionString,
    port: Number(/:(\d+)\?/.exec(connectionString)?.[1]),
    stop: async (signal) => {
      child.kill(signal);
      const [code, by] = await ended;
      return (by ?? code)!;
    },
  };
}
