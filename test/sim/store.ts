import { travel, type Network } from './network.js';
import type { Process } from './process.js';
import type { World } from './world.js';

/** What stands in the simulated log. */
export type Fact =
  | { readonly type: 'LogStarted' | 'RegistryRenamed' }
  | { readonly type: 'KeyRevoked' | 'KeyRevocationProven'; readonly key: number }
  | {
      readonly type: 'LeaseRenewed';
      readonly incarnation: string;
      readonly label: string;
      readonly leaseMs: number;
      readonly renewal: string;
    }
  | { readonly type: 'LeaseReleased'; readonly incarnation: string };
export type Entry = Fact & {
  readonly position: bigint;
  readonly revision: bigint;
  /** Of the log that it was appended to; a restored one has entries of those before it. */
  readonly logId: number;
};

/** What an append came to: where it stands, or that its stream was not at the revision that it expected. */
export type Appended = { readonly position: bigint } | 'conflict';

/** A process that follows the log with id `logId`. `foundOtherLog`: the store that it has reached holds another one. */
export interface Follower extends Process {
  readonly logId: number;
  foundOtherLog(): void;
}

/** Of 100 appends, as many are stored long after they were sent, and as many answers get lost. */
const STUCK = 0.02;
const STUCK_MS = { min: 500, max: 12_000 };
const ANSWER_LOST = 0.04;
/** Events of one page of a subscription. */
const PAGE_MAX = 5;
/** A subscription that is held up looks again after this. */
const TRY_AGAIN_MS = 20;

/**
 * The log: one order for all. Appends are late, lost, answered in vain or stored long after; subscriptions deliver in order, at
 * any speed, what is there when they get to it: of a lease stream the newest few renewals alone.
 */
export class Store {
  readonly entries: Entry[] = [];
  /** Changes with every restore. */
  logId = 0;
  readonly #network: Network;
  readonly #streams = new Map<string, Entry[]>();
  readonly #hidden = new Set<Entry>();
  readonly #subscriptions = new Set<Subscription>();

  constructor(
    private readonly world: World,
    network: Network,
    /** How many of the newest renewals of a process are kept. */
    private readonly renewalsKept: number,
  ) {
    this.#network = network;
    this.#store({ type: 'LogStarted' });
  }

  /**
   * `answered` comes when and if the answer arrives. With `revision`, the stream must be at it (-1: must not exist); the same
   * event once more at the same place is stored once.
   */
  append(follower: Follower, fact: Fact, answered: (appended: Appended) => void, revision?: bigint): void {
    const arrive = () => {
      if (follower.logId !== this.logId) return follower.do(() => follower.foundOtherLog());
      const appended = this.#tryStore(fact, revision);
      if (!this.#network.calm && this.world.happens(ANSWER_LOST)) return;
      this.#travel(follower, () => follower.do(() => answered(appended)));
    };
    if (!this.#network.calm && this.world.happens(STUCK)) {
      const { logId } = this;
      this.world.after(this.world.between(STUCK_MS.min, STUCK_MS.max), () => {
        if (logId === this.logId && follower.logId === logId) this.#tryStore(fact, revision);
      });
    } else this.#travel(follower, arrive);
  }

  /** Reads what is there from index `from` on; `answered` may never come. */
  read(follower: Follower, from: number, answered: (entries: readonly Entry[]) => void): void {
    this.#answer(follower, answered, () => this.#shown(from, this.entries.length));
  }

  /** Reads what is there about a key; `answered` may never come. */
  readKey(follower: Follower, key: number, answered: (entries: readonly Entry[]) => void): void {
    this.#answer(follower, answered, () => [...(this.#streams.get(`key-${key}`) ?? [])]);
  }

  /** The log in which the revocation of the key was appended; undefined when this log does not hold one. */
  revokedIn(key: number): number | undefined {
    return this.#streams.get(`key-${key}`)?.[0]!.logId;
  }

  /** Hands every entry from index `from` on to `deliver`, in order, page by page, as the link allows. */
  subscribe(follower: Follower, from: number, deliver: (page: readonly Entry[]) => void): Subscription {
    const subscription: Subscription = { follower, next: from, deliver, stalledUntil: 0, underWay: false };
    this.#subscriptions.add(subscription);
    this.#pump(subscription);
    return subscription;
  }

  /** A backup of the first `length` entries takes the place of the log. Every connection breaks. */
  restore(length: number): void {
    this.entries.length = length;
    this.#streams.clear();
    this.#hidden.clear();
    for (const entry of this.entries) this.#keep(entry);
    this.logId++;
    this.#store({ type: 'LogStarted' });
  }

  #answer<T>(follower: Follower, answered: (answer: T) => void, find: () => T): void {
    this.#travel(follower, () => {
      if (follower.logId !== this.logId) return follower.do(() => follower.foundOtherLog());
      const found = find();
      this.#travel(follower, () => follower.do(() => answered(found)));
    });
  }

  #tryStore(fact: Fact, expected: bigint | undefined): Appended {
    const stream = this.#streams.get(streamOf(fact)) ?? [];
    const newest = stream.at(-1)?.revision ?? -1n;
    if (fact.type === 'LeaseRenewed') {
      const twin = stream.find((entry) => entry.type === fact.type && entry.renewal === fact.renewal);
      if (twin) return twin;
    }
    if (expected !== undefined && newest !== expected) return 'conflict';
    return this.#store(fact);
  }

  #store(fact: Fact): Entry {
    const revision = (this.#streams.get(streamOf(fact))?.at(-1)?.revision ?? -1n) + 1n;
    const entry: Entry = { ...fact, revision, position: BigInt(this.entries.length + 1), logId: this.logId };
    this.entries.push(entry);
    this.#keep(entry);
    for (const subscription of this.#subscriptions) this.#pump(subscription);
    return entry;
  }

  #keep(entry: Entry): void {
    const name = streamOf(entry);
    const stream = this.#streams.get(name) ?? [];
    stream.push(entry);
    this.#streams.set(name, stream);
    if ('incarnation' in entry && stream.length > this.renewalsKept) this.#hidden.add(stream.shift()!);
  }

  #shown(from: number, to: number): Entry[] {
    return this.entries.slice(from, to).filter((entry) => !this.#hidden.has(entry));
  }

  /** One page at a time: found at the store, then on its way, which may break; then it is read again. */
  #pump(subscription: Subscription): void {
    const { follower } = subscription;
    if (!follower.alive) this.#subscriptions.delete(subscription);
    const hasNothing = subscription.next >= this.entries.length && follower.logId === this.logId;
    if (subscription.underWay || !follower.alive || hasNothing) return;
    subscription.underWay = true;
    const isHeldUp = () => this.world.now < Math.max(follower.storeCutUntil, subscription.stalledUntil);
    this.world.after(isHeldUp() ? TRY_AGAIN_MS : this.#network.latency(), () => {
      subscription.underWay = false;
      if (isHeldUp()) return this.#pump(subscription);
      if (follower.logId !== this.logId) return follower.do(() => follower.foundOtherLog());
      this.#send(subscription);
    });
  }

  #send(subscription: Subscription): void {
    const { follower, next } = subscription;
    const end = Math.min(this.entries.length, next + 1 + Math.floor(this.world.random() * PAGE_MAX));
    const page = this.#shown(next, end);
    subscription.underWay = true;
    this.world.after(this.#network.latency(), () => {
      subscription.underWay = false;
      if (this.world.now >= follower.storeCutUntil) {
        subscription.next = end;
        if (page.length > 0) follower.do(() => subscription.deliver(page), 'subscription');
      }
      this.#pump(subscription);
    });
  }

  #travel(follower: Follower, arrive: () => void): void {
    const isCut = () => this.world.now < follower.storeCutUntil;
    travel(this.world, this.#network, isCut, follower, arrive);
  }
}

export interface Subscription {
  readonly follower: Follower;
  readonly deliver: (page: readonly Entry[]) => void;
  /** Index of the next entry to deliver. */
  next: number;
  /** Nothing is delivered until then, though the link is in order. */
  stalledUntil: number;
  underWay: boolean;
}

function streamOf(fact: Fact): string {
  if ('incarnation' in fact) return `lease-${fact.incarnation}`;
  return 'key' in fact ? `key-${fact.key}` : 'installation';
}
