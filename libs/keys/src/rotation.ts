import { Refusal, type Decision } from '#libs/kernel';
import { living, type OnKey } from './decisions.js';
import {
  isLiving,
  KEY_TRAITS,
  type ExistingKey,
  type KeyFact,
  type KeyGenerated,
  type KeyState,
  type KeyTraits,
} from './key.js';
import { endedBy } from './lifetimes.js';

/** A key works so long beside its successor, unless the caller says otherwise. */
export const GRACE_PERIOD_DEFAULT = 'PT24H';
/** Longer than this two keys are not one rotation but two keys. */
export const GRACE_PERIOD_MAX_MS = 30 * 86_400_000;

/**
 * A successor that no key is linked to for so long is discarded: whoever made it has died on the way, and nobody was shown
 * its secret.
 */
export const UNLINKED_DISCARDED_AFTER_MS = 60_000;
/**
 * A successor that is older than this is linked no more: half of UNLINKED_DISCARDED_AFTER_MS, so that an append which is on
 * its way (at most 13 s) and clocks that differ by seconds never link a key to a successor that is being discarded.
 */
export const LINKED_WITHIN_MS = UNLINKED_DISCARDED_AFTER_MS / 2;

/**
 * Links a key to its successor, which stands in the log already, and gives it its grace. Doing so again adds nothing. Refuses
 * a key that has ended, that is suspended, or that has another successor: of two rotations at once one wins.
 * `bornAt`: of the successor; `copied`: what its rights and names were taken from. What was taken away from the key since
 * must not live on in the successor.
 */
export function rotateKey(
  command: OnKey & {
    readonly successor: string;
    readonly graceEndsAt: string;
    readonly bornAt: string;
    readonly copied?: KeyTraits;
  },
): Decision<KeyState, KeyFact> {
  const { registry, at, successor, graceEndsAt, bornAt, copied } = command;
  return (state) => {
    const key = living(state, command);
    if (key.rotation?.successor === successor) return [];
    refuseUnrotatable(state, command);
    if (copied && KEY_TRAITS.some((name) => JSON.stringify(key[name]) !== JSON.stringify(copied[name]))) {
      throw new Refusal('conflict', 'the key was changed meanwhile: rotate it again');
    }
    if (Date.parse(at) - Date.parse(bornAt) > LINKED_WITHIN_MS) {
      throw new Refusal('unavailable', 'the rotation took too long, and is undone');
    }
    return [{ type: 'KeyRotated', data: { at, registry, successor, graceEndsAt } }];
  };
}

/** Throws Refusal for a key that cannot be rotated: before a successor is made for nothing. */
export function refuseUnrotatable(state: KeyState, command: OnKey): void {
  const { status, rotation } = living(state, command);
  if (status === 'suspended') {
    throw new Refusal('key-suspended', 'the key is suspended: resume it first, or generate another');
  }
  if (rotation) throw new Refusal('key-rotating', `the key has a successor already: ${rotation.successor}`);
}

/**
 * Records that the grace of a rotated key is over. The gate refuses it from that moment on, recorded or not; as with an
 * expiry the fact carries that moment, so that whoever records it says the same bytes.
 */
export function endGrace(now: string): Decision<KeyState, KeyFact> {
  return (state) => {
    if (state.status === 'none' || !isLiving(state) || endedBy(state, now) !== 'revoked') return [];
    const { registry } = state.generated;
    const at = state.rotation!.graceEndsAt;
    return [{ type: 'KeyRevoked', data: { at, registry, cause: 'rotated', reason: null } }];
  };
}

/** How long a successor lives (milliseconds) unless somebody says otherwise: as long as the old key was to; undefined: for ever. */
export function inheritedLifetime({ expiresAt, generated }: ExistingKey): number | undefined {
  return expiresAt === null ? undefined : Date.parse(expiresAt) - Date.parse(generated.at);
}

/** A successor: what the old key (`rotates`) is now, and whose key it is, whoever rotates it. */
export function successorOf(
  { generated, ...old }: ExistingKey,
  born: Pick<KeyGenerated['data'], 'at' | 'secretHash' | 'registryRevision' | 'expiresAt'> & {
    readonly rotates: string;
  },
): KeyGenerated['data'] {
  const { name, description, labels, permission, repositories, networks, expectedCountries } = old;
  const { registry, createdBy, canary } = generated;
  const traits = { name, description, labels, permission, repositories, networks, expectedCountries };
  return { ...traits, registry, createdBy, canary, ...born };
}
