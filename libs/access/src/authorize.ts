import { timingSafeEqual } from 'node:crypto';
import { hashSecret } from '#libs/kernel';
import type { Credentials } from './credentials.js';
import { PERMISSION_LEVELS, type GrantPermission, type GrantState, type Grants } from './grants.js';

/** What a request wants to do. `login` reads nothing; `catalog` lists the repositories that the key reaches. */
export type Action = 'login' | 'pull' | 'push' | 'delete' | 'catalog';

/** What is asked of a registry, as far as it is decided on. */
export interface Asked {
  readonly action: Action;
  /** Its name as the client calls it; undefined where the action concerns none (`login`, `catalog`). */
  readonly repository: string | undefined;
}

/** The least permission for an action. */
const NEEDED: Readonly<Record<Action, GrantPermission>> = {
  login: 'read',
  catalog: 'read',
  pull: 'read',
  push: 'read-write',
  delete: 'read-write-delete',
};
const NEEDED_LEVEL = Object.fromEntries(
  Object.entries(NEEDED).map(([action, permission]) => [action, PERMISSION_LEVELS.indexOf(permission)]),
) as Readonly<Record<Action, number>>;

/** Why a stranger is refused. To him all of them must look alike. */
export type StrangerVerdict = 'no_credentials' | 'malformed' | 'not_a_key' | 'unknown' | 'wrong_secret';
/** What is said to whoever proved the secret of a key. */
export type HolderVerdict =
  'allowed' | 'wrong_registry' | Exclude<GrantState, 'active'> | 'network_refused' | 'not_permitted';
export type Verdict = StrangerVerdict | HolderVerdict;
/** Which of the key's rights a request that is `not_permitted` goes beyond: the permission is looked at first. */
export type Denied = 'permission' | 'repository';

export type Decision =
  | { readonly verdict: StrangerVerdict; readonly proven: false }
  | {
      readonly verdict: HolderVerdict;
      readonly proven: true;
      /** `drk_<16>` */
      readonly keyId: string;
      readonly permission: GrantPermission;
      /** Set when the verdict is `not_permitted`, and only then. */
      readonly denied?: Denied;
    };

/** Compared for an id that does not exist, so that its refusal takes as long as that of a wrong secret. */
const NO_HASH = Buffer.alloc(32);
/** The hash of the secret being decided on: one buffer for all, since a decision is synchronous and a new buffer costs 1 µs. */
const presentedHash = Buffer.alloc(32);
const UNKNOWN: Decision = { verdict: 'unknown', proven: false };
const WRONG_SECRET: Decision = { verdict: 'wrong_secret', proven: false };

/**
 * Decides one request, synchronously and from memory.
 * `registry` is the one that the request's host names; `address` the client's IP address, undefined where it is not known;
 * `now` is max(clock, time of the newest fact applied), in ms since the epoch.
 */
export function authorize(
  grants: Grants,
  credentials: Credentials,
  registry: string,
  asked: Asked,
  address: string | undefined,
  now: number,
): Decision {
  if (credentials.kind !== 'key') return refuseWithoutKey(credentials.kind);
  presentedHash.write(hashSecret(credentials.secret), 'hex');
  return authorizeHash(grants, credentials.id, presentedHash, registry, asked, address, now);
}

/** As `authorize`, for a key id and the SHA-256 (32 bytes) of the secret that came with it. */
export function authorizeHash(
  grants: Grants,
  keyId: string,
  secretHash: Uint8Array,
  registry: string,
  asked: Asked,
  address: string | undefined,
  now: number,
): Decision {
  const row = grants.find(keyId);
  if (row === -1) {
    timingSafeEqual(secretHash, NO_HASH);
    return UNKNOWN;
  }
  if (!grants.secretMatches(row, secretHash)) return WRONG_SECRET;
  const permission = grants.permissionOf(row);
  const verdict = verdictWithoutAction(grants, row, registry, address, now);
  const denied = verdict === 'allowed' ? deniedTo(grants, row, permission, asked) : undefined;
  if (denied === undefined) return { verdict, proven: true, keyId, permission };
  return { verdict: 'not_permitted', proven: true, keyId, permission, denied };
}

function refuseWithoutKey(kind: Exclude<Credentials['kind'], 'key'>): Decision {
  return { verdict: kind === 'none' ? 'no_credentials' : kind, proven: false };
}

/**
 * What holds for the key whatever it is used for. The registry comes first: the owner of another registry learns nothing of
 * the key's state from its refusal there.
 */
function verdictWithoutAction(
  grants: Grants,
  row: number,
  registry: string,
  address: string | undefined,
  now: number,
): Exclude<HolderVerdict, 'not_permitted'> {
  if (grants.registryOf(row) !== registry) return 'wrong_registry';
  const state = grants.stateAt(row, now);
  if (state !== 'active') return state;
  return grants.admits(row, address) ? 'allowed' : 'network_refused';
}

/** Which right of the key is missing for what is asked; undefined: none. */
function deniedTo(
  grants: Grants,
  row: number,
  permission: GrantPermission,
  { action, repository }: Asked,
): Denied | undefined {
  const isPermitted = PERMISSION_LEVELS.indexOf(permission) >= NEEDED_LEVEL[action];
  if (!isPermitted) return 'permission';
  const restrictions = grants.restrictionsOf(row);
  if (restrictions === undefined || action === 'login' || action === 'catalog') return undefined;
  return repository !== undefined && restrictions.reaches(repository) ? undefined : 'repository';
}
