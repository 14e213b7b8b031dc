import { timingSafeEqual } from 'node:crypto';
import { ID_WORDS, IdIndex, ROWS_PER_SEGMENT, WORDS_PER_ROW } from './id-index.js';
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

const HASH_BYTES = 32;
const BYTES_PER_ROW = WORDS_PER_ROW * 4;
const DOUBLES_PER_ROW = WORDS_PER_ROW / 2;
const HASH_HEX = /^[0-9a-f]{64}$/;

/**
 * Where a row of 16 words keeps what: 0-3 the id, 4-11 the hash, 12-13 a time, 14 the registry's number, 15 flags. The flags
 * have the permission level + 1 in bits 0-1 (0 = free row), the state in bits 2-3, and in the 28 bits above the number of
 * the key's set of restrictions (restrictions.ts). With its share of the index a key takes about 74 bytes.
 */
const HASH_AT_BYTE = ID_WORDS * 4;
const TIME_AT_DOUBLE = 6;
const REGISTRY_AT_WORD = 14;
const FLAGS_AT_WORD = 15;
const PERMISSION_BITS = 0b11;
const STATE_SHIFT = 2;
const STATE_BITS = 0b11;
const RESTRICTIONS_SHIFT = 4;

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
}

/** Three views of the same ROWS_PER_SEGMENT rows. */
class GrantSegment {
  readonly bytes: Buffer;
  /** Times are expiries in ms (Infinity = never); of a revoked key the time of its revocation, since its expiry no longer matters. */
  readonly doubles: Float64Array;

  constructor(readonly words: Uint32Array<ArrayBuffer>) {
    this.bytes = Buffer.from(words.buffer);
    this.doubles = new Float64Array(words.buffer);
  }
}

/**
 * Every key that the gate can recognize, in typed arrays without an object per key. Rows are numbers that stay valid until
 * the next `forgetEndedBefore`: look up and use them in one synchronous step. Terminal states are sticky: nothing here turns
 * an expired or revoked key back.
 */
export class Grants {
  readonly #index = new IdIndex();
  readonly #segments: GrantSegment[] = [];
  readonly #registries: string[] = [];
  readonly #registryNumbers = new Map<string, number>();
  readonly #restrictions = new RestrictionSets();

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
    this.#setFlags(row, PERMISSION_BITS, level + 1);
    if (expiresAt !== undefined) this.#setTime(row, expiresAt);
  }

  /** Suspends a key; an unknown id and a key that has ended change nothing. */
  suspend(id: string): void {
    const row = this.#livingRow(id);
    if (row !== -1) this.#setState(row, SUSPENDED);
  }

  /** Makes a suspended key active again; an unknown id and a key that has ended change nothing. */
  resume(id: string): void {
    const row = this.#livingRow(id);
    if (row !== -1) this.#setState(row, ACTIVE);
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

  /** The row of a key id, or -1. */
  find(id: string): number {
    return this.#index.find(id);
  }

  /** Whether the row's hash equals `hash` (32 bytes), in constant time. */
  secretMatches(row: number, hash: Uint8Array): boolean {
    const start = (row % ROWS_PER_SEGMENT) * BYTES_PER_ROW + HASH_AT_BYTE;
    return timingSafeEqual(this.#segment(row).bytes.subarray(start, start + HASH_BYTES), hash);
  }

  registryOf(row: number): string {
    return this.#registries[this.#word(row, REGISTRY_AT_WORD)]!;
  }

  permissionOf(row: number): GrantPermission {
    return PERMISSION_LEVELS[(this.#flags(row) & PERMISSION_BITS) - 1]!;
  }

  /** The state at `now` (ms since the epoch): a key is expired from the very millisecond of `expiresAt`, recorded or not. */
  stateAt(row: number, now: number): GrantState {
    const state = this.#state(row);
    if (state <= SUSPENDED && this.#time(row) <= now) return 'expired';
    return STATES[state]!;
  }

  /** What restricts the row's key; undefined: nothing. */
  restrictionsOf(row: number): RestrictionSet | undefined {
    return this.#restrictions.at(this.#flags(row) >>> RESTRICTIONS_SHIFT);
  }

  /** Removes the keys that were revoked, or recorded as expired, at or before `time` (ms since the epoch); returns their number. */
  forgetEndedBefore(time: number): number {
    let forgotten = 0;
    for (let row = 0; row < this.#index.rows; row++) {
      if (this.#state(row) < EXPIRED || this.#time(row) > time) continue;
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
    const row = this.#index.add(grant.id);
    const restrictions = this.#restrictions.acquire(grant);
    const segment = Math.floor(row / ROWS_PER_SEGMENT);
    this.#segments[segment] ??= new GrantSegment(this.#index.segments[segment]!);
    const hashAt = (row % ROWS_PER_SEGMENT) * BYTES_PER_ROW + HASH_AT_BYTE;
    this.#segment(row).bytes.write(grant.secretHash, hashAt, 'hex');
    this.#setTime(row, state === REVOKED ? grant.revokedAt : grant.expiresAt);
    this.#setWord(row, REGISTRY_AT_WORD, this.#registryNumber(grant.registry));
    this.#setWord(
      row,
      FLAGS_AT_WORD,
      (level + 1) | (state << STATE_SHIFT) | (restrictions << RESTRICTIONS_SHIFT),
    );
  }

  #end(row: number, state: number, time: number | null): void {
    if (this.#state(row) >= state) return;
    this.#setState(row, state);
    this.#setTime(row, time);
  }

  /** The row of a key that has not ended, as far as that is recorded; -1 for any other id. */
  #livingRow(id: string): number {
    const row = this.#index.find(id);
    return row === -1 || this.#state(row) > SUSPENDED ? -1 : row;
  }

  #restrict(row: number, restrictions: Restrictions): void {
    const before = this.#flags(row) >>> RESTRICTIONS_SHIFT;
    const number = this.#restrictions.acquire(restrictions);
    this.#setFlags(row, -1 << RESTRICTIONS_SHIFT, number << RESTRICTIONS_SHIFT);
    this.#restrictions.release(before);
  }

  #erase(row: number): void {
    this.#restrictions.release(this.#flags(row) >>> RESTRICTIONS_SHIFT);
    this.#index.remove(row);
    const start = (row % ROWS_PER_SEGMENT) * BYTES_PER_ROW;
    this.#segment(row).bytes.fill(0, start, start + BYTES_PER_ROW);
  }

  #segment(row: number): GrantSegment {
    return this.#segments[Math.floor(row / ROWS_PER_SEGMENT)]!;
  }

  #word(row: number, place: number): number {
    return this.#segment(row).words[(row % ROWS_PER_SEGMENT) * WORDS_PER_ROW + place]!;
  }

  #setWord(row: number, place: number, value: number): void {
    this.#segment(row).words[(row % ROWS_PER_SEGMENT) * WORDS_PER_ROW + place] = value;
  }

  #flags(row: number): number {
    return this.#word(row, FLAGS_AT_WORD);
  }

  #setFlags(row: number, mask: number, bits: number): void {
    this.#setWord(row, FLAGS_AT_WORD, (this.#flags(row) & ~mask) | bits);
  }

  /** Place in STATES. */
  #state(row: number): number {
    return (this.#flags(row) >>> STATE_SHIFT) & STATE_BITS;
  }

  #setState(row: number, state: number): void {
    this.#setFlags(row, STATE_BITS << STATE_SHIFT, state << STATE_SHIFT);
  }

  #time(row: number): number {
    return this.#segment(row).doubles[(row % ROWS_PER_SEGMENT) * DOUBLES_PER_ROW + TIME_AT_DOUBLE]!;
  }

  #setTime(row: number, time: number | null): void {
    const place = (row % ROWS_PER_SEGMENT) * DOUBLES_PER_ROW + TIME_AT_DOUBLE;
    this.#segment(row).doubles[place] = time ?? Infinity;
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
