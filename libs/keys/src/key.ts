import type { Fact, StreamKind } from '#libs/kernel';

/** What a key may do at the gate. Deleting needs the third. */
export const PERMISSIONS = ['read', 'read-write', 'read-write-delete'] as const;
export type Permission = (typeof PERMISSIONS)[number];

export type KeyGenerated = Fact<
  'KeyGenerated',
  {
    readonly at: string;
    /** `reg_…` */
    readonly registry: string;
    /** Revision of the registry's stream that this was decided under. */
    readonly registryRevision: string;
    /** Actor id of the creator. */
    readonly createdBy: string;
    readonly name: string;
    readonly permission: Permission;
    /** SHA-256 of the secret, hex. Redacted from every answer. */
    readonly secretHash: string;
    readonly expiresAt: string | null;
    readonly description: string | null;
    readonly labels: Readonly<Record<string, string>>;
  }
>;
export type KeyRevoked = Fact<'KeyRevoked', { readonly at: string; readonly registry: string }>;
/** `at` is the moment from which the key no longer worked. */
export type KeyExpired = Fact<'KeyExpired', { readonly at: string; readonly registry: string }>;
export type KeyFact = KeyGenerated | KeyRevoked | KeyExpired;

export type KeyState =
  | { readonly status: 'none' }
  | {
      readonly status: 'active' | 'expired' | 'revoked';
      readonly generated: KeyGenerated['data'];
      readonly expiresAt: string | null;
      readonly expiredAt: string | null;
      readonly revokedAt: string | null;
    };

/** Stream `key-drk_<16>`. Terminal states are sticky: nothing follows a revocation; a revocation may follow an expiry. */
export const keys: StreamKind<KeyState, KeyFact> = {
  category: 'key',
  initial: { status: 'none' },
  critical: new Set(['KeyRevoked', 'KeyExpired']),
  evolve(state, fact) {
    switch (fact.type) {
      case 'KeyGenerated':
        if (state.status !== 'none') return state;
        return {
          status: 'active',
          generated: fact.data,
          expiresAt: fact.data.expiresAt,
          expiredAt: null,
          revokedAt: null,
        };
      case 'KeyRevoked':
        if (state.status === 'none' || state.status === 'revoked') return state;
        return { ...state, status: 'revoked', revokedAt: fact.data.at };
      case 'KeyExpired':
        if (state.status !== 'active') return state;
        return { ...state, status: 'expired', expiredAt: fact.data.at };
      default:
        return unknownFact(fact, state);
    }
  },
};

/** A type of a later release: it changes nothing here. The compiler proves that no known type ends up here. */
function unknownFact(_fact: never, state: KeyState): KeyState {
  return state;
}
