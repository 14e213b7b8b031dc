import type { BarrierOutcome } from '#libs/lease';
import type { Log, Metrics } from '#libs/platform';

/** Bounds of the histogram, in seconds: healthy waits take milliseconds, a silent member costs the rest of its lease. */
const BARRIER_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 3.2, 5, 10, 20, 65];
/** The last ones stay for `/v1/status`. */
const KEPT = 10;

/** Counts how long revocations waited, and says whom they waited for. Owned by Membership. */
export class BarrierMetrics {
  private readonly seconds;
  private readonly waitedFor;
  private readonly last: object[] = [];

  constructor(
    metrics: Metrics,
    private readonly log: Log,
  ) {
    const help = 'How long changes that narrow access waited for the members';
    this.seconds = metrics.histogram('dockreg_barrier_seconds', help, BARRIER_SECONDS);
    this.waitedFor = metrics.counter(
      'dockreg_barrier_members_total',
      'Members that such changes waited for, by how the wait ended',
      ['end'],
    );
  }

  over({ position, durationMs, members }: BarrierOutcome): void {
    this.seconds.observe(durationMs / 1_000);
    const silent = members
      .filter(({ appliedAt }) => appliedAt === null)
      .map(({ incarnation, label }) => ({ incarnation, label }));
    for (const { appliedAt } of members)
      this.waitedFor.inc({ end: appliedAt === null ? 'lease-ended' : 'applied' });
    this.last.unshift({
      at: new Date().toISOString(),
      position: position.toString(),
      durationMs,
      members: members.length,
      silent,
    });
    this.last.length = Math.min(this.last.length, KEPT);
    if (silent.length > 0)
      this.log.warn(
        { silent, durationMs },
        'a revocation waited for the lease of members that did not answer',
      );
  }

  /** The newest first. */
  status(): readonly object[] {
    return this.last;
  }
}
