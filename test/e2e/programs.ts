import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export interface Ran {
  readonly code: number;
  /** Both outputs. */
  readonly output: string;
}

/** Runs a program to its end, with `input` and nothing else on its input. */
export async function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input = '',
): Promise<Ran> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  // A program that ends without reading it closes the pipe.
  child.stdin.on('error', () => undefined).end(input);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number, output: out + err };
}

/** `docker login` with a configuration folder of its own below `folder`, so that nobody's real logins change. */
export async function dockerLogin(folder: string, host: string, user: string, key: string): Promise<Ran> {
  const config = mkdtempSync(join(folder, 'docker-'));
  const ran = await run('docker', ['login', '-u', user, '-p', key, host], { DOCKER_CONFIG: config });
  rmSync(config, { recursive: true });
  return ran;
}

/** `skopeo copy`; at the registry's side with these credentials and plain HTTP. */
export function skopeoCopy(from: string, to: string, user: string, key: string): Promise<Ran> {
  const side = from.startsWith('docker:') ? 'src' : 'dest';
  const options = [`--${side}-tls-verify=false`, `--${side}-creds`, `${user}:${key}`];
  return run('skopeo', ['--insecure-policy', 'copy', '--preserve-digests', ...options, from, to]);
}
