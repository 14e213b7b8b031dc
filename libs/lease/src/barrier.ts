import type { Member, Members } from './members.js';

/** How one member stopped deciding without the position that a barrier waits for. Exactly one of the two times is set (RFC 3339). */
export interface MemberOutcome {
  readonly incarnation: string;
  readonly label: string;
  readonly appliedAt: string | null;
  /** When this process knew that it was over, or released. */
  readonly leaseEndedAt: string | null;
}

export interface BarrierOutcome {
  readonly position: bigint;
  readonly members: readonly MemberOutcome[];
  readonly durationMs: number;
  /**
   * Whether `members` is everyone. False when this process was behind with the log, or had followed it for too short a time:
   * then it waited until the leases of those that it may not have known were over, too.
   */
  readonly complete: boolean;
}

/**
 * Waits until nobody decides without `position` (ARCHITECTURE.md section 6, rules 4 to 6): every member has applied it to
 * memory, has released its lease, or its lease is over. Times are ms on this process's monotonic clock; `answeredAt` was read
 * after the append's answer had arrived or, by a later caller, after the event had been read: it was in the log by then.
 *
 * A member counts from the moment at which this process has itself applied `position`, so that no renewal before it is
 * missed. Each lease that began before `position` is over W after this process read it, and at the latest W after
 * `answeredAt`: a later renewal of the same member gives no lease before the member has applied `position` too. So that is
 * the end at the latest, also for members that this process knows nothing of. All times are lower bounds: a timer that fires
 * late, or a process that was stopped, only makes the wait longer.
 */
export class Barrier {
  readonly #position: bigint;
  readonly #answeredAt: number;
  readonly #members: Members;
  readonly #done = new Map<string, MemberOutcome>();
  #waiting: readonly Member[] | undefined;
  #complete = true;

  constructor(options: {
    readonly position: bigint;
    readonly answeredAt: number;
    readonly members: Members;
  }) {
    this.#position = options.position;
    this.#answeredAt = options.answeredAt;
    this.#members = options.members;
  }

  /** Members that have not applied the position yet, as far as is known; empty until this process has applied it itself. */
  waitingFor(now: number): readonly Member[] {
    this.#waiting ??= this.#members.at(this.#position, now);
    return this.#waiting?.filter(({ incarnation }) => !this.#done.has(incarnation)) ?? [];
  }

  /** A member says that it has applied the log up to `upTo`; `at`: the time of day (RFC 3339). */
  applied(incarnation: string, upTo: bigint, at: string): void {
    if (upTo < this.#position) return;
    const member = this.#waiting?.find((each) => each.incarnation === incarnation);
    if (member && !this.#done.has(incarnation)) this.#end(member, { appliedAt: at, leaseEndedAt: null });
  }

  /** What it came to, once it is over; undefined before. `at`: the time of day (RFC 3339). */
  outcome(now: number, at: string): BarrierOutcome | undefined {
    this.#waiting ??= this.#members.at(this.#position, now);
    if (this.#waiting === undefined && now >= this.#latest) {
      this.#waiting = this.#members.knownAt(this.#position, now);
      this.#complete = false;
    }
    for (const member of this.waitingFor(now)) {
      const isOver = now >= this.#endOf(member) || !this.#members.isLive(member.incarnation);
      if (isOver) this.#end(member, { appliedAt: null, leaseEndedAt: at });
    }
    if (now < this.#unknownUntil) {
      this.#complete = false;
      return undefined;
    }
    if (this.#waiting === undefined || this.#done.size < this.#waiting.length) return undefined;
    const durationMs = Math.max(0, Math.round(now - this.#answeredAt));
    const members = [...this.#done.values()];
    return { position: this.#position, members, durationMs, complete: this.#complete };
  }

  /** When it is over if nobody says anything any more: look again then at the latest. In the past when it is over. */
  overAt(now: number): number {
    const waiting = this.waitingFor(now);
    if (this.#waiting === undefined) return this.#latest;
    return Math.max(this.#unknownUntil, ...waiting.map((member) => this.#endOf(member)));
  }

  /** After that no lease holds that began before the position. */
  get #latest(): number {
    return this.#answeredAt + this.#members.longestWaitMs;
  }

  get #unknownUntil(): number {
    return Math.min(this.#members.unknownUntil, this.#latest);
  }

  #endOf({ readAt, waitMs }: Member): number {
    return Math.min(readAt, this.#answeredAt) + waitMs;
  }

  #end({ incarnation, label }: Member, how: Pick<MemberOutcome, 'appliedAt' | 'leaseEndedAt'>): void {
    this.#done.set(incarnation, { incarnation, label, ...how });
  }
}
