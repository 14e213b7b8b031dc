import { Refusal } from '#libs/kernel';
import { parseTimestamp } from '../http/timestamps.js';

/** The last moment of the four-digit years in which RFC 3339 counts. */
const TIME_MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** An expiry as it is stored, of milliseconds since 1970; `field` points at where it came from. Throws 422 beyond the year 9999. */
export function storedExpiry(milliseconds: number, field: string): string {
  if (milliseconds > TIME_MAX_MS)
    throw new Refusal('invalid-value', 'the expiry lies beyond the year 9999', { field });
  return new Date(milliseconds).toISOString();
}

/** The field `expiresAt`, which was checked to be a time in RFC 3339 or null: never. */
export function expiryAt(expiresAt: string | null): string | null {
  return expiresAt === null ? null : storedExpiry(parseTimestamp(expiresAt)!, '/expiresAt');
}
