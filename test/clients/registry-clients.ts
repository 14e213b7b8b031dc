import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, type Ran } from '../e2e/programs.js';
import type { NameService } from './name-service.js';

/** Who logs in, and how: the user name is the key or its id. */
export interface Credentials {
  readonly user: string;
  readonly key: string;
}

/** Pushes and pulls nothing for which it was not given a full name, and believes every image. */
const REGISTRIES_CONF = 'unqualified-search-registries = []\nshort-name-mode = "disabled"\n';
const POLICY = '{"default":[{"type":"insecureAcceptAnything"}]}\n';

/**
 * The docker client, skopeo and buildah as on a machine of their own: configuration, logins and images stand below a new
 * folder, and each program has logins of its own.
 */
export class RegistryClients {
  private readonly env: NodeJS.ProcessEnv;

  /** `tls`: who signed the registries' certificate, and who leads to them; undefined: they speak plain HTTP. */
  constructor(
    private readonly folder: string,
    private readonly tls: { caFile: string; names: NameService } | undefined,
  ) {
    mkdirSync(join(folder, 'docker'), { recursive: true });
    writeFileSync(join(folder, 'registries.conf'), REGISTRIES_CONF);
    writeFileSync(join(folder, 'policy.json'), POLICY);
    this.env = {
      HOME: folder,
      XDG_RUNTIME_DIR: folder,
      // Nothing there: a daemon of this machine is no part of the test.
      DOCKER_HOST: `unix://${join(folder, 'no-daemon.sock')}`,
      CONTAINERS_REGISTRIES_CONF: join(folder, 'registries.conf'),
      ...(tls && { SSL_CERT_FILE: tls.caFile, ...tls.names.env }),
    };
  }

  docker(...args: string[]): Promise<Ran> {
    return this.dockerWithInput('', args);
  }

  /** A command line, run as on this machine by a shell that has these variables. */
  shell(line: string, variables: NodeJS.ProcessEnv): Promise<Ran> {
    return run('sh', ['-c', line], { ...this.dockerEnv, ...variables });
  }

  dockerLogin(host: string, { user, key }: Credentials): Promise<Ran> {
    return this.dockerWithInput(key, ['login', '-u', user, '--password-stdin', host]);
  }

  /** `docker manifest create` of one image, and `push`: what docker can do without a daemon. */
  async dockerManifestPush(list: string, image: string): Promise<Ran> {
    const created = await this.docker('manifest', 'create', ...this.plain(['--insecure']), list, image);
    if (created.code !== 0) return created;
    return this.docker('manifest', 'push', ...this.plain(['--insecure']), list);
  }

  dockerManifestInspect(image: string): Promise<Ran> {
    return this.docker('manifest', 'inspect', ...this.plain(['--insecure']), image);
  }

  skopeo(command: string, ...args: string[]): Promise<Ran> {
    const options = ['--authfile', join(this.folder, 'skopeo.json'), ...this.plain(['--tls-verify=false'])];
    return run('skopeo', ['--insecure-policy', command, ...options, ...args], this.env);
  }

  /** A copy has two sides, each with options of its own. */
  skopeoCopy(from: string, to: string): Promise<Ran> {
    const verify = this.plain([from, to].flatMap((image, side) =>
      image.startsWith('docker:') ? [`--${['src', 'dest'][side]}-tls-verify=false`] : [],
    )); // prettier-ignore
    const options = ['--preserve-digests', '--authfile', join(this.folder, 'skopeo.json'), ...verify];
    return run('skopeo', ['--insecure-policy', 'copy', ...options, from, to], this.env);
  }

  skopeoLogin(host: string, { user, key }: Credentials): Promise<Ran> {
    const options = ['--authfile', join(this.folder, 'skopeo.json'), ...this.plain(['--tls-verify=false'])];
    return run('skopeo', ['login', ...options, '-u', user, '--password-stdin', host], this.env, key);
  }

  skopeoLogout(host: string): Promise<Ran> {
    return run('skopeo', ['logout', '--authfile', join(this.folder, 'skopeo.json'), host], this.env);
  }

  buildah(command: string, ...args: string[]): Promise<Ran> {
    return run('buildah', [...this.storage(), command, ...args], this.env);
  }

  /** A command of buildah that talks to a registry. */
  buildahRemote(command: string, ...args: string[]): Promise<Ran> {
    const options = ['--authfile', join(this.folder, 'buildah.json'), ...this.plain(['--tls-verify=false'])];
    const policy = ['--signature-policy', join(this.folder, 'policy.json')];
    return this.buildah(command, ...policy, ...options, ...args);
  }

  buildahLogin(host: string, { user, key }: Credentials): Promise<Ran> {
    const options = ['--authfile', join(this.folder, 'buildah.json'), ...this.plain(['--tls-verify=false'])];
    const args = [...this.storage(), 'login', ...options, '-u', user, '--password-stdin', host];
    return run('buildah', args, this.env, key);
  }

  buildahLogout(host: string): Promise<Ran> {
    return this.buildah('logout', '--authfile', join(this.folder, 'buildah.json'), host);
  }

  /** An image of one file, from nothing, as `name` in buildah's own storage. */
  async buildahBuild(name: string, content: string): Promise<void> {
    const file = join(this.folder, 'greeting.txt');
    writeFileSync(file, content);
    const from = await this.buildah('from', '--isolation', 'chroot', 'scratch');
    const container = from.output.trim();
    const policy = ['--signature-policy', join(this.folder, 'policy.json')];
    const copied = await this.buildah('copy', container, file, '/greeting.txt');
    const committed = await this.buildah('commit', ...policy, container, name);
    const failed = [from, copied, committed].find(({ code }) => code !== 0);
    if (failed) throw new Error(`buildah builds no image: ${failed.output}`);
  }

  private dockerWithInput(input: string, args: readonly string[]): Promise<Ran> {
    return run('docker', args, this.dockerEnv, input);
  }

  /** For docker alone: the others would look for credentials in that folder, too. */
  private get dockerEnv(): NodeJS.ProcessEnv {
    return { ...this.env, DOCKER_CONFIG: join(this.folder, 'docker') };
  }

  private storage(): string[] {
    const { folder } = this;
    return ['--root', join(folder, 'images'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
  }

  private plain(options: string[]): string[] {
    return this.tls === undefined ? options : [];
  }
}
