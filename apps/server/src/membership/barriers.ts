import { Barrier, type BarrierOutcome, type Members } from '#libs/lease';
import type { AppliedPositions } from './applied-positions.js';

/** What a publication that was lost costs at most. */
const ASK_EVERY_MS = 50;

/** The end of a lease is looked for no later than this, whatever is expected. */
const CHECK_WITHIN_MS = 1_000;

export type AppliedUpTo = (incarnation: string) => bigint | undefined;

/** Waits until no member decides without a position any more. Owned by Membership. */
export class Barriers {
  private readonly running = new Map<bigint, Promise<BarrierOutcome>>();
  private readonly checks = new Set<() => void>();
  private readonly timers = new Set<NodeJS.Timeout>();

  constructor(
    private readonly members: Members,
    private readonly positions: AppliedPositions,
    private readonly appliedUpTo: AppliedUpTo,
    private readonly onOver: (outcome: BarrierOutcome) => void,
  ) {}

  /** Something that a barrier may have waited for has happened. */
  progressed(): void {
    for (const check of this.checks) check();
  }

  /**
   * Resolves when every member has applied `position` to its memory, or its lease is over. `answeredAt`: ms on the monotonic
   * clock, read after the append's answer, or after the event was read. Callers of one position share one barrier: whoever
   * comes later waits no longer than it, and its clock has run since an earlier moment.
   */
  run(position: bigint, answeredAt: number): Promise<BarrierOutcome> {
    const known = this.running.get(position);
    if (known) return known;
    const run = this.start(position, answeredAt).finally(() => this.running.delete(position));
    this.running.set(position, run);
    return run;
  }

  /** Best effort, for what widens access: resolves when every member has applied `position`, or after `withinMs`. */
  reached(position: bigint, withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(limit);
        this.checks.delete(check);
        resolve();
      };
      const check = () => {
        const members = this.members.at(position, performance.now());
        if (members?.every(({ incarnation }) => (this.appliedUpTo(incarnation) ?? -1n) >= position)) finish();
      };
      const limit = setTimeout(finish, withinMs);
      this.checks.add(check);
      check();
    });
  }

  /** Whoever still waits is not answered any more. */
  close(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  private forget(timer: NodeJS.Timeout | undefined): void {
    clearTimeout(timer);
    if (timer) this.timers.delete(timer);
  }

  private start(position: bigint, answeredAt: number): Promise<BarrierOutcome> {
    const { members } = this;
    const barrier = new Barrier({ position, answeredAt, members });
    // By the monotonic clock from here on: a wall clock that is set meanwhile must not make a receipt contradict itself.
    const startedAt = { monotonic: performance.now(), wall: Date.now() };
    const time = () => new Date(startedAt.wall + performance.now() - startedAt.monotonic).toISOString();
    return new Promise((resolve) => {
      let ending: NodeJS.Timeout | undefined;
      const check = () => {
        // An answer of Redis may come after the end, which is counted once.
        if (!this.checks.has(check)) return;
        for (const { incarnation } of barrier.waitingFor(performance.now())) {
          barrier.applied(incarnation, this.appliedUpTo(incarnation) ?? -1n, time());
        }
        const outcome = barrier.outcome(performance.now(), time());
        this.forget(ending);
        if (outcome === undefined) {
          const now = performance.now();
          ending = setTimeout(check, Math.min(Math.max(1, barrier.overAt(now) - now), CHECK_WITHIN_MS));
          this.timers.add(ending);
          return;
        }
        this.forget(asking);
        this.checks.delete(check);
        this.onOver(outcome);
        resolve(outcome);
      };
      const ask = () => {
        const silent = barrier.waitingFor(performance.now()).map(({ incarnation }) => incarnation);
        void this.positions.ask(silent).finally(check);
      };
      const asking = setInterval(ask, ASK_EVERY_MS);
      this.timers.add(asking);
      this.checks.add(check);
      check();
    });
  }
}
