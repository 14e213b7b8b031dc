import type { BarrierOutcome, MemberOutcome } from '#libs/lease';
import type { Answer } from './member-role.js';
import type { SimulatedNode } from './node.js';
import type { Revoked } from './revoker-role.js';
import type { Simulation } from './simulation.js';

/** Nobody revokes this one: in calm phases it is always accepted. */
const GOOD_KEY = 0;
/** Requests come with one of the keys revoked last. */
const RECENT_KEYS = 6;
const REQUEST_EVERY_MS = { min: 5, max: 60 };
const REVOKE_EVERY_MS = { min: 100, max: 2_000 };
/** A client that got no answer asks another API node, up to so often. */
const PATIENCE_LEASES = { min: 0.7, max: 2.5 };
const ATTEMPTS_MAX = 6;
/** Requests with a key follow its answer by this much: where a bound is a little too tight, they are accepted. */
const AFTER_ANSWER_MS = [0.01, 0.3, 1, 2, 5, 20, 100, 400, 1_500] as const;

export interface ClientFigures {
  requests: number;
  accepted: number;
  refused: number;
  unavailable: number;
  /** 503 while nothing was wrong: must be 0. */
  unavailableInCalm: number;
  revocations: number;
  answered: number;
  /** Answers that had to wait for the end of a lease. */
  waitedForLease: number;
  /** Answers to callers that found the key revoked. */
  secondCallers: number;
  /** Requests accepted that started after "revoked" had been said: must be 0. */
  violations: number;
  /** Outcomes that name a member as having applied what it had not: must be 0. */
  falseOutcomes: number;
}

/** Who uses keys and who revokes them, and the judge who sees true time. */
export class Clients {
  readonly figures: ClientFigures = {
    requests: 0, accepted: 0, refused: 0, unavailable: 0, unavailableInCalm: 0,
    revocations: 0, answered: 0, waitedForLease: 0, secondCallers: 0, violations: 0, falseOutcomes: 0,
  }; // prettier-ignore
  /** Until then nobody uses a key. */
  quietUntil = 0;
  /** True time of the first answer "revoked". */
  readonly #revokedAt = new Map<number, number>();
  #keys = GOOD_KEY;

  constructor(private readonly simulation: Simulation) {}

  begin(): void {
    this.#useKeys();
    this.#revokeKeys();
  }

  /** A key that nobody has revoked yet is revoked; a second caller may ask at the same time, elsewhere. */
  revokeNew(answered?: () => void, at?: SimulatedNode): void {
    const { world, leaseMs } = this.simulation;
    const key = ++this.#keys;
    this.#ask(key, 1, answered, at);
    if (world.happens(0.3)) world.after(world.between(0, leaseMs), () => this.#ask(key, 1));
  }

  /** What the restored log does not hold was never revoked. */
  restored(): void {
    for (const key of this.#revokedAt.keys()) {
      if (this.simulation.store.revokedIn(key) === undefined) this.#revokedAt.delete(key);
    }
  }

  #useKeys(): void {
    const { world, nodes } = this.simulation;
    const gates = nodes.filter((node) => node.member);
    if (world.now >= this.quietUntil && gates.length > 0) {
      const recent = Math.max(1, this.#keys - Math.floor(world.random() * RECENT_KEYS));
      this.#request(world.pick(gates), world.happens(0.3) ? GOOD_KEY : recent);
    }
    world.after(world.between(REQUEST_EVERY_MS.min, REQUEST_EVERY_MS.max), () => this.#useKeys());
  }

  #revokeKeys(): void {
    const { world } = this.simulation;
    this.revokeNew();
    world.after(world.between(REVOKE_EVERY_MS.min, REVOKE_EVERY_MS.max), () => this.#revokeKeys());
  }

  #ask(key: number, attempt: number, answered?: () => void, at?: SimulatedNode): void {
    const { world, network, leaseMs } = this.simulation;
    const nodes = this.simulation.nodes.filter((node) => node.revoker && node.isServing);
    if (nodes.length > 0) {
      const node = at ?? world.pick(nodes);
      this.figures.revocations++;
      this.simulation.note(() => `key ${key}: revocation asked of ${node.incarnation}`);
      const hear: Revoked = (outcome) => this.#answered(key, node, outcome, answered);
      node.after(network.latency(), () => node.revoker!.revoke(key, hear));
    }
    world.after(world.between(PATIENCE_LEASES.min, PATIENCE_LEASES.max) * leaseMs, () => {
      if (!this.#revokedAt.has(key) && attempt < ATTEMPTS_MAX) this.#ask(key, attempt + 1, answered);
    });
  }

  #answered(
    key: number,
    node: SimulatedNode,
    ...[outcome, answered]: [...Parameters<Revoked>, (() => void)?]
  ): void {
    const { world } = this.simulation;
    // What a process says that has not noticed yet that the log was restored may be of a revocation that is lost.
    if ((this.simulation.store.revokedIn(key) ?? Infinity) > node.logId) return;
    this.simulation.note(
      () => `key ${key}: revoked, says ${node.incarnation} ${JSON.stringify(outcome?.members ?? 'proven')}`,
    );
    this.figures.answered++;
    if (outcome) this.#check(outcome);
    answered?.();
    if (this.#revokedAt.has(key)) return void this.figures.secondCallers++;
    this.#revokedAt.set(key, world.now);
    for (const delay of AFTER_ANSWER_MS) world.after(delay, () => this.#useEverywhere(key));
  }

  #useEverywhere(key: number): void {
    const { world, nodes } = this.simulation;
    if (world.now < this.quietUntil) return;
    for (const node of nodes) if (node.member) this.#request(node, key);
  }

  #check({ position, members }: BarrierOutcome): void {
    const silent = members.filter(({ appliedAt }) => appliedAt === null);
    if (silent.length > 0) this.figures.waitedForLease++;
    const applied = members.filter(({ appliedAt }) => appliedAt !== null);
    const isTrue = ({ incarnation }: MemberOutcome) => this.simulation.positionOf(incarnation) >= position;
    if (!applied.every(isTrue)) this.figures.falseOutcomes++;
  }

  #request(node: SimulatedNode, key: number): void {
    const { world } = this.simulation;
    const startedAt = world.now;
    this.figures.requests++;
    const answer = (answer: Answer) => this.#judge(node, key, startedAt, answer);
    node.after(world.happens(0.7) ? 0 : world.between(0, 20), () => node.member!.request(key, answer));
  }

  #judge(node: SimulatedNode, key: number, startedAt: number, answer: Answer): void {
    this.figures[answer]++;
    const isGood = key === GOOD_KEY;
    if (isGood && answer === 'unavailable' && this.simulation.isCalm && node.isServing) {
      this.figures.unavailableInCalm++;
      this.simulation.note(() => `503 at ${node.incarnation}, though nothing is wrong`);
    }
    if (answer !== 'accepted' || startedAt <= (this.#revokedAt.get(key) ?? Infinity)) return;
    this.figures.violations++;
    this.simulation.note(() => `key ${key}: ACCEPTED by ${node.incarnation}, request of ${startedAt}`);
  }
}
