import { Refusal } from '#libs/kernel';
import { now } from '#libs/platform';
import type { Caller } from '../http/caller.js';
import { IsTimestamp } from '../http/fields.js';
import { Problem } from '../http/problems.js';
import { parseTimestamp } from '../http/timestamps.js';

/** The parameter of a read that can look back. */
export class AsOfQuery {
  @IsTimestamp({
    optional: true,
    description:
      'What was true at this moment, to the millisecond. Needs the right `audit`, or `audit-own` for the keys that the caller generated.',
  })
  asOf?: string;
}

/** A moment that has passed, and who looks back to it. */
export interface Moment {
  /** RFC 3339 in UTC with milliseconds. */
  readonly at: string;
  /** The user whose keys alone the caller may look back on; undefined: everybody's. */
  readonly only: string | undefined;
}

/**
 * The moment that the query names; undefined when it names none. Throws 403 for a caller who may look back on no key of the
 * registry (`reg_…`), and 422 `as-of-in-future` for a moment that has not come: what will be true nobody knows.
 */
export function momentOf({ asOf }: AsOfQuery, registry: string, caller: Caller): Moment | undefined {
  if (asOf === undefined) return undefined;
  const rights = caller.rights(registry);
  if (!rights.has('audit-own'))
    throw new Refusal('not-permitted', 'your role in this registry does not include looking back');
  const at = new Date(parseTimestamp(asOf)!).toISOString();
  if (at > now()) {
    const detail = 'asOf is in the future: only a moment that has passed can be looked at.';
    throw new Problem('as-of-in-future', detail, {
      errors: [{ parameter: 'asOf', code: 'as-of-in-future', detail }],
    });
  }
  return { at, only: rights.has('audit') ? undefined : caller.userId };
}

/** Throws 403 for a key of somebody else, where the caller may look back on own ones alone. */
export function requireOwn({ only }: Moment, createdBy: string): void {
  if (only === undefined || only === createdBy) return;
  throw new Refusal('not-permitted', 'your role in this registry does not include that for keys of others');
}
