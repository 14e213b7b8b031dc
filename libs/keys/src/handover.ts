import type { ShownStatus } from './lifetimes.js';

/** Who uses a key: a program, in a network. `null`: not known. */
export interface KeyUser {
  readonly network: string | null;
  readonly client: string | null;
}

/** A user of a key, and when it was last seen with it. */
export interface KeyUse extends KeyUser {
  /** RFC 3339. */
  readonly at: string;
}

/** What is known of a rotation under way. */
export interface HandoverFacts {
  readonly rotatedAt: string;
  /** Last use of each user of the old key, in any order; undefined: uses are not known. */
  readonly ofKey: readonly KeyUse[] | undefined;
  /** The same of the successor. */
  readonly ofSuccessor: readonly KeyUse[] | undefined;
  readonly successorStatus: ShownStatus;
}

/** Whoever used the old key within this time before the rotation is expected to come back: a pipeline that runs once a week. */
const RECENT_MS = 7 * 86_400_000;

export interface HandoverVerdict {
  readonly safeToRetire: boolean;
  /** A sentence for people. */
  readonly verdict: string;
  /** Those who were seen with the old key lately, and not with the successor after that; the last first. */
  readonly users: readonly KeyUse[];
}

/**
 * Whether the old key of a rotation can be retired: everybody who used it since a week before the rotation (RECENT_MS) has
 * used the successor later.
 * Says no when it cannot know: of a key whose uses are not known, or as long as nobody has used the successor though
 * somebody used the old key before.
 */
export function handover({ rotatedAt, ofKey, ofSuccessor, successorStatus }: HandoverFacts): HandoverVerdict {
  const no = (verdict: string, users: readonly KeyUse[] = []) => ({ safeToRetire: false, verdict, users });
  if (successorStatus !== 'active' && successorStatus !== 'rotating') {
    return no(`The successor is ${successorStatus}: whoever changes to it is refused.`);
  }
  if (ofKey === undefined || ofSuccessor === undefined) {
    return no('Not known: uses of the two keys have not been counted.');
  }
  const recent = new Date(Date.parse(rotatedAt) - RECENT_MS).toISOString();
  const left = ofKey
    .filter((use) => isAfter(use.at, recent) && !ofSuccessor.some((later) => hasMoved(use, later)))
    .toSorted((one, other) => Date.parse(other.at) - Date.parse(one.at));
  if (left.length > 0) {
    return no(
      `Still in use: ${left.length === 1 ? 'one user has' : `${left.length} users have`} not changed to the successor.`,
      left,
    );
  }
  if (ofKey.length > 0 && ofSuccessor.length === 0) {
    return no('Nobody has used the successor yet, and the old key was used before the rotation.');
  }
  return { safeToRetire: true, verdict: 'Safe to retire: nobody uses the old key any more.', users: [] };
}

function hasMoved(before: KeyUse, after: KeyUse): boolean {
  return before.network === after.network && before.client === after.client && isAfter(after.at, before.at);
}

function isAfter(one: string, other: string): boolean {
  return Date.parse(one) > Date.parse(other);
}
