import { Lease, type Reading } from '#libs/lease';
import type { SimulatedNode } from './node.js';
import type { Entry } from './store.js';

/** As in apps/server/src/membership/own-lease.ts. */
const HOLD_MS = 1_000;
/** How old the reading of the mutant may be that keeps one. */
const CACHED_MS = 100;

/** How a request ended: what the grant says, or 503. */
export type Answer = 'accepted' | 'refused' | 'unavailable';

/** A gate: it decides requests from memory, under a lease that the log has confirmed. */
export class MemberRole {
  readonly lease: Lease;
  readonly #revoked = new Set<number>();
  #waiting: (() => void)[] = [];
  #started = false;
  #stopped = false;
  #timer = 0;
  #renewal = '';
  #underWay = false;
  #cached: Reading | undefined;

  constructor(
    private readonly node: SimulatedNode,
    private readonly label: string,
    private readonly leaseMs: number,
  ) {
    this.lease = new Lease({ leaseMs });
  }

  /** The log is applied to its end. */
  start(): void {
    this.#started = true;
    this.lease.touched(this.#clocks());
    this.#renewWhenDue();
    if (this.#is('cachedClock')) this.#refreshCache();
    if (this.#is('localTimer')) this.#renewByTimer();
  }

  /** A request has come in. `answer` hears once how it ended. */
  request(key: number, answer: (answer: Answer) => void): void {
    if (!this.#started || this.#stopped) return answer('unavailable');
    const now = this.#clocks();
    this.lease.touched(now);
    const early = this.#is('grantBeforeLease') ? this.#grant(key) : undefined;
    if (this.lease.isHeld(this.#cached ?? now)) return answer(this.#grant(key));
    this.#renewWhenDue();
    let isOpen = true;
    const decide = () => {
      if (!isOpen) return;
      isOpen = false;
      const held = !this.#stopped && this.lease.isHeld(this.#clocks());
      answer(held ? (early ?? this.#grant(key)) : 'unavailable');
    };
    this.#waiting.push(decide);
    this.node.timer(HOLD_MS, decide);
  }

  /** A fact of the log, in its order. */
  apply(entry: Entry): void {
    if (entry.type === 'KeyRevoked') this.#revoked.add(entry.key);
    if (entry.type !== 'LeaseRenewed' || entry.incarnation !== this.node.incarnation) return;
    if (entry.renewal === this.#renewal) this.#underWay = false;
    if (!this.#is('effectiveAtAnswer')) this.lease.delivered(entry.renewal, entry.revision);
    this.#decideWaiting();
  }

  /** It stops deciding, then says so in the log. */
  release(): void {
    if (!this.#is('releasedTooEarly')) this.lease.release();
    this.#stopped = !this.#is('releasedTooEarly');
    this.node.append({ type: 'LeaseReleased', incarnation: this.node.incarnation }, () => undefined);
  }

  #grant(key: number): Answer {
    return this.#revoked.has(key) ? 'refused' : 'accepted';
  }

  #decideWaiting(): void {
    if (!this.lease.isHeld(this.#clocks())) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const decide of waiting) decide();
  }

  #renewWhenDue(): void {
    const timer = ++this.#timer;
    const now = this.#clocks();
    if (this.lease.renewalDue(now)) this.#renew(now);
    const dueAt = this.lease.nextDueAt(now);
    if (dueAt === undefined) return;
    this.node.timer(Math.max(1, dueAt - now.monotonic), () => timer === this.#timer && this.#renewWhenDue());
  }

  #renew(now: Reading): void {
    if (this.#is('waitsForRenewal') && this.#underWay) return;
    const again = this.#is('retriesOldRenewal') && this.#underWay;
    if (!again) this.#renewal = `${this.node.incarnation}/${this.node.simulation.nextId()}`;
    this.#underWay = true;
    const { incarnation } = this.node;
    const { label, leaseMs } = this;
    const renewal = this.#renewal;
    this.lease.sending(renewal, now);
    const anyRevision = this.#is('anyRevision') || this.#is('retriesOldRenewal');
    const revision = anyRevision ? undefined : this.lease.expectedRevision;
    const fact = { type: 'LeaseRenewed', incarnation, label, leaseMs, renewal } as const;
    const answered = () => this.#answered(renewal);
    this.node.simulation.faults.renewalSent(this.node, () => this.node.append(fact, answered, revision));
  }

  /** Nothing follows from the answer: only the mutants make something of it. */
  #answered(renewal: string): void {
    if (this.#is('leaseFromAnswer')) {
      this.lease.sending(renewal, this.#clocks());
      this.lease.delivered(renewal, this.lease.expectedRevision);
    }
    if (!this.#is('effectiveAtAnswer')) return;
    this.lease.delivered(renewal, this.lease.expectedRevision + 1n);
    this.#decideWaiting();
  }

  #clocks(): Reading {
    const reading = this.node.reading();
    return this.#is('ignoresWall') ? { ...reading, wall: reading.monotonic } : reading;
  }

  #refreshCache(): void {
    this.#cached = this.#clocks();
    this.node.timer(CACHED_MS, () => this.#refreshCache());
  }

  #renewByTimer(): void {
    if (this.node.simulation.world.now >= this.node.storeCutUntil) {
      this.lease.sending('by timer', this.#clocks());
      this.lease.delivered('by timer', this.lease.expectedRevision);
    }
    this.node.timer(this.leaseMs / 3, () => this.#renewByTimer());
  }

  #is(mutant: Parameters<SimulatedNode['simulation']['is']>[0]): boolean {
    return this.node.simulation.is(mutant);
  }
}
