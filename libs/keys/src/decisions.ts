import { Refusal, type Decision } from '#libs/kernel';
import {
  isLiving,
  KEY_TRAITS,
  type ExistingKey,
  type KeyFact,
  type KeyGenerated,
  type KeyRevocationProven,
  type KeyState,
  type KeyTraits,
  type Revocation,
} from './key.js';
import { endedBy } from './lifetimes.js';
import { dueBeforeEnd } from './rotation-schedule.js';

/** A key that expires sooner than this after it is generated or changed is a mistake: no pipeline could use it. */
export const LIFETIME_MIN_MS = 1_000;

/** Which key is meant, and when: `registry` is the one that the caller named, `at` RFC 3339 in UTC with milliseconds. */
export interface OnKey {
  readonly registry: string;
  readonly at: string;
}

/** What is said of a new key; unless `rotates` is named, it takes over from none, and unless `canary` is, it is a key as others. */
export type NewKey = Omit<KeyGenerated['data'], 'rotates' | 'canary'> &
  Partial<Pick<KeyGenerated['data'], 'rotates' | 'canary'>>;

/** A new key. Refuses an expiry that is not in the future, and an id that is taken. */
export function generateKey(data: NewKey): Decision<KeyState, KeyFact> {
  return (state) => {
    if (state.status !== 'none') throw new Refusal('conflict', 'a key with this id exists already');
    refusePast(data.expiresAt, data.at);
    return [
      {
        type: 'KeyGenerated',
        data: { ...data, rotates: data.rotates ?? null, canary: data.canary ?? false },
      },
    ];
  };
}

/**
 * Other traits; those that are not named stay. Records what is different, and adds nothing when nothing is. Refuses a key
 * that has ended, by the clock too, so that no expired key comes back; and an expiry that is not in the future. Where the next
 * rotation of its schedule would be too late for the new expiry it becomes earlier, so that the schedule does not end with the key.
 */
export function changeKey(
  command: OnKey & { readonly changes: Partial<KeyTraits> },
): Decision<KeyState, KeyFact> {
  const { registry, at } = command;
  return (state) => {
    const key = living(state, command);
    const changes = differences(key, command.changes);
    if (Object.keys(changes).length === 0) return [];
    refusePast(changes.expiresAt ?? null, at);
    const changed: KeyFact = { type: 'KeyChanged', data: { at, registry, changes } };
    return changes.expiresAt === undefined
      ? [changed]
      : [changed, ...rescheduled({ ...key, ...changes }, command)];
  };
}

/** `key` as it is with its new expiry. */
function rescheduled({ schedule, expiresAt }: ExistingKey, { registry, at }: OnKey): KeyFact[] {
  if (schedule === null) return [];
  const { schedule: id, every, gracePeriod, kind, target } = schedule;
  const dueAt = dueBeforeEnd(schedule.dueAt, { from: at, expiresAt, gracePeriod });
  if (dueAt === schedule.dueAt) return [];
  const data = { at, registry, schedule: id, every, gracePeriod, kind, target, dueAt };
  return [{ type: 'KeyRotationScheduled', data }];
}

/** Refused from now on, until it is resumed. Suspending twice adds nothing; a key that has ended is refused. */
export function suspendKey({ registry, at }: OnKey): Decision<KeyState, KeyFact> {
  return (state) =>
    living(state, { registry, at }).status === 'suspended'
      ? []
      : [{ type: 'KeySuspended', data: { at, registry } }];
}

/** Accepted again. Adds nothing for a key that is not suspended; a key that has ended is refused. */
export function resumeKey({ registry, at }: OnKey): Decision<KeyState, KeyFact> {
  return (state) =>
    living(state, { registry, at }).status === 'suspended'
      ? [{ type: 'KeyResumed', data: { at, registry } }]
      : [];
}

/**
 * Ends a key for ever, an expired one too (its holder may still have it). Revoking twice adds nothing: the first cause and
 * reason stay. Without a cause it was requested.
 */
export function revokeKey(command: OnKey & Partial<Revocation>): Decision<KeyState, KeyFact> {
  const { registry, at, cause = 'requested', reason = null } = command;
  return (state) => {
    if (!belongs(state, registry)) throw missingKey();
    if (state.status === 'revoked') return [];
    return [{ type: 'KeyRevoked', data: { at, registry, cause, reason } }];
  };
}

/**
 * Records what proved that the revocation holds everywhere. The first proof stays: another one adds nothing. Refuses a key
 * that is not revoked.
 */
export function proveRevocation(proof: KeyRevocationProven['data']): Decision<KeyState, KeyFact> {
  return (state) => {
    if (!belongs(state, proof.registry)) throw missingKey();
    if (state.status !== 'revoked') throw new Refusal('conflict', 'the key is not revoked');
    return state.proven ? [] : [{ type: 'KeyRevocationProven', data: proof }];
  };
}

/**
 * Records that a key's time is over, a suspended one's too. The gate refuses it from `expiresAt` on, recorded or not; the
 * fact carries that moment and not the time of the sweep, so that whoever records it says the same bytes.
 */
export function expireKey(now: string): Decision<KeyState, KeyFact> {
  return (state) => {
    if (state.status === 'none' || !isLiving(state) || endedBy(state, now) !== 'expired') return [];
    return [{ type: 'KeyExpired', data: { at: state.expiresAt!, registry: state.generated.registry } }];
  };
}

/** Whether the key exists in this registry. A key of another registry looks like no key. */
export function belongs(state: KeyState, registry: string): state is ExistingKey {
  return state.status !== 'none' && state.generated.registry === registry;
}

/** Made afresh for every caller, so that a foreign key and a missing one answer alike. */
export function missingKey(): Refusal {
  return new Refusal('not-found', 'there is no such key in this registry');
}

/** The key, unless it has ended, by the clock too: then throws Refusal `key-revoked` or `key-expired`. */
export function living(state: KeyState, { registry, at }: OnKey): ExistingKey {
  if (!belongs(state, registry)) throw missingKey();
  const end = isLiving(state) ? endedBy(state, at) : state.status;
  if (end === 'revoked') throw new Refusal('key-revoked', 'the key is revoked, which is final');
  if (end !== undefined) {
    throw new Refusal('key-expired', 'the key has expired, which is final: generate another');
  }
  return state;
}

function refusePast(expiresAt: string | null, at: string): void {
  if (expiresAt !== null && Date.parse(expiresAt) < Date.parse(at) + LIFETIME_MIN_MS) {
    throw new Refusal('expiry-in-past', 'the expiry must lie in the future', { field: '/expiresAt' });
  }
}

function differences(key: KeyTraits, wanted: Partial<KeyTraits>): Partial<KeyTraits> {
  const different = KEY_TRAITS.filter(
    (name) => wanted[name] !== undefined && textOf(wanted[name]) !== textOf(key[name]),
  );
  return Object.fromEntries(different.map((name) => [name, wanted[name]]));
}

/** The same text for what means the same: neither labels nor lists have an order. */
function textOf(value: KeyTraits[keyof KeyTraits]): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const parts = isList(value) ? value : Object.entries(value).map((label) => JSON.stringify(label));
  return JSON.stringify([...parts].sort());
}

function isList(value: object): value is readonly string[] {
  return Array.isArray(value);
}
