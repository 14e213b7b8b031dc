import { hostname } from 'node:os';
import type { EventLog } from '#libs/event-store';
import type { RecordedFact } from '#libs/kernel';
import { Lease, leases, Members, type BarrierOutcome, type LeaseRenewed } from '#libs/lease';
import { randomBase62, type Log, type Metrics, type Settings } from '#libs/platform';
import type { RedisTarget } from '#libs/redis';
import type { Installation } from '../installation.js';
import { AppliedPositions } from './applied-positions.js';
import { BarrierMetrics } from './barrier-metrics.js';
import { Barriers } from './barriers.js';
import { OwnLease } from './own-lease.js';

export interface MembershipParts {
  readonly settings: Settings;
  readonly eventLog: EventLog;
  readonly installation: Installation;
  readonly redisTarget: RedisTarget;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** 22 base62 characters are 131 bits: no two processes ever have the same. */
const INCARNATION_LENGTH = 22;
/** Positions of so many processes are kept; those of processes that are gone are forgotten then. */
const APPLIED_KEPT = 1_000;
/** What widens access is answered after this at the latest, whether every gate knows it or not. */
const WIDENED_WITHIN_MS = 500;

/**
 * This process's part in the guarantee that a revocation is immediate (ARCHITECTURE.md section 6): its own lease when it
 * decides from memory, its knowledge of all other members, and the barrier that a revocation waits for. Injected by class.
 */
export class Membership {
  readonly categories: readonly string[] = [leases.category];
  /** Names this process: no other one ever has it, nor has this one after a restart. */
  readonly incarnation = randomBase62(INCARNATION_LENGTH);
  private readonly members: Members;
  private readonly positions: AppliedPositions;
  private readonly barriers: Barriers;
  private readonly own: OwnLease | undefined;
  private started = false;
  /** What each member has said last. */
  private readonly applied = new Map<string, bigint>();
  private readonly metrics: BarrierMetrics;

  constructor(parts: MembershipParts) {
    const { settings, eventLog, installation, redisTarget, log } = parts;
    const leaseMs = settings.leaseSeconds * 1_000;
    // Nobody else reaches an embedded store: its directory belongs to one process at a time.
    this.members = new Members({ leaseMs, alone: settings.eventStoreUrl === undefined });
    this.metrics = new BarrierMetrics(parts.metrics, log);
    this.positions = new AppliedPositions(redisTarget, installation, (incarnation, position) =>
      this.heard(incarnation, position),
    );
    this.barriers = new Barriers(
      this.members,
      this.positions,
      (incarnation) => this.applied.get(incarnation),
      (outcome) => this.metrics.over(outcome),
    );
    if (settings.roles.includes('gate') || settings.roles.includes('api')) {
      const lease = new Lease({ leaseMs });
      this.own = new OwnLease(
        lease,
        { incarnation: this.incarnation, label: hostname(), leaseMs },
        eventLog,
        log,
      );
      parts.metrics.gauge('dockreg_lease_held', 'Whether this process may decide from memory', () =>
        this.own!.state().held ? 1 : 0,
      );
    }
  }

  /** A fact of the log, after it was applied to everything else that is kept in memory. */
  apply(fact: RecordedFact): void {
    if (fact.category !== leases.category) return;
    if (fact.type === 'LeaseReleased') return this.members.released(fact.id);
    if (fact.type !== 'LeaseRenewed') return;
    const data = fact.data as LeaseRenewed['data'];
    this.members.renewed(fact.id, data, fact.position, performance.now());
    if (fact.id === this.incarnation) this.own?.delivered(data, fact.revision);
  }

  /** Everything up to here is applied to memory. */
  appliedUpTo(position: bigint): void {
    this.members.applied(position);
    this.applied.set(this.incarnation, position);
    if (this.own) this.positions.say(this.incarnation, position);
    this.barriers.progressed();
  }

  /** The log is applied to its end: from now on this process may be a member. */
  async start(position: bigint | undefined): Promise<void> {
    this.members.caughtUp(performance.now());
    if (position !== undefined) this.appliedUpTo(position);
    await this.own?.start();
    this.started = true;
  }

  /** Asked for every request that is decided from memory, in the same synchronous step as the decision. */
  ready(): true | string {
    return this.own === undefined || this.own.isHeld()
      ? true
      : 'no lease: the event store has not confirmed this process';
  }

  /** Resolves when `ready` says true, or after a second. */
  async waitReady(): Promise<void> {
    await this.own?.waitUntilHeld();
  }

  /** Whether the lease was lost less than `withinMs` ago: for registries that let reads go on so long. */
  servesReads(withinMs: number): boolean {
    return this.own !== undefined && this.own.notHeldForMs() < withinMs;
  }

  /** For `/readyz`: a process that nobody asks anything needs no lease, and takes one with its first request. */
  problem(): string | undefined {
    const state = this.own?.state();
    return state === undefined || state.held || (state.idle && this.started)
      ? undefined
      : 'the event store has not confirmed this process';
  }

  /**
   * Resolves when no member decides without `position` any more, which has been appended: call it when the append has been
   * answered, or when the event has been read. Takes milliseconds; with a member that does not answer, as long as its lease.
   */
  narrowed(position: bigint): Promise<BarrierOutcome> {
    return this.barriers.run(position, performance.now());
  }

  /** Best effort, for what widens access: resolves when every member knows `position`, or after half a second. */
  widened(position: bigint): Promise<void> {
    return this.barriers.reached(position, WIDENED_WITHIN_MS);
  }

  /** For `/v1/status`. */
  status(): object {
    const now = performance.now();
    const members = this.members.live(now).map(({ incarnation, label, readAt }) => ({
      incarnation,
      label,
      renewedMsAgo: Math.round(now - readAt),
      applied: this.applied.get(incarnation)?.toString() ?? null,
    }));
    const own = this.own && { incarnation: this.incarnation, ...this.own.state() };
    return { lease: own ?? null, members, barriers: this.metrics.status() };
  }

  /** This process has stopped deciding for good, though it stays up to say why: nobody need wait for its lease. */
  async resign(): Promise<void> {
    await this.own?.release();
  }

  /** When nothing is served any more. */
  async close(): Promise<void> {
    try {
      await this.own?.release();
    } finally {
      this.positions.close();
      this.barriers.close();
    }
  }

  private heard(incarnation: string, position: bigint): void {
    if (position <= (this.applied.get(incarnation) ?? -1n)) return;
    this.applied.set(incarnation, position);
    if (this.applied.size > APPLIED_KEPT) this.forgetGone();
    this.barriers.progressed();
  }

  private forgetGone(): void {
    const live = new Set(this.members.live(performance.now()).map(({ incarnation }) => incarnation));
    for (const incarnation of this.applied.keys()) {
      if (incarnation !== this.incarnation && !live.has(incarnation)) this.applied.delete(incarnation);
    }
  }
}
