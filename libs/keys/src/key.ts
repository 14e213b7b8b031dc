import type { Fact, StreamKind } from '#libs/kernel';
import type { KeyLeakReported } from './leak-report.js';
import { scheduleAfter, type RotationSchedule, type RotationScheduleFact } from './rotation-schedule.js';

/** What a key may do at the gate, from least to most: each includes those before it. Deleting needs the third. */
export const PERMISSIONS = ['read', 'read-write', 'read-write-delete'] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** What of a key can change in its life: how people know it, and what it may do. */
export interface KeyTraits {
  readonly name: string;
  readonly description: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly permission: Permission;
  /** From when on it is refused; null = never. */
  readonly expiresAt: string | null;
  /** Patterns of repositories; empty = all of the registry. Their order means nothing. */
  readonly repositories: readonly string[];
  /** Networks from which it is accepted; empty = all. Their order means nothing. */
  readonly networks: readonly string[];
  /** Countries (ISO 3166-1 alpha-2) from which its use is expected. Only feeds the alerts: restricts nothing. */
  readonly expectedCountries: readonly string[];
}

/** The names of the traits; the compiler sees to it that none is missing. */
export const KEY_TRAITS = Object.keys({
  name: true, description: true, labels: true, permission: true, expiresAt: true, repositories: true, networks: true,
  expectedCountries: true,
} satisfies Record<keyof KeyTraits, true>) as readonly (keyof KeyTraits)[]; // prettier-ignore

export type KeyGenerated = Fact<
  'KeyGenerated',
  KeyTraits & {
    readonly at: string;
    /** `reg_…` */
    readonly registry: string;
    /** Revision of the registry's stream that this was decided under. */
    readonly registryRevision: string;
    /** Actor id of the creator. */
    readonly createdBy: string;
    /** SHA-256 of the secret, hex. Redacted from every answer. */
    readonly secretHash: string;
    /** Id of the key that it is to take over from; null: of none. It counts once KeyRotated stands in that key's stream. */
    readonly rotates: string | null;
    /** Laid out to be found: it grants nothing, and whoever presents it raises an alert. */
    readonly canary: boolean;
  }
>;
/** `changes` has what is different from then on, and nothing else. */
export type KeyChanged = Fact<
  'KeyChanged',
  { readonly at: string; readonly registry: string; readonly changes: Partial<KeyTraits> }
>;
export type KeySuspended = Fact<'KeySuspended', { readonly at: string; readonly registry: string }>;
export type KeyResumed = Fact<'KeyResumed', { readonly at: string; readonly registry: string }>;
/** Why a key was ended: a person or program asked, its successor took over, it was found in public, or nobody ever got it. */
export const REVOCATION_CAUSES = ['requested', 'rotated', 'leaked', 'discarded'] as const;
export type RevocationCause = (typeof REVOCATION_CAUSES)[number];

/** Free text as it stands in the log: encrypted under the key of the user who wrote it; libs/personal-data makes and opens it. */
export interface SealedReason {
  readonly subject: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly commitment: string;
}

/** Why a key was revoked: the cause for programs, and what somebody wrote about it; null = nothing. */
export interface Revocation {
  readonly cause: RevocationCause;
  readonly reason: SealedReason | null;
}
export type KeyRevoked = Fact<'KeyRevoked', { readonly at: string; readonly registry: string } & Revocation>;
/** The key works until `graceEndsAt`, and `successor` (`drk_…`) takes over from it. */
export type KeyRotated = Fact<
  'KeyRotated',
  { readonly at: string; readonly registry: string; readonly successor: string; readonly graceEndsAt: string }
>;
/** People were told of the expiry: `recipients` are ids of users, `step` the duration (ISO 8601) before it. */
export type KeyExpiryReminded = Fact<
  'KeyExpiryReminded',
  {
    readonly at: string;
    readonly registry: string;
    readonly step: string;
    readonly expiresAt: string;
    readonly recipients: readonly string[];
  }
>;
/** The same of the date by which the key should be rotated. */
export type KeyRotationReminded = Fact<
  'KeyRotationReminded',
  {
    readonly at: string;
    readonly registry: string;
    readonly step: string;
    readonly rotateBy: string;
    readonly recipients: readonly string[];
  }
>;
/** Nobody is reminded before `until`. */
export type ReminderSnoozed = Fact<
  'ReminderSnoozed',
  { readonly at: string; readonly registry: string; readonly until: string }
>;
/** `at` is the moment from which the key no longer worked. */
export type KeyExpired = Fact<'KeyExpired', { readonly at: string; readonly registry: string }>;

/** A process that might have let the revoked key in, and why it does not: one of the two times is there. */
export interface ProvenMember {
  readonly incarnation: string;
  /** Its host, for people: two members may have the same. */
  readonly label: string;
  /** When it was known to have applied the revocation. */
  readonly appliedAt: string | null;
  /** When its lease had ended for certain. */
  readonly leaseEndedAt: string | null;
}
export type KeyRevocationProven = Fact<
  'KeyRevocationProven',
  {
    readonly at: string;
    readonly registry: string;
    /** Commit position of KeyRevoked, decimal. */
    readonly position: string;
    readonly members: readonly ProvenMember[];
    /** From the store's answer to KeyRevoked on. */
    readonly durationMs: number;
    /** Whether `members` is everyone. Else the proof took as long as any lease that it may not have known. */
    readonly complete: boolean;
    /** ISO 8601: how long reads may go on at a gate without a lease, as the registry's policy allowed then; null = not at all. */
    readonly serveReadsFor: string | null;
  }
>;

export type KeyFact =
  | KeyGenerated
  | KeyChanged
  | KeySuspended
  | KeyResumed
  | KeyRotated
  | KeyRevoked
  | KeyExpired
  | KeyRevocationProven
  | KeyExpiryReminded
  | KeyRotationReminded
  | ReminderSnoozed
  | KeyLeakReported
  | RotationScheduleFact;

/** Who takes over from a key, and how long it works beside. */
export interface Rotation {
  readonly at: string;
  readonly successor: string;
  readonly graceEndsAt: string;
}

/** A reminder that was given: `date` is the expiry or the date of the rotation that it was about. */
export interface Reminder {
  readonly of: 'expiry' | 'rotation';
  readonly date: string;
  readonly step: string;
}

/** A key that there is. Its traits are those of now; `generated` has those of its birth. */
export interface ExistingKey extends KeyTraits {
  readonly status: 'active' | 'suspended' | 'expired' | 'revoked';
  readonly generated: KeyGenerated['data'];
  readonly expiredAt: string | null;
  readonly revokedAt: string | null;
  readonly revocation: Revocation | null;
  /** null as long as it has no successor. Its `graceEndsAt` may be over before that is recorded: see `endOf`. */
  readonly rotation: Rotation | null;
  /** How it is rotated by itself; null: it is not, or its successor is. */
  readonly schedule: RotationSchedule | null;
  readonly reminders: readonly Reminder[];
  /** Nobody is reminded before it. */
  readonly snoozedUntil: string | null;
  /** What proved that the revocation holds everywhere; null until then. */
  readonly proven: KeyRevocationProven['data'] | null;
  /** The newest report of a leak; null: there was none. */
  readonly leak: Pick<KeyLeakReported['data'], 'at' | 'proven'> | null;
}
export type KeyState = { readonly status: 'none' } | ExistingKey;

/**
 * Stream `key-drk_<16>`. Terminal states are sticky: after a revocation nothing but its proof follows; a revocation may
 * follow an expiry; and nothing changes, suspends or resumes a key that has ended.
 */
export const keys: StreamKind<KeyState, KeyFact> = {
  category: 'key',
  initial: { status: 'none' },
  critical: new Set(['KeyChanged', 'KeySuspended', 'KeyRotated', 'KeyRevoked', 'KeyExpired']),
  evolve(state, fact) {
    if (state.status === 'none') return fact.type === 'KeyGenerated' ? born(fact.data) : state;
    switch (fact.type) {
      case 'KeyGenerated':
        return state;
      case 'KeyChanged':
        return isLiving(state) ? { ...state, ...fact.data.changes } : state;
      case 'KeySuspended':
        return isLiving(state) ? { ...state, status: 'suspended' } : state;
      case 'KeyResumed':
        return isLiving(state) ? { ...state, status: 'active' } : state;
      case 'KeyRotated':
        return isLiving(state) ? rotated(state, fact.data) : state;
      case 'KeyRevoked':
        return state.status === 'revoked' ? state : revoked(state, fact.data);
      case 'KeyExpired':
        return isLiving(state) ? { ...state, status: 'expired', expiredAt: fact.data.at } : state;
      case 'KeyRevocationProven':
        return state.status === 'revoked' ? { ...state, proven: state.proven ?? fact.data } : state;
      case 'KeyLeakReported':
        return { ...state, leak: { at: fact.data.at, proven: fact.data.proven } };
      case 'KeyExpiryReminded':
      case 'KeyRotationReminded':
        return { ...state, reminders: [...state.reminders, reminderOf(fact)] };
      case 'ReminderSnoozed':
        return { ...state, snoozedUntil: fact.data.until };
      case 'KeyRotationScheduled':
      case 'KeyRotationUnscheduled':
      case 'KeyRotationLapsed':
      case 'RotationDelivered':
      case 'RotationFailed':
        return { ...state, schedule: scheduleAfter(state.schedule, fact) };
      default:
        return unknownFact(fact, state);
    }
  },
};

/** Whether no end of the key is recorded. Its time may be over all the same. */
export function isLiving(state: ExistingKey): boolean {
  return state.status === 'active' || state.status === 'suspended';
}

function born(data: KeyGenerated['data']): ExistingKey {
  const { name, description, labels, permission, expiresAt, repositories, networks, expectedCountries } =
    data;
  const rights = { permission, expiresAt, repositories, networks };
  const traits = { name, description, labels, ...rights, expectedCountries };
  return {
    ...traits,
    status: 'active',
    generated: data,
    expiredAt: null,
    revokedAt: null,
    revocation: null,
    rotation: null,
    schedule: null,
    reminders: [],
    snoozedUntil: null,
    proven: null,
    leak: null,
  };
}

/** The first successor stays. */
function rotated(state: ExistingKey, { at, successor, graceEndsAt }: KeyRotated['data']): ExistingKey {
  return state.rotation ? state : { ...state, rotation: { at, successor, graceEndsAt }, schedule: null };
}

/** What is kept of the fact. */
export function reminderOf(fact: KeyExpiryReminded | KeyRotationReminded): Reminder {
  const { step } = fact.data;
  return fact.type === 'KeyExpiryReminded'
    ? { of: 'expiry', date: fact.data.expiresAt, step }
    : { of: 'rotation', date: fact.data.rotateBy, step };
}

function revoked(state: ExistingKey, { at, cause, reason }: KeyRevoked['data']): ExistingKey {
  return { ...state, status: 'revoked', revokedAt: at, revocation: { cause, reason } };
}

/** A type of a later release: it changes nothing here. The compiler proves that no known type ends up here. */
function unknownFact(_fact: never, state: KeyState): KeyState {
  return state;
}
