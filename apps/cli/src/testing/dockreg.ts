import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** The built program: the command line is tested as the process that a person starts. */
export const MAIN = fileURLToPath(new URL('../../../../dist/apps/cli/src/main.js', import.meta.url));
/** A command that hangs is killed then, and its code is null. */
const ENDS_WITHIN_MS = 60_000;

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `dockreg` on a data directory, with nothing else of this process's settings. */
export async function dockreg(
  dataDir: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const env = { PATH: process.env['PATH'], DATA_DIR: dataDir, ...environment };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  clearTimeout(timer);
  return { code, out, err };
}
