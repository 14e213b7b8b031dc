import { timingSafeEqual } from 'node:crypto';
import { hashSecret } from '#libs/kernel';
import type { Credentials } from './credentials.js';
import { PERMISSION_LEVELS, type GrantPermission, type GrantState, type Grants } from './grants.js';

/** What a request wants to do. `login` reads nothing; `catalog` lists the repositories of the whole store behind the gate. */
export type Action = 'login' | 'pull' | 'push' | 'delete' | 'catalog';

/** The least permission for an action. No permission opens the catalog: it would name the repositories of every registry. */
const NEEDED: Readonly<Record<Action, GrantPermission | undefined>> = {
  login: 'read',
  pull: 'read',
  push: 'read-write',
  delete: 'read-write-delete',
  catalog: undefined,
};
const NEEDED_LEVEL = Object.fromEntries(
  Object.entries(NEEDED).map(([action, permission]) => [
    action,
    permission === undefined ? Infinity : PERMISSION_LEVELS.indexOf(permission),
  ]),
) as Readonly<Record<Action, number>>;

/** Why a stranger is refused. To him all of them must look alike. */
export type StrangerVerdict = 'no_credentials' | 'malformed' | 'not_a_key' | 'unknown' | 'wrong_secret';
/** What is said to whoever proved the secret of a key. */
export type HolderVerdict = 'allowed' | 'wrong_registry' | Exclude<GrantState, 'active'> | 'not_permitted';
export type Verdict = StrangerVerdict | HolderVerdict;

export type Decision =
  | { readonly verdict: StrangerVerdict; readonly proven: false }
  | {
      readonly verdict: HolderVerdict;
      readonly proven: true;
      /** `drk_<16>` */
      readonly keyId: string;
      readonly permission: GrantPermission;
    };

/** Compared for an id that does not exist, so that its refusal takes as long as that of a wrong secret. */
const NO_HASH = Buffer.alloc(32);
/** The hash of the secret being decided on: one buffer for all, since a decision is synchronous and a new buffer costs 1 µs. */
const presentedHash = Buffer.alloc(32);
const UNKNOWN: Decision = { verdict: 'unknown', proven: false };
const WRONG_SECRET: Decision = { verdict: 'wrong_secret', proven: false };

/**
 * Decides one request, synchronously and from memory.
 * `registry` is the one that the request's host names; `now` is max(clock, time of the newest fact applied), in ms since the epoch.
 */
export function authorize(
  grants: Grants,
  credentials: Credentials,
  registry: string,
  action: Action,
  now: number,
): Decision {
  if (credentials.kind !== 'key') return refuseWithoutKey(credentials.kind);
  presentedHash.write(hashSecret(credentials.secret), 'hex');
  return authorizeHash(grants, credentials.id, presentedHash, registry, action, now);
}

/** As `authorize`, for a key id and the SHA-256 (32 bytes) of the secret that came with it. */
export function authorizeHash(
  grants: Grants,
  keyId: string,
  secretHash: Uint8Array,
  registry: string,
  action: Action,
  now: number,
): Decision {
  const row = grants.find(keyId);
  if (row === -1) {
    timingSafeEqual(secretHash, NO_HASH);
    return UNKNOWN;
  }
  if (!grants.secretMatches(row, secretHash)) return WRONG_SECRET;
  const verdict = verdictForHolder(grants, row, registry, action, now);
  return { verdict, proven: true, keyId, permission: grants.permissionOf(row) };
}

function refuseWithoutKey(kind: Exclude<Credentials['kind'], 'key'>): Decision {
  return { verdict: kind === 'none' ? 'no_credentials' : kind, proven: false };
}

/** The registry comes first: the owner of another registry learns nothing of the key's state from its refusal there. */
function verdictForHolder(
  grants: Grants,
  row: number,
  registry: string,
  action: Action,
  now: number,
): HolderVerdict {
  if (grants.registryOf(row) !== registry) return 'wrong_registry';
  const state = grants.stateAt(row, now);
  if (state !== 'active') return state;
  const level = PERMISSION_LEVELS.indexOf(grants.permissionOf(row));
  return level >= NEEDED_LEVEL[action] ? 'allowed' : 'not_permitted';
}
