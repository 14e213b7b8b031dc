import { BlockList, isIP } from 'node:net';
import { hashSecret, parseDuration } from '#libs/kernel';
import type { AccessFact, LoadedRegistry } from '../access-model.js';
import type { Asked, Denied, Verdict } from '../authorize.js';
import type { Grant } from '../grants.js';

const PERMISSIONS = ['read', 'read-write', 'read-write-delete'];
const NEEDED = {
  login: 'read',
  catalog: 'read',
  pull: 'read',
  push: 'read-write',
  delete: 'read-write-delete',
};
/** A type of fact that no release knows. */
export const UNKNOWN_TYPE = 'KeyPainted';
const DOMAIN = '.registry.example';

interface NaiveRegistry {
  slug: string;
  upstream: string | null;
  serveReadsFor: string | null;
  allowedNetworks: string[];
}

type NaiveKey = { -readonly [Name in keyof Grant]: Grant[Name] };

/**
 * The access model a second time, as plainly as it can be said: objects in maps, patterns as regular expressions, networks
 * by Node's own list. Slow, and of hosts and addresses it understands only the usual form. Specs compare the two.
 */
export class NaiveAccess {
  readonly keys = new Map<string, NaiveKey>();
  readonly registries = new Map<string, NaiveRegistry>();
  readonly hosts = new Map<string, string>();
  position = -1n;
  newest = -Infinity;

  apply({ type, id, data, position }: AccessFact): void {
    if (position <= this.position) return;
    this.position = position;
    if (type === UNKNOWN_TYPE) return;
    const fields = data as Record<string, never>;
    const at = Date.parse(fields['at']!);
    this.newest = Math.max(this.newest, at);
    if (type.startsWith('Key')) this.#applyToKey(type, id, fields, at);
    else this.#applyToRegistry(type, id, fields);
  }

  /** As the rows of the read-model file. */
  get rows(): { registries: LoadedRegistry[]; keys: Grant[] } {
    const registries = [...this.registries].map(
      ([id, { slug, upstream, serveReadsFor, allowedNetworks }]) => ({
        id,
        slug,
        upstream: upstream ?? undefined,
        serveReadsForMs: parseDuration(serveReadsFor ?? '') ?? 0,
        allowedNetworks,
      }),
    );
    return { registries, keys: [...this.keys.values()] };
  }

  /** The first of two registries with one slug has its host. */
  registryOfHost(host: string): string | undefined {
    const slugs = [...this.registries].map(([id, { slug }]) => [`${slug}${DOMAIN}`, id] as const);
    return slugs.find(([name]) => name === host)?.[1] ?? this.hosts.get(host);
  }

  decide(
    id: string,
    secret: string,
    registry: string,
    asked: Asked,
    address: string | undefined,
    clock: number,
  ): { verdict: Verdict; denied?: Denied } {
    const key = this.keys.get(id);
    if (!key) return { verdict: 'unknown' };
    if (key.secretHash !== hashSecret(secret)) return { verdict: 'wrong_secret' };
    if (key.registry !== registry) return { verdict: 'wrong_registry' };
    if (key.state === 'revoked') return { verdict: 'revoked' };
    if (key.state === 'expired') return { verdict: 'expired' };
    const now = Math.max(clock, this.newest);
    const grace = key.graceEndsAt ?? Infinity;
    if (grace <= now && grace < (key.expiresAt ?? Infinity)) return { verdict: 'revoked' };
    if (key.expiresAt !== null && key.expiresAt <= now) return { verdict: 'expired' };
    if (key.state === 'suspended') return { verdict: 'suspended' };
    const allowed = this.registries.get(key.registry)?.allowedNetworks ?? [];
    if (![key.networks, allowed].every((networks) => isWithin(networks, address)))
      return { verdict: 'network_refused' };
    const needed = PERMISSIONS.indexOf(NEEDED[asked.action]);
    if (PERMISSIONS.indexOf(key.permission) < needed)
      return { verdict: 'not_permitted', denied: 'permission' };
    if (asked.action === 'login' || asked.action === 'catalog') return { verdict: 'allowed' };
    return this.reaches(id, asked.repository!)
      ? { verdict: 'allowed' }
      : { verdict: 'not_permitted', denied: 'repository' };
  }

  reaches(id: string, repository: string): boolean {
    const patterns = this.keys.get(id)?.repositories;
    if (!patterns) return false;
    return patterns.length === 0 || patterns.some((pattern) => expressionOf(pattern).test(repository));
  }

  #applyToKey(type: string, id: string, data: Record<string, never>, at: number): void {
    const key = this.keys.get(id);
    if (type === 'KeyGenerated' && !key) {
      const { registry, permission, secretHash, repositories, networks } = data as unknown as Grant;
      const rights = { permission, expiresAt: timeOf(data['expiresAt']!), repositories, networks };
      this.keys.set(id, {
        id,
        registry,
        secretHash,
        ...rights,
        state: 'active',
        revokedAt: null,
        graceEndsAt: null,
      });
    }
    if (!key || key.state === 'revoked') return;
    if (type === 'KeyRevoked') Object.assign(key, { state: 'revoked', revokedAt: at });
    if (key.state !== 'active' && key.state !== 'suspended') return;
    if (type === 'KeyExpired') Object.assign(key, { state: 'expired', expiresAt: at });
    if (type === 'KeyRotated') key.graceEndsAt ??= timeOf(data['graceEndsAt']!);
    if (type === 'KeySuspended') key.state = 'suspended';
    if (type === 'KeyResumed') key.state = 'active';
    if (type !== 'KeyChanged') return;
    const { name: _, expiresAt, ...rights } = data['changes'] as unknown as Record<string, never>;
    Object.assign(key, rights, expiresAt !== undefined && { expiresAt: timeOf(expiresAt) });
  }

  #applyToRegistry(type: string, id: string, data: Record<string, never>): void {
    const { slug, host, upstream, policy } = data as unknown as Record<string, string>;
    const registry = this.registries.get(id);
    if (type === 'RegistryCreated' && !registry) {
      this.registries.set(id, { slug: slug!, upstream: null, serveReadsFor: null, allowedNetworks: [] });
    }
    if (type === 'HostAdded' && !host!.endsWith(DOMAIN) && !this.hosts.has(host!)) this.hosts.set(host!, id);
    if (type === 'HostRemoved' && this.hosts.get(host!) === id) this.hosts.delete(host!);
    if (type === 'RegistryUpstreamChanged') registry!.upstream = upstream!;
    if (type === 'RegistryPolicyChanged') Object.assign(registry!, policy);
  }
}

function timeOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text);
}

function expressionOf(pattern: string): RegExp {
  const components = pattern.split('/').map((component) => {
    if (component === '**') return '.+';
    return component.replaceAll('.', '\\.').replaceAll('*', '[^/]*');
  });
  return new RegExp(`^${components.join('/')}$`);
}

function isWithin(networks: readonly string[], address: string | undefined): boolean {
  if (networks.length === 0) return true;
  if (address === undefined || isIP(address) === 0) return false;
  const plain = address.replace('::ffff:', '');
  const list = new BlockList();
  for (const network of networks) {
    const [base, prefix] = network.split('/') as [string, string];
    if (isIP(base) === isIP(plain)) list.addSubnet(base, Number(prefix), isIP(base) === 4 ? 'ipv4' : 'ipv6');
  }
  return list.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6');
}
