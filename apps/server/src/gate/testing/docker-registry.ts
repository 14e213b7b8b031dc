import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A real registry (CNCF distribution, Debian's `docker-registry`) for tests, on a free port, storing in a folder of its own. */
export interface DockerRegistry {
  readonly url: URL;
  /** Makes repositories that have a layer, as far as the catalog looks; faster than pushing one to each. */
  addRepositories(names: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** Fails with the line that installs the program where it is missing. */
export function requirePrograms(...names: readonly string[]): void {
  const missing = names.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  if (missing.length > 0) {
    const packages = missing.map((name) => (name === 'docker' ? 'docker.io' : name));
    throw new Error(`this test needs: apt-get install --no-install-recommends ${packages.join(' ')}`);
  }
}

/** `settings` stands beside those that every test needs. */
export async function startDockerRegistry(settings: object = {}): Promise<DockerRegistry> {
  requirePrograms('docker-registry');
  const folder = await mkdtemp(join(tmpdir(), 'dockreg-registry-'));
  const config = join(folder, 'config.json');
  // JSON is YAML. The registry picks the port and says in its log which.
  const configuration = {
    ...settings,
    version: '0.1',
    log: { level: 'info', formatter: 'json' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: '127.0.0.1:0', secret: 'a secret of this test' },
  };
  await writeFile(config, JSON.stringify(configuration));
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const url = new URL(`http://${await listeningAddress(child)}`);
  const repositories = join(folder, 'data', 'docker', 'registry', 'v2', 'repositories');
  return {
    url,
    async addRepositories(names) {
      for (const name of names) await mkdir(join(repositories, name, '_layers'), { recursive: true });
    },
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function listeningAddress(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stderr! })) {
    const address = /listening on ([0-9.]+:\d+)/.exec(line)?.[1];
    if (address === undefined) continue;
    child.stderr!.resume();
    return address;
  }
  throw new Error('docker-registry ended before it listened');
}
