import { Refusal, type Decision } from '#libs/kernel';
import type { KeyFact, KeyGenerated, KeyState } from './key.js';

/** A key that expires sooner than this after its birth is a mistake: no pipeline could use it. */
export const LIFETIME_MIN_MS = 1_000;

/** A new key. Refuses an expiry that is not in the future, and an id that is taken. */
export function generateKey(data: KeyGenerated['data']): Decision<KeyState, KeyFact> {
  return (state) => {
    if (state.status !== 'none') throw new Refusal('conflict', 'a key with this id exists already');
    if (data.expiresAt !== null && Date.parse(data.expiresAt) < Date.parse(data.at) + LIFETIME_MIN_MS) {
      throw new Refusal('expiry-in-past', 'the expiry must lie in the future', { field: '/expiresAt' });
    }
    return [{ type: 'KeyGenerated', data }];
  };
}

/** Ends a key for ever, an expired one too (its holder may still have it). Revoking twice adds nothing. */
export function revokeKey(command: { registry: string; at: string }): Decision<KeyState, KeyFact> {
  return (state) => {
    if (!belongs(state, command.registry)) throw missingKey();
    if (state.status === 'revoked') return [];
    return [{ type: 'KeyRevoked', data: { at: command.at, registry: command.registry } }];
  };
}

/**
 * Records that a key's time is over. The gate refuses it from `expiresAt` on, recorded or not; the fact carries that moment
 * and not the time of the sweep, so that whoever records it says the same bytes.
 */
export function expireKey(now: string): Decision<KeyState, KeyFact> {
  return (state) => {
    if (state.status !== 'active' || state.expiresAt === null) return [];
    if (Date.parse(state.expiresAt) > Date.parse(now)) return [];
    return [{ type: 'KeyExpired', data: { at: state.expiresAt, registry: state.generated.registry } }];
  };
}

/** Whether the key exists in this registry. A key of another registry looks like no key. */
export function belongs(state: KeyState, registry: string): state is Exclude<KeyState, { status: 'none' }> {
  return state.status !== 'none' && state.generated.registry === registry;
}

/** Made afresh for every caller, so that a foreign key and a missing one answer alike. */
export function missingKey(): Refusal {
  return new Refusal('not-found', 'there is no such key in this registry');
}
