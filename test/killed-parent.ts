import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A Node process that runs the built code of this project, for tests of what its death leaves behind. */
export interface Parent {
  /** The value that the code handed to `ready`. */
  value: Record<string, unknown>;
  /** `kill -9`. Resolves when the process is gone. */
  kill(): Promise<void>;
}

/**
 * Runs `code`, an ES module that may import `<dist>/libs/…` and must call `ready(value)` once. The build must be
 * current, as `npm test` makes sure.
 */
export async function startParent(code: string): Promise<Parent> {
  const dist = fileURLToPath(new URL('../dist', import.meta.url));
  const source = `const ready = (value) => console.log(JSON.stringify(value));\n${code.replaceAll('<dist>', dist)}`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(parent, 'exit').then(() => undefined);
  const hasFailed = ended.then(() => Promise.reject(new Error('The parent ended before it was ready.')));
  const [line] = (await Promise.race([once(createInterface(parent.stdout), 'line'), hasFailed])) as [string];
  const kill = () => {
    parent.kill('SIGKILL');
    return ended;
  };
  return { value: JSON.parse(line) as Record<string, unknown>, kill };
}

/** A connection to a server on a unix socket. It closes when the server's process ends: the event to wait on. */
export async function watchServer(socketPath: string): Promise<{ closed: Promise<unknown>; socket: Socket }> {
  const socket = connect(socketPath);
  await once(socket, 'connect');
  return { closed: once(socket, 'close'), socket };
}
