import { authorize, type Asked, type Decision } from './authorize.js';
import type { Credentials } from './credentials.js';
import { Grants, type Grant, type GrantRights } from './grants.js';
import { Hosts } from './hosts.js';
import { epochMilliseconds } from './instant.js';
import type { Rights } from './narrowing.js';
import { RegistryTraits, serveReadsForMs } from './registry-traits.js';

/** How long the hash of a revoked or expired key stays, so that its holder is told the true reason: 90 days. */
export const ENDED_KEYS_KEPT_MS = 90 * 86_400_000;

/** A recorded fact, as far as this model reads it. */
export interface AccessFact {
  readonly type: string;
  readonly data: object;
  /** The part of the stream's name after its category: `drk_…` or `reg_…`. */
  readonly id: string;
  /** Commit position in the whole log. */
  readonly position: bigint;
}

/** What the model reads of each type of fact that says something about access. Each has its time beside, as `at`. */
interface AccessFacts {
  readonly RegistryCreated: { readonly slug: string };
  readonly HostAdded: { readonly host: string };
  readonly HostRemoved: { readonly host: string };
  readonly RegistryUpstreamChanged: { readonly upstream: string | null };
  readonly RegistryPolicyChanged: {
    readonly policy: { readonly serveReadsFor: string | null; readonly allowedNetworks: readonly string[] };
  };
  readonly KeyGenerated: Rights & {
    readonly registry: string;
    readonly secretHash: string;
    readonly canary?: boolean;
  };
  readonly KeyChanged: { readonly changes: Partial<Rights> };
  readonly KeySuspended: object;
  readonly KeyResumed: object;
  readonly KeyRotated: { readonly graceEndsAt: string };
  readonly KeyRevoked: object;
  readonly KeyExpired: object;
}

/** Changes the model by a fact of each type: `id` is its stream's, `at` its time in ms since the epoch. */
type Changes = {
  readonly [Type in keyof AccessFacts]: (id: string, data: AccessFacts[Type], at: number) => void;
};
type AnyChange = (id: string, data: object, at: number) => void;

/** A registry as a row of the read-model file has it. */
export interface LoadedRegistry {
  readonly id: string;
  readonly slug: string;
  /** Origin of the registry behind the gate that it has to itself; undefined: the shared one. */
  readonly upstream: string | undefined;
  /** Milliseconds for which reads go on without a lease; 0 = not at all. */
  readonly serveReadsForMs: number;
  /** From which its keys are accepted; empty = all. */
  readonly allowedNetworks: readonly string[];
}

/**
 * The read model of authorization: grants and hosts of one process, owned by whoever feeds it from the log.
 * Filling: `loadRegistry`, `loadHost`, `loadKey` for each row of the read-model file, then `startAt` with the file's
 * checkpoint, then `apply` for every fact after it, in the order of the log.
 */
export class AccessModel {
  readonly grants = new Grants();
  readonly #hosts: Hosts;
  readonly #traits = new RegistryTraits();
  readonly #changes: Changes = {
    RegistryCreated: (id, { slug }) => this.#hosts.addSlug(slug, id),
    HostAdded: (id, { host }) => this.#hosts.addHost(host, id),
    HostRemoved: (id, { host }) => this.#hosts.removeHost(host, id),
    RegistryUpstreamChanged: (id, { upstream }) => this.#traits.setUpstream(id, upstream),
    RegistryPolicyChanged: (id, { policy }) => {
      this.grants.allowNetworks(id, policy.allowedNetworks);
      this.#traits.setServeReadsFor(id, serveReadsForMs(policy.serveReadsFor));
    },
    KeyGenerated: (id, data) => this.loadKey({ ...grantOf(id, data), canary: data.canary === true }),
    KeyChanged: (id, { changes }) => this.grants.change(id, rightsIn(changes)),
    KeySuspended: (id) => this.grants.suspend(id),
    KeyResumed: (id) => this.grants.resume(id),
    KeyRotated: (id, { graceEndsAt }) => this.grants.rotate(id, epochMilliseconds(graceEndsAt)),
    KeyRevoked: (id, _, at) => this.grants.revoke(id, at),
    KeyExpired: (id, _, at) => this.grants.expire(id, at),
  };
  /** By the id of the canary its registry. None of them is a grant: whoever has one is refused like a stranger. */
  readonly #canaries = new Map<string, string>();
  #position = -1n;
  #newestFactAt = -Infinity;

  /** Throws when `registryDomain` is no host name. */
  constructor(options: { readonly registryDomain: string }) {
    this.#hosts = new Hosts(options.registryDomain);
  }

  /** The log position applied to memory; -1 before the first. */
  get position(): bigint {
    return this.#position;
  }

  loadRegistry({ id, slug, upstream, serveReadsForMs, allowedNetworks }: LoadedRegistry): void {
    this.#hosts.addSlug(slug, id);
    this.#traits.setUpstream(id, upstream ?? null);
    this.#traits.setServeReadsFor(id, serveReadsForMs);
    this.grants.allowNetworks(id, allowedNetworks);
  }

  loadHost(row: { readonly host: string; readonly registry: string }): void {
    this.#hosts.addHost(row.host, row.registry);
  }

  loadKey({ canary = false, ...grant }: Grant & { readonly canary?: boolean }): void {
    if (canary) this.#canaries.set(grant.id, grant.registry);
    else this.grants.add(grant);
  }

  /**
   * Says that what was loaded contains every fact up to `position`: those are not applied again.
   * `newestFactAt` is the time of the newest of them (ms since the epoch), where the caller knows it.
   */
  startAt(position: bigint, newestFactAt = -Infinity): void {
    if (position > this.#position) this.#position = position;
    this.#newestFactAt = Math.max(this.#newestFactAt, newestFactAt);
  }

  /**
   * Applies a fact. One at or before the position reached changes nothing, so an old write never undoes a newer one;
   * a type that says nothing about access only moves the position. Throws when a fact that it must understand is malformed:
   * the feed has to stop then, since a gate that skips facts would let revoked keys through.
   */
  apply(fact: AccessFact): void {
    if (fact.position <= this.#position) return;
    if (Object.hasOwn(this.#changes, fact.type)) {
      const at = epochMilliseconds((fact.data as { readonly at: string }).at);
      const change = this.#changes[fact.type as keyof Changes] as AnyChange;
      change(fact.id, fact.data, at);
      this.#newestFactAt = Math.max(this.#newestFactAt, at);
    }
    this.#position = fact.position;
  }

  /** The registry that answers on a `Host` header's host; undefined for an unknown or malformed one. */
  registryOfHost(hostHeader: string | undefined): string | undefined {
    return this.#hosts.registryOf(hostHeader);
  }

  /** Origin of the registry behind the gate that this registry has to itself; undefined: the one that all share. */
  upstreamOf(registry: string): string | undefined {
    return this.#traits.upstreamOf(registry);
  }

  /** How long (ms) the registry's policy lets reads go on at a gate without a lease, at most 15 minutes; 0 = not at all. */
  serveReadsForOf(registry: string): number {
    return this.#traits.serveReadsForOf(registry);
  }

  /**
   * What stands before the registry's repositories in the store behind the gate: `<slug>/`, which no other registry has, in
   * the store that all share, and nothing in one of its own. Ask for it and for `upstreamOf` in one synchronous step.
   * Throws for a registry that has neither a store nor a slug of its own, so that none of its requests is passed on.
   */
  repositoryPrefixOf(registry: string): string {
    if (this.upstreamOf(registry) !== undefined) return '';
    const prefix = this.#hosts.prefixOf(registry);
    if (prefix === undefined) throw new Error(`the registry ${registry} has no slug of its own`);
    return prefix;
  }

  /**
   * Decides a request at the clock's time `now` (ms since the epoch), or at that of the newest fact if it is later.
   * `address` is the client's IP address; undefined where it is not known, which no key that is restricted to networks takes.
   */
  authorize(
    credentials: Credentials,
    registry: string,
    asked: Asked,
    address: string | undefined,
    now: number,
  ): Decision {
    return authorize(this.grants, credentials, registry, asked, address, Math.max(now, this.#newestFactAt));
  }

  /**
   * Whether the key's restrictions leave it the repository: for what a request that was allowed reaches beside the one in
   * its path (the source of a mount, the entries of the catalog). An unknown key reaches nothing.
   */
  reaches(keyId: string, repository: string): boolean {
    const row = this.grants.find(keyId);
    return row !== -1 && this.grants.restrictionsOf(row)?.reaches(repository) !== false;
  }

  /** The registry of a key that is known, whatever its state. */
  registryOfKey(keyId: string): string | undefined {
    const row = this.grants.find(keyId);
    return row === -1 ? this.#canaries.get(keyId) : this.grants.registryOf(row);
  }

  /** Whether the key was laid out to be found: whoever presents it, with the right secret or not, is to be told of. */
  isCanary(keyId: string): boolean {
    return this.#canaries.has(keyId);
  }

  /** Drops the keys that ended more than ENDED_KEYS_KEPT_MS before `now` (ms since the epoch); returns their number. */
  forgetEnded(now: number): number {
    return this.grants.forgetEndedBefore(now - ENDED_KEYS_KEPT_MS);
  }
}

function grantOf(id: string, data: AccessFacts['KeyGenerated']): Grant {
  const { registry, permission, secretHash, expiresAt, repositories, networks } = data;
  const rights = { permission, expiresAt: timeOf(expiresAt), repositories, networks };
  return { id, registry, secretHash, ...rights, state: 'active', revokedAt: null };
}

/** What a gate decides by of what was changed; names and the like are left out. */
function rightsIn({ expiresAt, ...others }: Partial<Rights>): Partial<GrantRights> {
  return expiresAt === undefined ? others : { ...others, expiresAt: timeOf(expiresAt) };
}

function timeOf(text: string | null): number | null {
  return text === null ? null : epochMilliseconds(text);
}
