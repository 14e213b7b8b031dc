import { parseDuration, type Fact } from '#libs/kernel';
import { timeText } from './lifetimes.js';

/** Where a new secret can be delivered. */
export const ROTATION_TARGETS = [
  'webhook', 'vault', 'aws-secrets-manager', 'github-actions', 'file',
] as const; // prettier-ignore
export type RotationTargetKind = (typeof ROTATION_TARGETS)[number];

/** Encrypted under the schedule's own key (`subject` is its id), which its end destroys; libs/personal-data makes and opens it. */
export interface SealedRotationTarget {
  readonly subject: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly commitment: string;
}

/** The key is rotated by itself from then on. Every successor is born with the schedule of the key that it takes over from. */
export type KeyRotationScheduled = Fact<
  'KeyRotationScheduled',
  {
    readonly at: string;
    readonly registry: string;
    /** `rot_<16>`; the same for the key, its successors, and whatever is changed of the schedule. */
    readonly schedule: string;
    /** ISO 8601: so long after one rotation the next follows. */
    readonly every: string;
    /** ISO 8601: so long the old key works beside its successor. */
    readonly gracePeriod: string;
    readonly kind: RotationTargetKind;
    /** Where exactly, and what opens it. */
    readonly target: SealedRotationTarget;
    readonly dueAt: string;
  }
>;
/** No rotation by itself any more: somebody asked, or the key has ended. What opens the target is destroyed by then. */
export type KeyRotationUnscheduled = Fact<
  'KeyRotationUnscheduled',
  { readonly at: string; readonly registry: string; readonly schedule: string }
>;
/**
 * No rotation by itself any more, and nobody asked for that: the key expired before a rotation went well. `recipients` are ids
 * of users who are told. What opens the target is destroyed by then.
 */
export type KeyRotationLapsed = Fact<
  'KeyRotationLapsed',
  {
    readonly at: string;
    readonly registry: string;
    readonly schedule: string;
    readonly kind: RotationTargetKind;
    /** Why the last attempt failed, for people; null: there was none. */
    readonly error: string | null;
    readonly recipients: readonly string[];
  }
>;
/** The target has the secret of the successor: it was asked, and said so. */
export type RotationDelivered = Fact<
  'RotationDelivered',
  {
    readonly at: string;
    readonly registry: string;
    readonly successor: string;
    readonly kind: RotationTargetKind;
    /** How the target calls what it has now; null: it has no name for it. */
    readonly version: string | null;
  }
>;
/** The key was not rotated and goes on; `recipients` are ids of users who are told. */
export type RotationFailed = Fact<
  'RotationFailed',
  {
    readonly at: string;
    readonly registry: string;
    readonly kind: RotationTargetKind;
    /** For people; holds no secret, URL or address. */
    readonly error: string;
    readonly nextAttemptAt: string;
    readonly recipients: readonly string[];
  }
>;
export type RotationScheduleFact =
  KeyRotationScheduled | KeyRotationUnscheduled | KeyRotationLapsed | RotationDelivered | RotationFailed;

/** The schedule of a key. */
export type RotationSchedule = Pick<
  KeyRotationScheduled['data'],
  'schedule' | 'every' | 'gracePeriod' | 'kind' | 'target' | 'dueAt'
> & {
  /** Attempts that failed since the last rotation. */
  readonly failures: number;
  readonly lastFailure: Pick<RotationFailed['data'], 'at' | 'error'> | null;
  /** The successor whose secret the target has; null until one is delivered. */
  readonly delivered: string | null;
};

/** The schedule after a fact about it. */
export function scheduleAfter(
  schedule: RotationSchedule | null,
  fact: RotationScheduleFact,
): RotationSchedule | null {
  if (fact.type === 'KeyRotationScheduled') {
    const { schedule: id, every, gracePeriod, kind, target, dueAt } = fact.data;
    return {
      schedule: id,
      every,
      gracePeriod,
      kind,
      target,
      dueAt,
      failures: 0,
      lastFailure: null,
      delivered: null,
    };
  }
  if (fact.type === 'KeyRotationUnscheduled' || fact.type === 'KeyRotationLapsed') return null;
  if (schedule === null) return null;
  if (fact.type === 'RotationDelivered') return { ...schedule, delivered: fact.data.successor };
  const { at, error, nextAttemptAt } = fact.data;
  return { ...schedule, dueAt: nextAttemptAt, failures: schedule.failures + 1, lastFailure: { at, error } };
}

/**
 * When a key is rotated that ends at `expiresAt` (null: never): at `dueAt`, unless its grace would not fit any more. Then while
 * it still does, or, where it is longer than what is left from `from` on, halfway to the end.
 */
export function dueBeforeEnd(
  dueAt: string,
  {
    from,
    expiresAt,
    gracePeriod,
  }: { readonly from: string; readonly expiresAt: string | null; readonly gracePeriod: string },
): string {
  if (expiresAt === null) return dueAt;
  const left = Date.parse(expiresAt) - Date.parse(from);
  const latest = Date.parse(expiresAt) - Math.min(parseDuration(gracePeriod)!, left / 2);
  return Date.parse(dueAt) <= latest ? dueAt : timeText(latest);
}
