import type { KeyFact } from './key.js';

/** A fact that changes nothing here leaves the version of a key (its `ETag`) as it is. The compiler asks about every new type. */
const IS_SEEN: Readonly<Record<KeyFact['type'], boolean>> = {
  KeyGenerated: true,
  KeyChanged: true,
  KeySuspended: true,
  KeyResumed: true,
  KeyRevoked: true,
  KeyExpired: true,
  KeyRotated: true,
  KeyRevocationProven: false,
  KeyLeakReported: false,
  KeyExpiryReminded: false,
  KeyRotationReminded: false,
  ReminderSnoozed: false,
  KeyRotationScheduled: false,
  KeyRotationUnscheduled: false,
  KeyRotationLapsed: false,
  RotationDelivered: false,
  RotationFailed: false,
};

/** Whether the fact changes what people see of a key. Not so: proofs, reminders, and facts of a later release. */
export function isSeenInKey({ type }: { readonly type: string }): boolean {
  return Object.hasOwn(IS_SEEN, type) && IS_SEEN[type as KeyFact['type']];
}
