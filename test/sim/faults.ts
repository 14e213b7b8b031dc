import type { SimulatedNode } from './node.js';
import type { Simulation } from './simulation.js';

/** Between two faults. */
const EVERY_MS = { min: 100, max: 2_000 };
/** More processes than this at once only cost time. */
const NODES_MAX = 9;
/** Longer than a member waits until it stops renewing. */
const QUIET_MS = { min: 62_000, max: 66_000 };
const HOUR_MS = 3_600_000;

/** What there is; over some runs, all of it has to happen. */
export const FAULTS = [
  'stopped',
  'machine suspended',
  'machine suspended for moments',
  'wall clock set',
  'killed',
  'doubled under its name',
  'joined',
  'joined behind an API that is late',
  'ended',
  'cut off from the store',
  'renewals held back and overtaken',
  'subscription stalled',
  'cut off from Redis',
  'Redis flushed',
  'Redis away',
  'log restored',
  'nobody asks for a minute',
  'API killed at its append',
  'revoked behind a renewal',
  'renewed behind a late revocation',
] as const;
type Fault = (typeof FAULTS)[number];

/** Everything that goes wrong in a run, and how often it has. */
export class Faults {
  readonly counts: Partial<Record<Fault, number>> = {};
  #active = false;
  readonly #cutWhenArrived = new Set<SimulatedNode>();
  /** Gates whose renewal is the first that an API node could know of, whose subscription is stalled. */
  readonly #joinedBehind = new Map<SimulatedNode, SimulatedNode>();
  /** Renewals on their way, and until when they are held back. */
  readonly #heldBack = new Map<SimulatedNode, { readonly until: number; readonly sends: (() => void)[] }>();
  /** They die before the faults end. */
  readonly #doomed: SimulatedNode[] = [];
  #cutRenewalsUntil = 0;

  constructor(private readonly simulation: Simulation) {}

  begin(): void {
    this.#active = true;
    this.#next();
  }

  /** Everything is mended; what was restarted comes back by itself. */
  end(): void {
    this.#active = false;
    this.#heldBack.clear();
    const { nodes, redis } = this.simulation;
    redis.awayUntil = 0;
    for (const node of this.#doomed) node.kill();
    for (const node of nodes) {
      node.storeCutUntil = node.redisCutUntil = 0;
      if (node.subscription) node.subscription.stalledUntil = 0;
      node.goOn();
    }
  }

  /** Now and then a key is revoked just after a renewal was sent, and its sender is cut off as soon as that has come back. */
  renewalSent(node: SimulatedNode, send: () => void): void {
    this.#holdBack(node, send);
    if (!this.#active) return;
    if (this.simulation.world.now < this.#cutRenewalsUntil) this.#cutWhenArrived.add(node);
    if (!this.simulation.world.happens(0.1)) return;
    this.#count('revoked behind a renewal');
    this.#cutWhenArrived.add(node);
    this.simulation.clients.revokeNew();
  }

  renewalArrived(node: SimulatedNode): void {
    if (!this.#active || !this.#cutWhenArrived.delete(node)) return;
    this.#letGo(node);
    const behind = this.#joinedBehind.get(node);
    if (behind?.alive) this.simulation.clients.revokeNew(undefined, behind);
    this.#joinedBehind.delete(node);
    if (this.simulation.world.happens(0.5)) this.#stall(node, 2.5 * this.simulation.leaseMs);
    else this.#cutStore(node, 2.5 * this.simulation.leaseMs);
  }

  /**
   * Now and then the API node dies between its append and the answer; or the append is late (by the answer, in ms), and whoever
   * renews meanwhile is cut off as soon as the renewal has come back.
   */
  revocationSent(node: SimulatedNode): number {
    const { world } = this.simulation;
    if (!this.#active) return 0;
    if (world.happens(0.04) && this.#revokers().length > 1) {
      this.#count('API killed at its append');
      world.after(world.between(0, 10), () => this.simulation.replace(node));
    }
    if (!world.happens(0.06)) return 0;
    this.#count('renewed behind a late revocation');
    const lateBy = world.between(100, 1_000);
    this.#cutRenewalsUntil = world.now + lateBy;
    return lateBy;
  }

  #next(): void {
    const { world } = this.simulation;
    world.after(world.between(EVERY_MS.min, EVERY_MS.max), () => {
      if (!this.#active) return;
      world.pick(this.#kinds)();
      this.#next();
    });
  }

  readonly #kinds: readonly (() => void)[] = [
    () => this.#onNode('stopped', (node) => node.pause(this.#longOrShort(), false)),
    () => this.#onNode('machine suspended', (node) => node.pause(this.#longOrShort(), true)),
    () => this.#onNode('machine suspended for moments', (node) => this.#stutter(node, 40)),
    () => this.#onNode('wall clock set', (node) => node.setWall(this.#wallStep())),
    () => this.#onNode('killed', (node) => this.simulation.replace(node, this.#likely(0.3))),
    () => this.#onNode('doubled under its name', (node) => this.#twin(node)),
    () => this.#onNode('joined', () => this.#join()),
    () => this.#onNode('ended', (node) => this.#endNode(node)),
    () => this.#onNode('cut off from the store', (node) => this.#cutStore(node, this.#longOrShort())),
    () => this.#onNode('renewals held back and overtaken', (node) => this.#holdRenewals(node)),
    () => this.#onNode('subscription stalled', (node) => this.#stall(node, this.#longOrShort())),
    () => this.#onNode('cut off from Redis', (node) => this.#cutRedis(node)),
    () => this.#redis(),
    () => this.#quiet(),
    () => this.#restore(),
  ];

  #count(fault: Fault): void {
    this.counts[fault] = (this.counts[fault] ?? 0) + 1;
    this.simulation.note(() => fault);
  }

  #likely(probability: number): boolean {
    return this.simulation.world.happens(probability);
  }

  #longOrShort(): number {
    const { world, leaseMs } = this.simulation;
    return world.happens(0.5) ? world.between(10, leaseMs) : world.between(leaseMs, 3 * leaseMs);
  }

  #onNode(fault: Fault, act: (node: SimulatedNode) => void): void {
    const nodes = this.simulation.nodes.filter((node) => !node.isPaused && node.isServing);
    if (nodes.length === 0) return;
    const node = this.simulation.world.pick(nodes);
    if (node.revoker && this.#revokers().length < 2) return;
    this.#count(fault);
    this.simulation.note(() => `  at ${node.incarnation}`);
    act(node);
  }

  #revokers(): SimulatedNode[] {
    return this.simulation.nodes.filter((node) => node.revoker && !node.isPaused);
  }

  #wallStep(): number {
    const { world } = this.simulation;
    const size = world.pick([190, 5_000, HOUR_MS]);
    return world.between(-size, size);
  }

  /** Many suspensions, each below any threshold. */
  #stutter(node: SimulatedNode, left: number): void {
    if (left === 0 || !this.#active) return;
    const { world } = this.simulation;
    node.pause(world.between(100, 190), true);
    world.after(world.between(195, 260), () => this.#stutter(node, left - 1));
  }

  /** It hangs, another one is started under its name, and the old one goes on for a while. */
  #twin(node: SimulatedNode): void {
    if (this.simulation.nodes.length >= NODES_MAX) return;
    const { world } = this.simulation;
    node.pause(this.#longOrShort(), this.#likely(0.3));
    world.after(world.between(0, 500), () => this.simulation.start(node.options));
    this.#killLater(node);
  }

  /** One more gate, for a while; it comes just as a key is revoked, by an API node that may be behind with the log. */
  #join(): void {
    if (this.simulation.nodes.length >= NODES_MAX) return;
    const { world, clients, leaseMs } = this.simulation;
    const api = this.#revokers()[0];
    if (!api) return;
    const gate = this.simulation.startGate('joined');
    if (world.happens(0.5)) {
      this.#count('joined behind an API that is late');
      this.#stall(api, world.between(0.35, 1) * leaseMs);
      this.#cutWhenArrived.add(gate);
      this.#joinedBehind.set(gate, api);
    } else world.after(world.between(0, 100), () => clients.revokeNew());
    this.#killLater(gate);
  }

  #killLater(node: SimulatedNode): void {
    this.#doomed.push(node);
    this.simulation.world.after(this.simulation.world.between(3_000, 20_000), () => node.kill());
  }

  /** It ends in an orderly way, perhaps while it is late; a key is revoked meanwhile. */
  #endNode(node: SimulatedNode): void {
    const { world, clients, leaseMs } = this.simulation;
    if (world.happens(0.5)) this.#stall(node, leaseMs);
    node.do(() => node.member?.release());
    world.after(world.between(0, 100), () => clients.revokeNew());
    world.after(world.between(0, 1_000), () => this.simulation.replace(node));
  }

  /** Longer than a lease: those who knew the member forget it. */
  #holdRenewals(node: SimulatedNode): void {
    const { world, leaseMs } = this.simulation;
    this.#heldBack.set(node, { until: world.now + 1.5 * leaseMs, sends: [] });
  }

  /** The first one after that overtakes those held back, while an API node is late; at that one a key is revoked then. */
  #holdBack(node: SimulatedNode, send: () => void): void {
    const { world, leaseMs } = this.simulation;
    const held = this.#heldBack.get(node);
    if (held && world.now < held.until) return void held.sends.push(send);
    send();
    const api = this.#revokers()[0];
    if (!held || !api || !this.#active) return;
    this.#stall(api, world.between(0.3, 0.9) * leaseMs);
    this.#cutWhenArrived.add(node);
    this.#joinedBehind.set(node, api);
  }

  /** What was held back arrives after all. */
  #letGo(node: SimulatedNode): void {
    const { world } = this.simulation;
    const sends = this.#heldBack.get(node)?.sends ?? [];
    this.#heldBack.delete(node);
    world.after(world.between(60, 200), () => sends.forEach((send) => send()));
  }

  #cutStore(node: SimulatedNode, milliseconds: number): void {
    node.storeCutUntil = this.simulation.world.now + milliseconds;
  }

  #stall(node: SimulatedNode, milliseconds: number): void {
    if (node.subscription) node.subscription.stalledUntil = this.simulation.world.now + milliseconds;
  }

  #cutRedis(node: SimulatedNode): void {
    node.redisCutUntil = this.simulation.world.now + this.#longOrShort();
  }

  #redis(): void {
    const { world, redis } = this.simulation;
    const isFlush = world.happens(0.5);
    this.#count(isFlush ? 'Redis flushed' : 'Redis away');
    if (isFlush) redis.flush();
    else redis.awayUntil = world.now + this.#longOrShort();
  }

  /** Nobody asks anything for so long that the leases lie idle. Rare: it takes long. */
  #quiet(): void {
    if (!this.#likely(0.1)) return;
    this.#count('nobody asks for a minute');
    const { world, clients } = this.simulation;
    clients.quietUntil = world.now + world.between(QUIET_MS.min, QUIET_MS.max);
  }

  /** A backup is restored that lacks the newest events. */
  #restore(): void {
    if (!this.#likely(0.2)) return;
    this.#count('log restored');
    const { world, store, clients } = this.simulation;
    const lost = Math.floor(world.between(0, Math.min(60, store.entries.length - 1)));
    store.restore(store.entries.length - lost);
    clients.restored();
  }
}
