import type { EventLog } from '#libs/event-store';
import {
  leases,
  RENEWALS_KEPT,
  type Lease,
  type LeaseFact,
  type LeaseRenewed,
  type LeaseState,
  type Reading,
} from '#libs/lease';
import { mintUuid, now, randomBase62, type Log } from '#libs/platform';

/** A request waits at most this long for the renewal under way; then it is told to come back. */
const HOLD_MS = 1_000;
const RENEWAL_ID_LENGTH = 16;

/** Both clocks of this process, read in one moment. */
function reading(): Reading {
  return { monotonic: performance.now(), wall: Date.now() };
}

/** Keeps this process's lease alive in the log, and lets requests wait for it. Owned by Membership. */
export class OwnLease {
  private timer: NodeJS.Timeout | undefined;
  private waiting = new Set<() => void>();
  private running = false;

  constructor(
    private readonly lease: Lease,
    /** `leaseMs`: a renewal that is not answered by then is given up; it could give no lease any more. */
    private readonly process: {
      readonly incarnation: string;
      readonly label: string;
      readonly leaseMs: number;
    },
    private readonly eventLog: EventLog,
    private readonly log: Log,
  ) {}

  /** The store keeps the newest renewals of this process. Then the first one goes out: no request need wait for it. */
  async start(): Promise<void> {
    await this.eventLog.keepOnly(leases, this.process.incarnation, { $maxCount: RENEWALS_KEPT });
    this.running = true;
    this.lease.touched(reading());
    this.renewWhenDue();
  }

  /** Whether a request that begins now may be decided; it counts as activity either way. Synchronous, for every request. */
  isHeld(): boolean {
    const at = reading();
    this.lease.touched(at);
    if (this.lease.isHeld(at)) return true;
    if (this.running) this.renewWhenDue();
    return false;
  }

  /** For how many ms no lease has been held; Infinity when there never was one. */
  notHeldForMs(): number {
    return this.lease.notHeldForMs(reading());
  }

  /** Resolves as soon as the lease is held, or after HOLD_MS. */
  waitUntilHeld(): Promise<void> {
    if (this.isHeld()) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(limit);
        this.waiting.delete(finish);
        resolve();
      };
      const limit = setTimeout(finish, HOLD_MS);
      this.waiting.add(finish);
    });
  }

  /** The subscription that feeds the grants has delivered a renewal of this process, everything before it being applied. */
  delivered({ renewal }: LeaseRenewed['data'], revision: bigint): void {
    this.lease.delivered(renewal, revision);
    if (!this.lease.isHeld(reading())) return;
    for (const finish of this.waiting) finish();
  }

  /** For whoever watches; no sign of activity. */
  state(): LeaseState {
    return this.lease.state(reading());
  }

  /** Says in the log that nothing is served any more; only when that is so. */
  async release(): Promise<void> {
    this.running = false;
    clearTimeout(this.timer);
    this.lease.release();
    await this.append({ type: 'LeaseReleased', data: { at: now() } });
  }

  private renewWhenDue(): void {
    clearTimeout(this.timer);
    if (!this.running) return;
    const at = reading();
    if (this.lease.renewalDue(at)) this.renew(at);
    const dueAt = this.lease.nextDueAt(at);
    if (dueAt === undefined) return;
    this.timer = setTimeout(() => this.renewWhenDue(), Math.max(1, dueAt - at.monotonic));
  }

  /** Sent once and never again: a renewal that was appended late would otherwise make the lease longer than it is. */
  private renew(at: Reading): void {
    const renewal = randomBase62(RENEWAL_ID_LENGTH);
    const { label, leaseMs } = this.process;
    this.lease.sending(renewal, at);
    this.append(
      { type: 'LeaseRenewed', data: { at: now(), renewal, label, leaseMs } },
      this.lease.expectedRevision,
    ).catch((error: unknown) => {
      this.log.debug(
        { error: String(error) },
        'a renewal of the lease was not answered; the next one follows',
      );
      this.lease.failed(renewal, reading());
      this.renewWhenDue();
    });
  }

  private append(fact: LeaseFact, revision?: bigint): Promise<unknown> {
    const { incarnation, leaseMs } = this.process;
    const actor = { type: 'system', id: 'lease' } as const;
    const context = { commandId: mintUuid(), actor, correlationId: 'lease' };
    return this.eventLog.appendOnce(leases, incarnation, fact, context, leaseMs, revision);
  }
}
