import { CLOCK_DRIFT_MAX, RENEWALS_KEPT, waitForLeaseMs } from '#libs/lease';
import { Clients, type ClientFigures } from './clients.js';
import { Faults } from './faults.js';
import { Network } from './network.js';
import { SimulatedNode, type NodeOptions } from './node.js';
import { SimulatedRedis } from './redis.js';
import { Store } from './store.js';
import type { Mutant, Variant } from './variant.js';
import { World } from './world.js';

const GATES = 3;
const APIS = 2;
const LEASES_MS = [3_000, 3_000, 3_000, 10_000] as const;
/** How long things go wrong: this, and four leases. */
const CHAOS_MS = 15_000;
/** A process that was killed is back after this. */
const RESTART_MS = { min: 20, max: 1_500 };
/** A read-model file lags behind the log by so many events at most. */
const CHECKPOINT_LAG = 30;
/** When nothing is wrong, "revoked" is said within this: a dozen messages, each of CALM_LATENCY_MAX_MS at most. */
const HEALTHY_MS = 60;
const PROBES = 5;
const PROBE_EVERY_MS = 250;

/** What a run did, so that one that tried nothing is seen. */
export interface RunFigures {
  readonly seed: number;
  readonly leaseMs: number;
  readonly counts: Readonly<ClientFigures>;
  /** Revocations that took longer than they may when nothing is wrong: must be empty. */
  readonly late: readonly string[];
  readonly faults: Faults['counts'];
  /** Answers in the calm phase, in ms of true time. */
  readonly healthyMs: readonly number[];
  /** The first answer after a gate was killed in the calm phase. */
  readonly afterKillMs: number | undefined;
  readonly fingerprint: string;
}

/**
 * One installation with several API nodes and gates: it starts, everything goes wrong for a while, then nothing does. The same
 * seed gives the same run, to the last message.
 */
export class Simulation {
  readonly world: World;
  readonly network: Network;
  readonly store: Store;
  readonly redis: SimulatedRedis;
  readonly faults: Faults;
  readonly clients: Clients;
  readonly leaseMs: number;
  /** What happened, for whoever looks into a seed. */
  readonly story: string[] = [];
  /** Nothing is wrong, and what was has been over for long enough. */
  isCalm = false;
  #nodes: SimulatedNode[] = [];
  /** Dead ones too. */
  readonly #everyNode = new Map<string, SimulatedNode>();
  readonly #late: string[] = [];
  readonly #healthyMs: number[] = [];
  #afterKillMs: number | undefined;
  #ids = 0;

  constructor(
    readonly seed: number,
    private readonly variant: Variant = 'as built',
    private readonly tellsStory = false,
  ) {
    this.world = new World(seed);
    this.network = new Network(this.world);
    this.store = new Store(this.world, this.network, this.is('keepsNewestRenewal') ? 1 : RENEWALS_KEPT);
    this.redis = new SimulatedRedis(this.world, this.network);
    this.leaseMs = this.world.pick(LEASES_MS);
    this.faults = new Faults(this);
    this.clients = new Clients(this);
  }

  run(): RunFigures {
    const wait = this.#waitMs;
    this.#startAll();
    this.world.runUntil(2 * wait);
    this.clients.begin();
    this.network.calm = false;
    this.faults.begin();
    this.world.runUntil(this.world.now + CHAOS_MS + 4 * this.leaseMs);
    this.world.runUntil(Math.max(this.world.now, this.clients.quietUntil + 2 * wait));
    this.faults.end();
    this.network.calm = true;
    this.world.runUntil(this.world.now + 5 * wait);
    this.#probe();
    const { seed, leaseMs } = this;
    return {
      seed, leaseMs, counts: this.clients.figures, late: this.#late, faults: this.faults.counts,
      healthyMs: this.#healthyMs, afterKillMs: this.#afterKillMs,
      fingerprint: this.world.fingerprint,
    }; // prettier-ignore
  }

  /** As many processes, and nobody asks them anything for so long. Answers how many renewals there were in the last minute of it. */
  runIdle(milliseconds: number): number {
    this.#startAll();
    this.world.runUntil(milliseconds - 60_000);
    const before = this.store.entries.length;
    this.world.runUntil(milliseconds);
    return this.store.entries.slice(before).filter(({ type }) => type === 'LeaseRenewed').length;
  }

  is(mutant: Mutant): boolean {
    return this.variant === mutant;
  }

  /** Those that live. */
  get nodes(): readonly SimulatedNode[] {
    return this.#nodes;
  }

  /** It was killed. */
  forget(node: SimulatedNode): void {
    this.#nodes = this.#nodes.filter((one) => one !== node);
    this.note(() => `${node.incarnation} killed`);
  }

  nextId(): number {
    return ++this.#ids;
  }

  note(text: () => string): void {
    if (this.tellsStory) this.story.push(`${this.world.now.toFixed(3)} ${text()}`);
  }

  start(options: NodeOptions): SimulatedNode {
    const node = new SimulatedNode(this, options);
    this.#nodes.push(node);
    this.#everyNode.set(node.incarnation, node);
    this.note(() => `${node.incarnation} started`);
    return node;
  }

  /** How far this process has applied the log to memory, or had when it died. */
  positionOf(incarnation: string): bigint {
    return this.#everyNode.get(incarnation)!.position;
  }

  /** Some expect shorter leases than the API nodes do, as when the setting is being changed. */
  startGate(label: string): SimulatedNode {
    const leaseMs = this.world.happens(0.8) ? this.leaseMs : this.leaseMs / 2;
    return this.start({ label, leaseMs, decides: true, revokes: false, buildMs: this.#buildMs(0.2) });
  }

  /** Kills it; another one takes its place. */
  replace(node: SimulatedNode, builds = false): void {
    if (!node.alive) return;
    node.kill();
    const buildMs = this.#buildMs(builds ? 1 : 0.1);
    this.world.after(this.world.between(RESTART_MS.min, RESTART_MS.max), () =>
      this.start({ ...node.options, buildMs }),
    );
  }

  /** Index of the first entry that the tables of a starting process lack. */
  checkpoint(isNewlyBuilt: boolean): number {
    const end = this.store.entries.length;
    if (isNewlyBuilt || this.world.happens(0.3)) return end;
    return Math.max(0, end - Math.floor(this.world.random() * CHECKPOINT_LAG));
  }

  #startAll(): void {
    for (let index = 0; index < APIS; index++) this.start(this.#api(`api-${index}`));
    for (let index = 0; index < GATES; index++) this.startGate(`gate-${index}`);
  }

  get #waitMs(): number {
    return waitForLeaseMs(this.leaseMs);
  }

  #api(label: string): NodeOptions {
    const decides = this.world.happens(0.3);
    return { label, leaseMs: this.leaseMs, decides, revokes: true, buildMs: 0 };
  }

  #buildMs(probability: number): number {
    return this.world.happens(probability) ? this.world.between(0, 1.5 * this.leaseMs) : 0;
  }

  /** Nothing is wrong any more: answers take milliseconds; after a gate has died, once as long as its lease. */
  #probe(): void {
    this.isCalm = true;
    const wait = this.#waitMs / (1 - CLOCK_DRIFT_MAX);
    this.#probeSome('when nothing was wrong');
    const victim = this.nodes.find((node) => node.member && !node.revoker);
    victim?.kill();
    this.#revokeWithin(wait + HEALTHY_MS, 'just after a gate died', (ms) => (this.#afterKillMs = ms));
    this.world.runUntil(this.world.now + wait + PROBE_EVERY_MS);
    this.#probeSome('a lease after a gate had died');
  }

  #probeSome(when: string): void {
    for (let probe = 0; probe < PROBES; probe++) {
      this.#revokeWithin(HEALTHY_MS, when, (ms) => this.#healthyMs.push(ms));
      this.world.runUntil(this.world.now + PROBE_EVERY_MS);
    }
  }

  #revokeWithin(limitMs: number, when: string, answered: (milliseconds: number) => unknown): void {
    const askedAt = this.world.now;
    let isAnswered = false;
    this.clients.revokeNew(() => {
      if (!isAnswered) answered(this.world.now - askedAt);
      isAnswered = true;
    });
    this.world.after(limitMs, () => {
      if (!isAnswered)
        this.#late.push(`seed ${this.seed}: not revoked after ${limitMs.toFixed(0)} ms, ${when}`);
    });
  }
}
