import { parseDuration } from '#libs/kernel';

/** When a key that was born at `createdAt` should be replaced; null where the registry's policy has no period (ISO 8601). */
export function rotateBy(createdAt: string, rotationPeriod: string | null): string | null {
  const period = rotationPeriod === null ? undefined : parseDuration(rotationPeriod);
  return period === undefined ? null : timeText(Date.parse(createdAt) + period);
}

/** The last moment of the four-digit years in which RFC 3339 counts. */
const TIME_MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** RFC 3339 of milliseconds since 1970; what lies beyond the year 9999 is its end. */
export function timeText(milliseconds: number): string {
  return new Date(Math.min(milliseconds, TIME_MAX_MS)).toISOString();
}
