import type { Decision } from '#libs/kernel';
import { belongs, missingKey, revokeKey } from './decisions.js';
import { isLiving, type ExistingKey, type KeyFact, type KeyState } from './key.js';
import type { KeyLeakReported } from './leak-report.js';
import { endedBy } from './lifetimes.js';

/** Reports of one leak come in bursts, one for each copy; a report that proves no more than one of this hour adds nothing. */
const BURST_MS = 3_600_000;

/** What the registry wants done about a leak of a proven secret. */
export interface LeakRules {
  readonly onLeak: 'notify' | 'suspend' | 'revoke';
  /** Ids of users who are told, beside the creator of the key. */
  readonly owners: readonly string[];
}

/**
 * Records that a key was found where it should not be, whatever the key's state: it may be in use elsewhere; and does, in the
 * same commit, what the registry wants done about it, so that the report says what became of the key. Without the true secret
 * nothing is done and no user is told: anybody could plant an id, which is public. Nor is one told of a key that had ended.
 */
export function reportLeak(
  report: Omit<KeyLeakReported['data'], 'done' | 'recipients'>,
  { onLeak, owners }: LeakRules,
): Decision<KeyState, KeyFact> {
  return (state) => {
    if (!belongs(state, report.registry)) throw missingKey();
    const acts = report.proven ? actsOf(state, onLeak, report) : [];
    const done = DONE[acts[0]?.type ?? ''] ?? 'nothing';
    const isNews = report.proven && (done !== 'nothing' || !hasEnded(state, report.at));
    const recipients = isNews ? [...new Set([state.generated.createdBy, ...owners])] : [];
    const reported: KeyFact = { type: 'KeyLeakReported', data: { ...report, done, recipients } };
    return isRepeated(state, report) ? acts : [reported, ...acts];
  };
}

const DONE: Readonly<Record<string, 'suspended' | 'revoked'>> = {
  KeySuspended: 'suspended',
  KeyRevoked: 'revoked',
};

/** At most one fact, also when the report itself is not new: the policy may be another one by now. */
function actsOf(
  state: ExistingKey,
  onLeak: LeakRules['onLeak'],
  { registry, at }: { readonly registry: string; readonly at: string },
): readonly KeyFact[] {
  if (onLeak === 'revoke') return revokeKey({ registry, at, cause: 'leaked' })(state);
  const isSuspendable = onLeak === 'suspend' && state.status === 'active' && !hasEnded(state, at);
  return isSuspendable ? [{ type: 'KeySuspended', data: { at, registry } }] : [];
}

function hasEnded(state: ExistingKey, at: string): boolean {
  return !isLiving(state) || endedBy(state, at) !== undefined;
}

function isRepeated({ leak }: ExistingKey, { at, proven }: { at: string; proven: boolean }): boolean {
  const isFresh = leak !== null && Date.parse(at) - Date.parse(leak.at) < BURST_MS;
  return isFresh && (leak.proven || !proven);
}
