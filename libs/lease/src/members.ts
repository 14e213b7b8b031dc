import { waitForLeaseMs } from './reading.js';

/** A process that may decide from memory, as the log says. */
export interface Member {
  /** Random id of the process. */
  readonly incarnation: string;
  /** Its host's name, for people. */
  readonly label: string;
  /** When this process read the member's newest renewal, on its own monotonic clock. */
  readonly readAt: number;
  /** W for this member's leases: `waitMs` after `readAt`, every lease that this process has read of is over. */
  readonly waitMs: number;
}

interface Entry extends Member {
  /** Position of the first renewal since the member was last unknown here. */
  readonly firstPosition: bigint;
}

/**
 * All members, as this process's own subscription tells of them (ARCHITECTURE.md section 6, rule 5). Times are ms on this
 * process's monotonic clock, read when the event was handled, never before it was there. Members that have been silent for W
 * are forgotten, so memory is bounded by those that live.
 *
 * A process knows nothing of renewals before the checkpoint that it started from, nor of those that it rebuilt its tables
 * over. All of them were sent before it had caught up; so until W after `caughtUp` it has to reckon with members that it has
 * never heard of: `unknownUntil`. Unless it is `alone`: then the store is in this very process, nobody else can have a lease,
 * and what is read while catching up is of dead ones.
 */
export class Members {
  readonly #entries = new Map<string, Entry>();
  readonly #alone: boolean;
  #caughtUpAt: number | undefined;
  #position = -1n;
  #longestWaitMs: number;

  /** `leaseMs`: L of this process, for members that it does not know yet; of those that it knows, their own counts. */
  constructor(options: { readonly leaseMs: number; readonly alone: boolean }) {
    this.#longestWaitMs = waitForLeaseMs(options.leaseMs);
    this.#alone = options.alone;
  }

  /** Until then there may be members that this process knows nothing of. */
  get unknownUntil(): number {
    return this.#alone ? -Infinity : (this.#caughtUpAt ?? Infinity) + this.#longestWaitMs;
  }

  /** W for the longest leases that this process has or has ever read of. */
  get longestWaitMs(): number {
    return this.#longestWaitMs;
  }

  /** Everything that was in the log at the start has been applied. `now` was read after that, or at least after the checkpoint was. */
  caughtUp(now: number): void {
    this.#caughtUpAt ??= now;
  }

  /** `renewal`: what stands in the event, at `position`. */
  renewed(
    incarnation: string,
    renewal: { readonly label: string; readonly leaseMs: number },
    position: bigint,
    readAt: number,
  ): void {
    if (this.#alone && this.#caughtUpAt === undefined) return;
    const known = this.#entries.get(incarnation);
    const waitMs = Math.max(waitForLeaseMs(renewal.leaseMs), known?.waitMs ?? 0);
    const isLive = known !== undefined && readAt - known.readAt < known.waitMs;
    const firstPosition = isLive ? known.firstPosition : position;
    this.#entries.set(incarnation, { incarnation, label: renewal.label, readAt, waitMs, firstPosition });
    this.#longestWaitMs = Math.max(this.#longestWaitMs, waitMs);
    if (known === undefined) this.#forgetSilent(readAt);
  }

  /** The member had stopped serving before it wrote that. */
  released(incarnation: string): void {
    this.#entries.delete(incarnation);
  }

  /** Everything up to `position` has been handed to `renewed` and `released`, or stood in the tables at the start. */
  applied(position: bigint): void {
    this.#position = position;
  }

  /** Those whose lease may have begun before `position` and may hold at `now`; undefined until this process has applied `position`. */
  at(position: bigint, now: number): readonly Member[] | undefined {
    return this.#position < position ? undefined : this.knownAt(position, now);
  }

  /** As `at`, but as far as this process has read: of leases that begin before `position` some may be missing. */
  knownAt(position: bigint, now: number): readonly Member[] {
    this.#forgetSilent(now);
    return [...this.#entries.values()].filter(({ firstPosition }) => firstPosition <= position);
  }

  /** Those whose lease may hold at `now`; the rest is forgotten. */
  live(now: number): readonly Member[] {
    this.#forgetSilent(now);
    return [...this.#entries.values()];
  }

  /** Whether the member has neither released its lease nor been forgotten. */
  isLive(incarnation: string): boolean {
    return this.#entries.has(incarnation);
  }

  #forgetSilent(now: number): void {
    for (const [incarnation, { readAt, waitMs }] of this.#entries) {
      if (now - readAt >= waitMs) this.#entries.delete(incarnation);
    }
  }
}
