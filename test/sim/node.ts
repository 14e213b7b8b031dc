import { MemberRole } from './member-role.js';
import { Process } from './process.js';
import { RevokerRole } from './revoker-role.js';
import type { Simulation } from './simulation.js';
import type { Entry, Fact, Follower, Subscription } from './store.js';

/** A read of the log that was not answered is made again after this. */
const READ_AGAIN_MS = 300;

export interface NodeOptions {
  readonly label: string;
  /** Its own leases, or those that it expects others to have as long as it knows nothing else. */
  readonly leaseMs: number;
  /** Decides requests from memory. */
  readonly decides: boolean;
  /** Revokes keys. */
  readonly revokes: boolean;
  /** How long it builds its tables from the log; 0: they are there, up to a checkpoint. */
  readonly buildMs: number;
}

/**
 * A process as apps/server builds it: one subscription feeds what it keeps in memory, its own lease and what it knows of the
 * other members; afterwards it publishes how far it has come.
 */
export class SimulatedNode extends Process implements Follower {
  readonly incarnation: string;
  logId: number;
  readonly member: MemberRole | undefined;
  readonly revoker: RevokerRole | undefined;
  subscription: Subscription | undefined;
  /** Renewals come back to it late; see Faults. */
  position = 0n;
  #inbox: Entry[] = [];
  #busy = false;
  readonly #redisKeys: number;

  constructor(
    readonly simulation: Simulation,
    readonly options: NodeOptions,
  ) {
    super(simulation.world);
    const { label, leaseMs } = options;
    this.incarnation = `${label}/${simulation.nextId()}`;
    this.logId = this.#redisKeys = simulation.store.logId;
    this.member = options.decides ? new MemberRole(this, label, leaseMs) : undefined;
    this.revoker = options.revokes ? new RevokerRole(this, leaseMs) : undefined;
    if (options.revokes)
      simulation.redis.listen(this, this.#redisKeys, (name, position) => this.revoker!.heard(name, position));
    this.after(options.buildMs, () => this.#load(simulation.checkpoint(options.buildMs > 0)));
  }

  get isServing(): boolean {
    return this.alive && this.subscription !== undefined;
  }

  append(fact: Fact, answered: Parameters<Simulation['store']['append']>[2], revision?: bigint): void {
    this.simulation.store.append(this, fact, answered, revision);
  }

  /** As a supervisor does it: a process that finds another log ends, and the next one builds its tables anew. */
  foundOtherLog(): void {
    if (this.simulation.is('servesRestoredLog')) this.logId = this.simulation.store.logId;
    else this.simulation.replace(this, true);
  }

  override kill(): void {
    if (!this.alive) return;
    super.kill();
    this.simulation.redis.forget(this);
    this.simulation.forget(this);
  }

  ask(name: string): void {
    this.simulation.redis.ask(this, this.#redisKeys, name, (said, position) =>
      this.revoker!.heard(said, position),
    );
  }

  /** What the tables hold, up to index `checkpoint`. Renewals are in no table. */
  #load(checkpoint: number): void {
    const entries = this.simulation.store.entries.slice(0, checkpoint);
    for (const entry of entries) this.member?.apply(entry);
    this.#reached(BigInt(checkpoint));
    this.#catchUp(checkpoint);
  }

  #catchUp(from: number): void {
    this.simulation.store.read(this, from, (entries) => {
      if (this.subscription) return;
      for (const entry of entries) this.#apply(entry);
      if (entries.length > 0) this.#reached(entries.at(-1)!.position);
      this.revoker?.caughtUp();
      const next = Math.max(from, Number(entries.at(-1)?.position ?? 0));
      this.subscription = this.simulation.store.subscribe(this, next, (page) => this.#arrived(page));
      this.member?.start();
    });
    this.after(READ_AGAIN_MS, () => this.subscription === undefined && this.#catchUp(from));
  }

  #arrived(page: readonly Entry[]): void {
    this.#inbox.push(...page);
    const isOwn = (entry: Entry) => entry.type === 'LeaseRenewed' && entry.incarnation === this.incarnation;
    if (page.some(isOwn)) this.simulation.faults.renewalArrived(this);
    if (this.simulation.is('publishesRead')) this.#say(page.at(-1)!.position);
    if (this.#busy) return;
    this.#busy = true;
    this.after(this.simulation.network.processingTime(), () => this.#applyInbox());
  }

  #applyInbox(): void {
    const page = this.#inbox;
    this.#inbox = [];
    this.#busy = false;
    for (const entry of page) this.#apply(entry);
    this.#reached(page.at(-1)!.position);
  }

  #apply(entry: Entry): void {
    this.member?.apply(entry);
    this.revoker?.apply(entry);
  }

  #reached(position: bigint): void {
    this.position = position;
    if (this.member) {
      const name = this.simulation.is('sameNameAcknowledges') ? this.options.label : this.incarnation;
      this.revoker?.heard(name, position);
      if (!this.simulation.is('publishesRead')) this.#say(position);
    }
    this.revoker?.reached(position);
  }

  #say(position: bigint): void {
    if (!this.member) return;
    const name = this.simulation.is('sameNameAcknowledges') ? this.options.label : this.incarnation;
    this.simulation.redis.say(this, this.#redisKeys, name, position);
  }
}
