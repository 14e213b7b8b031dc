import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requirePrograms } from '../../apps/server/src/gate/testing/docker-registry.js';
import { writeOciLayout } from '../../apps/server/src/gate/testing/oci-layout.js';
import type { GeneratedKey, ListedKey } from '../e2e/api.js';
import { exchange, type Answer, type Exchange } from '../e2e/http-exchange.js';
import { eventually, Installation, type ServerProcess } from '../e2e/server-process.js';
import { DOMAIN, makeCertificate } from './certificate.js';
import { NameService } from './name-service.js';
import { RegistryClients } from './registry-clients.js';
import { startCaddy, startNginx, type ShippedProxy } from './shipped-proxy.js';

export const WAYS = ['directly', 'behind nginx', 'behind Caddy'] as const;

/** How clients come to the two registries. */
export interface Way {
  /** How clients name each registry. */
  readonly first: string;
  readonly second: string;
  /** Clients with nobody logged in. */
  readonly clients: () => RegistryClients;
  /** One request, with the Host header of a registry. */
  readonly ask: (host: string, asked: Exchange) => Promise<Answer>;
}

export interface Keys {
  readonly writer: GeneratedKey;
  readonly deleter: GeneratedKey;
  readonly reader: GeneratedKey;
  /** May do everything at the second registry. */
  readonly foreign: GeneratedKey;
  readonly expired: GeneratedKey;
  readonly revoked: GeneratedKey;
}

/**
 * One server with two registries on one distribution, reached in three ways: by plain HTTP, and by TLS through the shipped
 * nginx and Caddy files. The images `one` and `two` stand in its folder.
 */
export class ThreeWays {
  readonly installation = new Installation({
    GATE_HOST: '0.0.0.0',
    TRUSTED_PROXIES: '127.0.0.1',
    REGISTRY_DOMAIN: DOMAIN,
  });
  server!: ServerProcess;
  keys!: Keys;
  private readonly proxies: ShippedProxy[] = [];
  private readonly nameServices: NameService[] = [];
  private readonly ways = new Map<string, Way>();
  private machines = 0;

  async start(): Promise<void> {
    requirePrograms('redis-server', 'docker-registry', 'openssl', 'nginx', 'caddy');
    requirePrograms('docker', 'skopeo', 'buildah');
    const { folder } = this.installation;
    const certificate = makeCertificate(join(folder, 'certificate'));
    this.server = await this.installation.start();
    const { gatePort } = this.server;
    const behind = { gatePort, certificate };
    const nginx = await startNginx(join(folder, 'nginx'), behind);
    this.proxies.push(nginx);
    const caddy = await startCaddy(join(folder, 'caddy'), behind);
    this.proxies.push(caddy);
    this.ways.set('directly', this.plainly(gatePort));
    this.ways.set('behind nginx', await this.overTls(nginx.port, certificate.caFile));
    this.ways.set('behind Caddy', await this.overTls(caddy.port, certificate.caFile));
    await this.server.api.createRegistry('second', ['127.0.0.2']);
    this.keys = await generateKeys(this.server);
    await Promise.all(['one', 'two'].map((name) => writeOciLayout(join(folder, name), name)));
  }

  named(name: (typeof WAYS)[number]): Way {
    return this.ways.get(name)!;
  }

  /** The image in a layout of this folder, in skopeo's words. */
  image(layout: string): string {
    return `oci:${join(this.installation.folder, layout)}:latest`;
  }

  async remove(): Promise<void> {
    for (const names of this.nameServices) names.close();
    await Promise.all(this.proxies.map((proxy) => proxy.stop()));
    await this.installation.remove();
  }

  /** The addresses of the loopback network are the hosts: docker and skopeo speak plain HTTP to them. */
  private plainly(port: number): Way {
    return {
      first: `127.0.0.1:${port}`,
      second: `127.0.0.2:${port}`,
      clients: () => new RegistryClients(this.newMachine(), undefined),
      ask: (host, asked) => exchange(port, { ...asked, headers: { ...asked.headers, host } }),
    };
  }

  /** Each registry by its name in DNS, on port 443 as far as a client can see. */
  private async overTls(port: number, caFile: string): Promise<Way> {
    const ca = readFileSync(caFile, 'utf8');
    const names = await NameService.to(port);
    this.nameServices.push(names);
    return {
      first: `myapp.${DOMAIN}`,
      second: `second.${DOMAIN}`,
      clients: () => new RegistryClients(this.newMachine(), { caFile, names }),
      ask: (host, asked) => exchange(port, { ...asked, ca, headers: { ...asked.headers, host } }),
    };
  }

  private newMachine(): string {
    return join(this.installation.folder, `machine-${++this.machines}`);
  }
}

async function generateKeys({ api }: ServerProcess): Promise<Keys> {
  const keys = {
    writer: await api.generateKey(),
    deleter: await api.generateKey({ permission: 'read-write-delete' }),
    reader: await api.generateKey({ permission: 'read' }),
    foreign: await api.generateKey({ permission: 'read-write-delete' }, 'second'),
    expired: await api.generateKey({ expiresIn: 'PT2S' }),
    revoked: await api.generateKey(),
  };
  await api.revoke(keys.revoked.id);
  await eventually('the key is shown as expired', 10_000, async () => {
    const { status } = await api.get<ListedKey>(`/v1/registries/myapp/keys/${keys.expired.id}`);
    return status === 'expired';
  });
  return keys;
}
