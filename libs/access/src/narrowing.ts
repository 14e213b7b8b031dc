import { PERMISSION_LEVELS, type GrantPermission } from './grants.js';
import { epochMilliseconds } from './instant.js';
import { networkIncludes } from './networks.js';
import { patternIncludes } from './repository-patterns.js';
import type { Restrictions } from './restrictions.js';

/** What a key may do, as the API and the facts have it. */
export interface Rights extends Restrictions {
  readonly permission: GrantPermission;
  /** RFC 3339, UTC, with milliseconds; null = never. */
  readonly expiresAt: string | null;
}

/**
 * Whether a key whose rights become `after` may be refused where it was accepted with the rights `before`: then the change
 * is not answered before every gate goes by it. True unless `after` certainly has everything that `before` has, which is
 * looked for entry by entry: two networks that together are the one there was before count as narrower.
 * Throws when one of two times of expiry is no such text.
 */
export function isNarrowing(before: Rights, after: Rights): boolean {
  const includesAll =
    level(after.permission) >= level(before.permission) &&
    lastsAsLong(before.expiresAt, after.expiresAt) &&
    listIncludes(after.repositories, before.repositories, patternIncludes) &&
    listIncludes(after.networks, before.networks, networkIncludes);
  return !includesAll;
}

function level(permission: GrantPermission): number {
  return PERMISSION_LEVELS.indexOf(permission);
}

function lastsAsLong(before: string | null, after: string | null): boolean {
  if (after === null) return true;
  return before !== null && epochMilliseconds(after) >= epochMilliseconds(before);
}

/** An empty list has everything. Whether another list happens to have as much is not looked for. */
function listIncludes(
  after: readonly string[],
  before: readonly string[],
  includes: (outer: string, inner: string) => boolean,
): boolean {
  if (after.length === 0) return true;
  return before.length > 0 && before.every((inner) => after.some((outer) => includes(outer, inner)));
}
