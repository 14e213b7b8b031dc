import { parseDuration } from '#libs/kernel';
import type { ExistingKey } from './key.js';

/** When a key that was born at `createdAt` should be replaced; null where the registry's policy has no period (ISO 8601). */
export function rotateBy(createdAt: string, rotationPeriod: string | null): string | null {
  const period = rotationPeriod === null ? undefined : parseDuration(rotationPeriod);
  return period === undefined ? null : timeText(Date.parse(createdAt) + period);
}

/** The last moment of the four-digit years in which RFC 3339 counts. */
export const TIME_MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** RFC 3339 of milliseconds since 1970; what lies beyond the year 9999 is its end. */
export function timeText(milliseconds: number): string {
  return new Date(Math.min(milliseconds, TIME_MAX_MS)).toISOString();
}

/** What of a key its end depends on. */
export type Ending = Pick<ExistingKey, 'expiresAt'> & {
  readonly rotation: { readonly graceEndsAt: string } | null;
};

/**
 * When a key ends by itself, and as what: a rotated key is revoked at the end of its grace, unless it expires before; null:
 * never. Whoever decides by the clock goes by it (a gate: libs/access); the workers only record it.
 */
export function endOf({ expiresAt, rotation }: Ending): { as: 'expired' | 'revoked'; at: string } | null {
  if (rotation && (expiresAt === null || Date.parse(rotation.graceEndsAt) < Date.parse(expiresAt))) {
    return { as: 'revoked', at: rotation.graceEndsAt };
  }
  return expiresAt === null ? null : { as: 'expired', at: expiresAt };
}

/** As what the key had ended by itself at `now`, to the millisecond, recorded or not; undefined: it had not. */
export function endedBy(key: Ending, now: string): 'expired' | 'revoked' | undefined {
  const end = endOf(key);
  return end && Date.parse(end.at) <= Date.parse(now) ? end.as : undefined;
}

/** How the state of a key is shown, from the strongest to the weakest: revoked, expired, suspended, rotating, active. */
export type ShownStatus = ExistingKey['status'] | 'rotating';

export function shownStatus(key: Pick<ExistingKey, 'status'> & Ending, now: string): ShownStatus {
  const { status, rotation } = key;
  if (status === 'revoked' || status === 'expired') return status;
  return endedBy(key, now) ?? (status === 'active' && rotation ? 'rotating' : status);
}
