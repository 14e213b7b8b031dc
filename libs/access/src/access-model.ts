import { authorize, type Action, type Decision } from './authorize.js';
import type { Credentials } from './credentials.js';
import { Grants, type Grant } from './grants.js';
import { Hosts } from './hosts.js';
import { epochMilliseconds } from './instant.js';

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

interface TimedData {
  readonly at: string;
}
interface RegistryCreatedData {
  readonly slug: string;
}
interface HostAddedData {
  readonly host: string;
}
interface KeyGeneratedData {
  readonly registry: string;
  readonly permission: Grant['permission'];
  readonly secretHash: string;
  readonly expiresAt: string | null;
}

const KNOWN_TYPES: ReadonlySet<string> = new Set([
  'RegistryCreated',
  'HostAdded',
  'KeyGenerated',
  'KeyRevoked',
  'KeyExpired',
]);

/**
 * The read model of authorization: grants and hosts of one process, owned by whoever feeds it from the log.
 * Filling: `loadRegistry`, `loadHost`, `loadKey` for each row of the read-model file, then `startAt` with the file's
 * checkpoint, then `apply` for every fact after it, in the order of the log.
 */
export class AccessModel {
  readonly grants = new Grants();
  readonly #hosts: Hosts;
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

  loadRegistry(row: { readonly id: string; readonly slug: string }): void {
    this.#hosts.addSlug(row.slug, row.id);
  }

  loadHost(row: { readonly host: string; readonly registry: string }): void {
    this.#hosts.addHost(row.host, row.registry);
  }

  loadKey(row: Grant): void {
    this.grants.add(row);
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
    if (KNOWN_TYPES.has(fact.type)) {
      this.#change(fact);
      const at = epochMilliseconds((fact.data as TimedData).at);
      this.#newestFactAt = Math.max(this.#newestFactAt, at);
    }
    this.#position = fact.position;
  }

  /** The registry that answers on a `Host` header's host; undefined for an unknown or malformed one. */
  registryOfHost(hostHeader: string | undefined): string | undefined {
    return this.#hosts.registryOf(hostHeader);
  }

  /**
   * Under which prefix (`<slug>/`) the registry's repositories stand in the store behind the gate; no other registry has it.
   * Throws for a registry without a slug of its own, so that none of its requests is passed on.
   */
  repositoryPrefixOf(registry: string): string {
    const prefix = this.#hosts.prefixOf(registry);
    if (prefix === undefined) throw new Error(`the registry ${registry} has no slug of its own`);
    return prefix;
  }

  /** Decides a request at the clock's time `now` (ms since the epoch), or at that of the newest fact if it is later. */
  authorize(credentials: Credentials, registry: string, action: Action, now: number): Decision {
    return authorize(this.grants, credentials, registry, action, Math.max(now, this.#newestFactAt));
  }

  /** Drops the keys that ended more than ENDED_KEYS_KEPT_MS before `now` (ms since the epoch); returns their number. */
  forgetEnded(now: number): number {
    return this.grants.forgetEndedBefore(now - ENDED_KEYS_KEPT_MS);
  }

  #change({ type, data, id }: AccessFact): void {
    switch (type) {
      case 'RegistryCreated':
        return this.#hosts.addSlug((data as RegistryCreatedData).slug, id);
      case 'HostAdded':
        return this.#hosts.addHost((data as HostAddedData).host, id);
      case 'KeyGenerated':
        return this.grants.add(grantOf(id, data as KeyGeneratedData));
      case 'KeyRevoked':
        return this.grants.revoke(id, epochMilliseconds((data as TimedData).at));
      case 'KeyExpired':
        return this.grants.expire(id, epochMilliseconds((data as TimedData).at));
    }
  }
}

function grantOf(id: string, data: KeyGeneratedData): Grant {
  const { registry, permission, secretHash } = data;
  const expiresAt = data.expiresAt === null ? null : epochMilliseconds(data.expiresAt);
  return { id, registry, permission, secretHash, expiresAt, state: 'active', revokedAt: null };
}
