import { GrantRows } from './grant-rows.js';
import { Networks } from './networks.js';
import {
  NO_RESTRICTIONS,
  refuseMalformed,
  RestrictionSets,
  type Restrictions,
  type RestrictionSet,
} from './restrictions.js';

/** What a key may do, from least to most; each level includes those before it. */
export const PERMISSION_LEVELS = ['read', 'read-write', 'read-write-delete'] as const;
export type GrantPermission = (typeof PERMISSION_LEVELS)[number];

/** From weakest to strongest; `expired` and `revoked` are terminal, and a revocation may follow an expiry. */
const STATES = ['active', 'suspended', 'expired', 'revoked'] as const;
export type GrantState = (typeof STATES)[number];
const ACTIVE = STATES.indexOf('active');
const SUSPENDED = STATES.indexOf('suspended');
const EXPIRED = STATES.indexOf('expired');
const REVOKED = STATES.indexOf('revoked');

const HASH_HEX = /^[0-9a-f]{64}$/;

/** What a living key may do: the part of it that can be changed. */
export interface GrantRights extends Restrictions {
  readonly permission: GrantPermission;
  /** Milliseconds since the epoch; null = never. */
  readonly expiresAt: number | null;
}

/** One key as the gate knows it. */
export interface Grant extends GrantRights {
  /** `drk_<16>` */
  readonly id: string;
  /** `reg_…` */
  readonly registry: string;
  /** SHA-256 of the secret, 64 lower-case hex digits. */
  readonly secretHash: string;
  readonly state: GrantState;
  /** Milliseconds since the epoch; null unless revoked. */
  readonly revokedAt: number | null;
  /** Of a rotated key: from when on it is revoked, in milliseconds since the epoch. */
  readonly graceEndsAt?: number | null;
}

/**
 * Every key that the gate can recognize, in typed arrays without an object per key. Rows are numbers that stay valid until
 * the next `forgetEndedBefore`: look up and use them in one synchronous step. Terminal states are sticky: nothing here turns
 * an expired or revoked key back.
 */
export class Grants {
  /** The time of a row is its expiry (Infinity = never); of a revoked key its revocation, since its expiry no longer matters. */
  readonly #rows = new GrantRows();
  readonly #index = this.#rows.index;
  readonly #registries: string[] = [];
  readonly #registryNumbers = new Map<string, number>();
  /** By the registry's number; no entry: all networks. */
  readonly #allowedNetworks = new Map<number, Networks>();
  readonly #restrictions = new RestrictionSets();
  /** End of the grace (ms since the epoch) by row, for the few keys that are being rotated. */
  readonly #graces = new Map<number, number>();

  get size(): number {
    return this.#index.size;
  }

  /** Bytes held by the typed arrays. */
  get byteLength(): number {
    return this.#index.byteLength;
  }

  /** Different sets of restrictions in memory: those that keys have now. */
  get restrictionSets(): number {
    return this.#restrictions.size;
  }

  /** Keys in memory whose grace is not over, as far as that is recorded. */
  get graces(): number {
    return this.#graces.size;
  }

  /**
   * Adds a key. A key that is there keeps what it has, except that a terminal state is taken over.
   * Throws on an unknown permission or state, on a malformed hash, and on restrictions that are no lists of texts.
   */
  add(grant: Grant): void {
    const existing = this.#index.find(grant.id);
    if (existing === -1) this.#insert(grant);
    else if (grant.state === 'revoked') this.#end(existing, REVOKED, grant.revokedAt);
    else if (grant.state === 'expired') this.#end(existing, EXPIRED, grant.expiresAt);
  }

  /**
   * Gives a key the rights that are named; the others stay. Changes nothing for an unknown id and for a key that has ended.
   * Throws, before anything is changed, on an unknown permission and on restrictions that are no lists of texts.
   */
  change(id: string, changes: Partial<GrantRights>): void {
    const row = this.#livingRow(id);
    if (row === -1) return;
    const before = this.restrictionsOf(row)?.restrictions ?? NO_RESTRICTIONS;
    const { permission = this.permissionOf(row), expiresAt } = changes;
    const { repositories = before.repositories, networks = before.networks } = changes;
    const level = levelOf(id, permission);
    refuseMalformed({ repositories, networks });
    this.#restrict(row, { repositories, networks });
    this.#rows.setLevel(row, level);
    if (expiresAt !== undefined) this.#rows.setTime(row, expiresAt);
  }

  /** Suspends a key; an unknown id and a key that has ended change nothing. */
  suspend(id: string): void {
    const row = this.#livingRow(id);
    if (row !== -1) this.#rows.setState(row, SUSPENDED);
  }

  /** Makes a suspended key active again; an unknown id and a key that has ended change nothing. */
  resume(id: string): void {
    const row = this.#livingRow(id);
    if (row !== -1) this.#rows.setState(row, ACTIVE);
  }

  /** Lets a key work until the end of its grace (ms since the epoch), and no longer; an unknown id, a key that has ended and one that has a grace change nothing. */
  rotate(id: string, graceEndsAt: number): void {
    const row = this.#livingRow(id);
    if (row !== -1 && !this.#rows.hasGrace(row)) this.#setGrace(row, graceEndsAt);
  }

  /** Ends a key for good at `at` (ms since the epoch); an unknown id and a revoked key change nothing. */
  revoke(id: string, at: number): void {
    const row = this.#index.find(id);
    if (row !== -1) this.#end(row, REVOKED, at);
  }

  /** Records the expiry of a key that expired at `expiresAt` (ms since the epoch); changes nothing on a terminal key. */
  expire(id: string, expiresAt: number): void {
    const row = this.#index.find(id);
    if (row !== -1) this.#end(row, EXPIRED, expiresAt);
  }

  /**
   * From now on all keys of the registry are accepted from these networks alone, each beside its own ones; an empty list
   * allows all. What of it cannot be read has no address in it. Throws on anything that is no list of texts.
   */
  allowNetworks(registry: string, networks: readonly string[]): void {
    refuseMalformed({ repositories: [], networks });
    if (networks.length > 0)
      this.#allowedNetworks.set(this.#registryNumber(registry), new Networks(networks));
    else this.#allowedNetworks.delete(this.#registryNumbers.get(registry) ?? -1);
  }

  /** Whether the row's key is accepted from the address, by the key's networks and by its registry's. */
  admits(row: number, address: string | undefined): boolean {
    const allowed = this.#allowedNetworks.get(this.#rows.registry(row));
    if (allowed !== undefined && (address === undefined || !allowed.has(address))) return false;
    return this.restrictionsOf(row)?.admits(address) !== false;
  }

  /** The row of a key id, or -1. */
  find(id: string): number {
    return this.#index.find(id);
  }

  /** Whether the row's hash equals `hash` (32 bytes), in constant time. */
  secretMatches(row: number, hash: Uint8Array): boolean {
    return this.#rows.hashMatches(row, hash);
  }

  registryOf(row: number): string {
    return this.#registries[this.#rows.registry(row)]!;
  }

  permissionOf(row: number): GrantPermission {
    return PERMISSION_LEVELS[this.#rows.level(row)]!;
  }

  /**
   * The state at `now` (ms since the epoch): a key is expired from the very millisecond of `expiresAt`, and revoked from that
   * of the end of its grace, if that comes first; recorded or not.
   */
  stateAt(row: number, now: number): GrantState {
    const state = this.#rows.state(row);
    if (state > SUSPENDED) return STATES[state]!;
    const expiresAt = this.#rows.time(row);
    if (this.#rows.hasGrace(row)) {
      const graceEndsAt = this.#graces.get(row)!;
      if (graceEndsAt < expiresAt && graceEndsAt <= now) return 'revoked';
    }
    return expiresAt <= now ? 'expired' : STATES[state]!;
  }

  /** What restricts the row's key; undefined: nothing. */
  restrictionsOf(row: number): RestrictionSet | undefined {
    return this.#restrictions.at(this.#rows.restrictions(row));
  }

  /** Removes the keys that were revoked, or recorded as expired, at or before `time` (ms since the epoch); returns their number. */
  forgetEndedBefore(time: number): number {
    let forgotten = 0;
    for (let row = 0; row < this.#index.rows; row++) {
      if (this.#rows.state(row) < EXPIRED || this.#rows.time(row) > time) continue;
      this.#erase(row);
      forgotten++;
    }
    return forgotten;
  }

  #insert(grant: Grant): void {
    const level = levelOf(grant.id, grant.permission);
    const state = STATES.indexOf(grant.state);
    if (state === -1) throw new Error(`unknown state of ${grant.id}: ${grant.state}`);
    if (!HASH_HEX.test(grant.secretHash)) throw new Error(`the secret's hash of ${grant.id} is malformed`);
    refuseMalformed(grant);
    const time = state === REVOKED ? grant.revokedAt : grant.expiresAt;
    // Throws on a malformed id, before the key counts for anything else.
    const row = this.#rows.add(grant.id, grant.secretHash, { level, state, time });
    this.#rows.setRegistry(row, this.#registryNumber(grant.registry));
    this.#rows.setRestrictions(row, this.#restrictions.acquire(grant));
    if (state <= SUSPENDED && typeof grant.graceEndsAt === 'number') this.#setGrace(row, grant.graceEndsAt);
  }

  #end(row: number, state: number, time: number | null): void {
    if (this.#rows.state(row) >= state) return;
    this.#clearGrace(row);
    this.#rows.setState(row, state);
    this.#rows.setTime(row, time);
  }

  /** The row of a key that has not ended, as far as that is recorded; -1 for any other id. */
  #livingRow(id: string): number {
    const row = this.#index.find(id);
    return row === -1 || this.#rows.state(row) > SUSPENDED ? -1 : row;
  }

  #restrict(row: number, restrictions: Restrictions): void {
    const before = this.#rows.restrictions(row);
    const number = this.#restrictions.acquire(restrictions);
    this.#rows.setRestrictions(row, number);
    this.#restrictions.release(before);
  }

  #erase(row: number): void {
    this.#restrictions.release(this.#rows.restrictions(row));
    this.#clearGrace(row);
    this.#rows.erase(row);
  }

  #setGrace(row: number, graceEndsAt: number): void {
    this.#graces.set(row, graceEndsAt);
    this.#rows.setGrace(row, true);
  }

  #clearGrace(row: number): void {
    if (!this.#rows.hasGrace(row)) return;
    this.#graces.delete(row);
    this.#rows.setGrace(row, false);
  }

  #registryNumber(registry: string): number {
    let number = this.#registryNumbers.get(registry);
    if (number === undefined) {
      number = this.#registries.push(registry) - 1;
      this.#registryNumbers.set(registry, number);
    }
    return number;
  }
}

/** Place in PERMISSION_LEVELS. Throws on an unknown permission of the key `id`. */
function levelOf(id: string, permission: GrantPermission): number {
  const level = PERMISSION_LEVELS.indexOf(permission);
  if (level === -1) throw new Error(`unknown permission of ${id}: ${permission}`);
  return level;
}
