import { Barrier, CLOCK_DRIFT_MAX, Members, type BarrierOutcome, type Member } from '#libs/lease';
import type { SimulatedNode } from './node.js';
import type { Appended, Entry } from './store.js';

/** As in apps/server/src/membership/barriers.ts. */
const ASK_EVERY_MS = 50;
const LONG_AGO_MS = -1e9;

/** "Revoked", with what the barrier came to; undefined: the log says that somebody has waited already. */
export type Revoked = (outcome: BarrierOutcome | undefined) => void;

/** An API node: it revokes, and answers when nobody decides without the revocation any more. */
export class RevokerRole {
  readonly #members: Members;
  readonly #applied = new Map<string, bigint>();
  readonly #labels = new Map<string, string>();
  readonly #ever = new Map<string, Parameters<Members['renewed']>>();
  readonly #checks = new Set<() => void>();
  #caughtUp = false;

  constructor(
    private readonly node: SimulatedNode,
    leaseMs: number,
  ) {
    const scaled = leaseMs * this.#misread;
    this.#members = this.#is('membersTooEarly')
      ? new TooEarly({ leaseMs: scaled, alone: false })
      : new Members({ leaseMs: scaled, alone: false });
    if (this.#is('unknownSinceStart')) this.#members.caughtUp(node.monotonic());
    if (this.#is('ignoresUnknown')) this.#members.caughtUp(LONG_AGO_MS);
  }

  /** Reads, appends unless it is there, waits. `revoked` hears when it may be said; never when something failed. */
  revoke(key: number, revoked: Revoked): void {
    if (!this.#caughtUp) return;
    const { node } = this;
    node.simulation.store.readKey(node, key, (about) => {
      const before = about.find(({ type }) => type === 'KeyRevoked');
      if (about.some(({ type }) => type === 'KeyRevocationProven')) return revoked(undefined);
      if (before && this.#is('secondAtOnce')) return revoked(undefined);
      if (before) return this.#wait(key, before.position, node.monotonic(), revoked);
      this.#append(key, revoked);
    });
  }

  #append(key: number, revoked: Revoked): void {
    const { node } = this;
    const sentAt = node.monotonic();
    const answered = (appended: Appended) => {
      if (appended === 'conflict') return this.revoke(key, revoked);
      this.#wait(key, appended.position, this.#is('waitFromBefore') ? sentAt : node.monotonic(), revoked);
    };
    const lateBy = node.simulation.faults.revocationSent(node);
    node.simulation.world.after(lateBy, () => node.append({ type: 'KeyRevoked', key }, answered, -1n));
  }

  /** A fact of the log, in its order. */
  apply(entry: Entry): void {
    if (entry.type === 'LeaseReleased') this.#members.released(entry.incarnation);
    if (entry.type !== 'LeaseRenewed') return;
    const { incarnation, label, position } = entry;
    const renewal = { label, leaseMs: entry.leaseMs * this.#misread };
    this.#labels.set(incarnation, label);
    this.#ever.set(incarnation, [incarnation, renewal, position, 0]);
    this.#members.renewed(incarnation, renewal, position, this.node.monotonic());
  }

  /** Everything up to `position` is applied. */
  reached(position: bigint): void {
    this.#members.applied(position);
    this.#check();
  }

  caughtUp(): void {
    this.#caughtUp = true;
    this.#members.caughtUp(this.node.monotonic());
  }

  /** Somebody has published how far it is. */
  heard(name: string, position: bigint): void {
    if (position <= (this.#applied.get(name) ?? -1n)) return;
    this.#applied.set(name, position);
    this.#check();
  }

  #wait(key: number, position: bigint, answeredAt: number, revoked: Revoked): void {
    const { node } = this;
    if (this.#is('everyMemberEver')) {
      for (const [incarnation, renewal, first] of this.#ever.values())
        this.#members.renewed(incarnation, renewal, first, node.monotonic());
    }
    const barrier = new Barrier({ position, answeredAt, members: this.#members });
    const check = () => {
      const now = node.monotonic();
      const at = String(node.reading().wall);
      for (const member of barrier.waitingFor(now))
        barrier.applied(member.incarnation, this.#applied.get(this.#nameOf(member)) ?? -1n, at);
      const outcome = barrier.outcome(now, at);
      if (outcome === undefined || !this.#checks.delete(check)) return;
      revoked(outcome);
      node.append({ type: 'KeyRevocationProven', key }, () => undefined);
    };
    this.#checks.add(check);
    check();
    this.#ask(barrier, check);
  }

  /** Until the barrier is over, whoever is silent is asked in Redis; and its end may be due. */
  #ask(barrier: Barrier, check: () => void): void {
    if (!this.#checks.has(check)) return;
    const now = this.node.monotonic();
    for (const member of barrier.waitingFor(now)) this.node.ask(this.#nameOf(member));
    const wait = Math.max(0.01, Math.min(ASK_EVERY_MS, barrier.overAt(now) - now));
    this.node.timer(wait, () => {
      check();
      this.#ask(barrier, check);
    });
  }

  #check(): void {
    for (const check of this.#checks) check();
  }

  #nameOf({ incarnation }: Pick<Member, 'incarnation'>): string {
    return this.#is('sameNameAcknowledges') ? this.#labels.get(incarnation)! : incarnation;
  }

  /** The library makes W of what it is told L is; so a misread W is another L. */
  get #misread(): number {
    const asBuilt = (1 + CLOCK_DRIFT_MAX) / (1 - CLOCK_DRIFT_MAX);
    if (this.#is('shortWait')) return (1 + 2 * CLOCK_DRIFT_MAX) / asBuilt;
    return this.#is('noDrift') ? 1 / asBuilt : 1;
  }

  #is(mutant: Parameters<SimulatedNode['simulation']['is']>[0]): boolean {
    return this.node.simulation.is(mutant);
  }
}

/** Wrong: takes what it knows for everyone, though a renewal that it has not read yet may stand before the position. */
class TooEarly extends Members {
  override at(position: bigint, now: number): readonly Member[] {
    return this.knownAt(position, now);
  }
}
