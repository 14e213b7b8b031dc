import type { BarrierOutcome } from '#libs/lease';
import type { Membership } from '../membership.js';

/** For specs only: a process whose members answer when `confirm` does. Without it they answer at once. */
export function answeringMembership(
  confirm: (position: bigint) => Promise<unknown> = () => Promise.resolve(),
): Membership {
  const outcome = (position: bigint): BarrierOutcome => ({
    position,
    members: [],
    durationMs: 1,
    complete: true,
  });
  return {
    narrowed: (position: bigint) => confirm(position).then(() => outcome(position)),
    widened: (position: bigint) => confirm(position).then(() => undefined),
  } as unknown as Membership;
}
