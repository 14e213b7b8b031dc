import type { Reading } from './reading.js';

/** What an operator sees of a lease. */
export interface LeaseState {
  readonly held: boolean;
  /** How long it still holds without another renewal, in ms. */
  readonly remainingMs: number;
  /** Serves nothing and therefore renews nothing; the next request renews it. */
  readonly idle: boolean;
  /** How often the clocks have diverged, so that the lease was dropped. */
  readonly dropped: number;
}

/** The reading before the only send of a renewal, and what has been seen of the clocks since. */
interface Sent {
  readonly monotonic: number;
  /** wall − monotonic at the send. */
  readonly offset: number;
  /** The least wall − monotonic seen since: what it has grown by from there is time that the monotonic clock did not count. */
  lowest: number;
}

/** A member that is asked nothing for this long stops renewing; its next request waits for one round trip. */
export const IDLE_AFTER_MS = 60_000;
/** More than clocks are ever corrected by within a lease; a suspended machine or a set clock is further off. */
export const DIVERGENCE_MAX_MS = 200;
/** While no lease is held, requests are waiting: a renewal that failed is followed by another one this soon. */
const RETRY_AFTER_MS = 250;
/** One renewal may be lost or late, and a second one, without an interruption. RENEWALS_KEPT depends on it. */
const RENEWALS_PER_LEASE = 3;

/**
 * This process's right to decide from memory (ARCHITECTURE.md section 6, rules 2 and 8). The runtime appends a renewal when
 * one is due, each with an id of its own, at `expectedRevision`, sent once and never again, and says when the subscription
 * that feeds the grants has delivered it, everything before it being applied.
 *
 * A lease counts from the reading before the only send of its renewal, and is over when either clock says that its time has
 * passed: the monotonic clock stands still while a virtual machine is suspended, so the wall clock counts too, and not only
 * from DIVERGENCE_MAX_MS on (many short suspensions, each below any limit, would add up), and from where it stood lowest (a
 * clock set back must not hide a suspension that follows). When the two clocks differ by more than DIVERGENCE_MAX_MS since
 * the send, one of them was stopped or set: the lease is dropped, and no renewal sent before counts. What stays unseen is a
 * freeze that neither clock shows, and one that the wall clock is set back by before this process looks again.
 */
export class Lease {
  readonly #leaseMs: number;
  /** Renewals under way, in the order in which they were sent. */
  readonly #sent = new Map<string, Sent>();
  /** The renewal that holds. */
  #since: Sent | undefined;
  /** The newest renewal that ever held. */
  #last: Sent | undefined;
  #revision = -1n;
  #lastSentAt = -Infinity;
  #lastSent: string | undefined;
  #touchedAt = -Infinity;
  #released = false;
  #dropped = 0;

  /** `leaseMs`: L, in ms. */
  constructor({ leaseMs }: { readonly leaseMs: number }) {
    this.#leaseMs = leaseMs;
  }

  /** A request came, whatever becomes of it. */
  touched({ monotonic }: Reading): void {
    this.#touchedAt = monotonic;
  }

  /** Whether a renewal has to be sent now: every third of the lease while the process is in use. */
  renewalDue(now: Reading): boolean {
    const dueAt = this.nextDueAt(now);
    return dueAt !== undefined && dueAt <= now.monotonic;
  }

  /**
   * When the next renewal is due, on the monotonic clock, whatever became of the last one; undefined while nothing is asked of
   * this process, and for ever after `release`. Never sooner than a third of a lease after the last that may still count.
   */
  nextDueAt({ monotonic }: Reading): number | undefined {
    if (this.#released || monotonic - this.#touchedAt > IDLE_AFTER_MS) return undefined;
    return this.#lastSentAt + this.#leaseMs / RENEWALS_PER_LEASE;
  }

  /**
   * The revision that the lease stream must be at for the next renewal to be stored; -1: it must not exist. So a renewal that
   * is late never follows a newer one, which RENEWALS_KEPT relies on, and none ever follows the release.
   */
  get expectedRevision(): bigint {
    return this.#revision;
  }

  /** Call it with a reading taken before the append is handed to the client. `renewal`: an id never used before. */
  sending(renewal: string, now: Reading): void {
    this.#look(now);
    const offset = now.wall - now.monotonic;
    this.#sent.set(renewal, { monotonic: now.monotonic, offset, lowest: offset });
    this.#lastSentAt = now.monotonic;
    this.#lastSent = renewal;
  }

  /**
   * A renewal in this process's own lease stream came through the subscription that feeds the grants. One that can give no
   * lease any more, or that was sent before the one that holds, changes no lease.
   */
  delivered(renewal: string, revision: bigint): void {
    if (revision > this.#revision) this.#revision = revision;
    const sent = this.#sent.get(renewal);
    if (sent === undefined) return;
    this.#sent.delete(renewal);
    if (this.#since === undefined || sent.monotonic > this.#since.monotonic) this.#since = this.#last = sent;
  }

  /**
   * The append was refused, or was not answered: it may be stored all the same, and may still come back. While no lease is
   * held, another one is due soon; so requests that wait are served soon after the store is back. That does not push out a
   * renewal that holds: none does, and of several at one `expectedRevision` the store takes one.
   */
  failed(renewal: string, now: Reading): void {
    if (renewal !== this.#lastSent || this.isHeld(now)) return;
    this.#lastSentAt = now.monotonic + RETRY_AFTER_MS - this.#leaseMs / RENEWALS_PER_LEASE;
  }

  /** Ask with a fresh reading, in the same synchronous step as the look-up of the grant. */
  isHeld(now: Reading): boolean {
    this.#look(now);
    if (this.#since === undefined || this.#released) return false;
    return this.#age(this.#since, now) < this.#leaseMs;
  }

  /**
   * For how many ms no lease has been held, by the clock that counts more; 0 while one is; Infinity when there never was one and
   * after `release`.
   */
  notHeldForMs(now: Reading): number {
    if (this.isHeld(now)) return 0;
    if (this.#last === undefined || this.#released) return Infinity;
    return Math.max(0, this.#age(this.#last, now) - this.#leaseMs);
  }

  /** Nothing is decided any more, for good: after it, and not before, `LeaseReleased` may be appended. */
  release(): void {
    this.#released = true;
  }

  state(now: Reading): LeaseState {
    const held = this.isHeld(now);
    const remainingMs = held ? this.#leaseMs - this.#age(this.#since!, now) : 0;
    const idle = now.monotonic - this.#touchedAt > IDLE_AFTER_MS;
    return { held, remainingMs, idle, dropped: this.#dropped };
  }

  /** The time since a send, by the clock that counts more. */
  #age({ monotonic, lowest }: Sent, now: Reading): number {
    return now.monotonic - monotonic + Math.max(0, now.wall - now.monotonic - lowest);
  }

  /** Notes how the clocks stand to each other, for the renewal that holds and for those under way; what is over goes. */
  #look(now: Reading): void {
    if (this.#since !== undefined && !this.#isSound(this.#since, now)) this.#since = undefined;
    for (const [renewal, sent] of this.#sent) {
      if (!this.#isSound(sent, now)) this.#sent.delete(renewal);
    }
  }

  /** Whether a renewal may still count. When the clocks have diverged since it was sent, none that was sent so far may. */
  #isSound(sent: Sent, now: Reading): boolean {
    if (now.monotonic - sent.monotonic >= this.#leaseMs) return false;
    const offset = now.wall - now.monotonic;
    if (offset < sent.lowest) sent.lowest = offset;
    const diverged = Math.abs(offset - sent.offset) > DIVERGENCE_MAX_MS;
    if (diverged) this.#drop();
    return !diverged && this.#age(sent, now) < this.#leaseMs;
  }

  /** What was sent while a clock stood still or was set would count from a wrong moment. A new renewal is due at once. */
  #drop(): void {
    this.#since = undefined;
    this.#sent.clear();
    this.#lastSentAt = -Infinity;
    this.#dropped++;
  }
}
