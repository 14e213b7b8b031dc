import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { TestKey } from './gate-fixture.js';

interface Run {
  readonly code: number;
  /** Both outputs. */
  readonly output: string;
}

/** Runs skopeo to its end. */
async function skopeo(...args: readonly string[]): Promise<Run> {
  const child = spawn('skopeo', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[number]>;
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { code, output: out + err };
}

/** `skopeo copy` between an OCI layout and `docker://<host>/<repository>:<tag>`, over plain HTTP at the registry's side. */
export function skopeoCopy(from: string, to: string, key: TestKey, user = key.id): Promise<Run> {
  const side = from.startsWith('docker:') ? 'src' : 'dest';
  const options = [`--${side}-tls-verify=false`, `--${side}-creds`, `${user}:${key.key}`];
  return skopeo('--insecure-policy', 'copy', '--preserve-digests', ...options, from, to);
}

export async function skopeoTags(repository: string, key: TestKey): Promise<string[]> {
  const options = ['--tls-verify=false', '--creds', `${key.id}:${key.key}`];
  const { output } = await skopeo('list-tags', ...options, `docker://${repository}`);
  return (JSON.parse(output) as { Tags: string[] }).Tags.toSorted();
}

/** By tag; the manifest that it names goes. */
export function skopeoDelete(image: string, key: TestKey): Promise<Run> {
  return skopeo('delete', '--tls-verify=false', '--creds', `${key.id}:${key.key}`, `docker://${image}`);
}
