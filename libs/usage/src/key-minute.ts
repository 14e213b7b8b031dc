import { addDistinct, DISTINCT_SET_BYTES } from '#libs/kernel';
import {
  USAGE_ACTIONS,
  type ActionCount,
  type ClientCount,
  type KeyUsageRecorded,
  type Place,
  type PlaceCount,
  type RepositoryCount,
  type UsageAction,
} from './facts.js';

/** A request that the gate let through. */
export interface AcceptedUse extends Place {
  readonly registry: string;
  readonly key: string;
  readonly action: UsageAction;
  readonly repository: string | undefined;
  /** A name of `clientName`. */
  readonly client: string;
}

/** Names that a key and minute keeps; those beyond count as unaccounted. A fact has the busiest of them. */
const REPOSITORIES_KEPT = 32;
/** A fact stays below FACT_BYTES_MAX also where every list is full. */
const REPOSITORIES_WRITTEN = 8;
/** A name has up to 255 characters. */
const REPOSITORY_CHARACTERS_WRITTEN = 300;
const PLACES_KEPT = 5;
const CLIENTS_KEPT = 4;
/** Bytes of the data of a fact of this library, as JSON, at most. */
export const FACT_BYTES_MAX = 2048;

/** A number that only grows, for each kind of action. */
interface Tally {
  pulls: number;
  pushes: number;
  others: number;
}

/** What one key did in one minute since the last part of it was written; owned by UsageCounter. */
export class KeyMinute {
  /** Parts written. */
  part = 0;
  /** Requests in the parts written, and those since. */
  #written = 0;
  #fresh = 0;
  #freshSince = 0;
  #hasNewPlace = false;
  #bytesUp = 0;
  #bytesDown = 0;
  readonly #accepted = new Map<UsageAction, number>();
  readonly #failed = new Map<UsageAction, number>();
  readonly #repositories = new Map<string, Tally>();
  #repositorySet: Uint8Array | undefined;
  /** Stays for the minute: tells which place is new in it. */
  readonly #places = new Map<string, Place & Tally>();
  readonly #clients = new Map<string, number>();
  #unaccounted = { places: 0, repositories: 0, clients: 0 };

  constructor(
    readonly registry: string,
    readonly key: string,
    /** Start of the minute, ms since the epoch. */
    readonly minute: number,
    private applied: bigint,
  ) {}

  get written(): number {
    return this.#written;
  }

  get fresh(): number {
    return this.#fresh;
  }

  /** When the first request since the last part was, in ms since the epoch. */
  get freshSince(): number {
    return this.#freshSince;
  }

  get hasNewPlace(): boolean {
    return this.#hasNewPlace;
  }

  get isEmpty(): boolean {
    return this.#fresh === 0 && this.#failed.size === 0 && this.#bytesUp === 0 && this.#bytesDown === 0;
  }

  accept(use: AcceptedUse, now: number, applied: bigint): void {
    if (this.isEmpty) this.applied = applied;
    if (this.#fresh === 0) this.#freshSince = now;
    this.#fresh += 1;
    add(this.#accepted, use.action, 1);
    this.#acceptRepository(use);
    this.#acceptPlace(use);
    if (this.#clients.has(use.client) || this.#clients.size < CLIENTS_KEPT) add(this.#clients, use.client, 1);
    else this.#unaccounted.clients += 1;
  }

  finish(action: UsageAction, bytesUp: number, bytesDown: number, failed: boolean): void {
    this.#bytesUp += bytesUp;
    this.#bytesDown += bytesDown;
    if (failed) add(this.#failed, action, 1);
  }

  /** The part of the minute that is new since the last one, and starts the next. */
  take(at: number): KeyUsageRecorded {
    const places = [...this.#places.values()].filter(
      ({ pulls, pushes, others }) => pulls + pushes + others > 0,
    );
    const { repositories, repositorySet, unlisted } = this.#listedRepositories();
    const data: KeyUsageRecorded['data'] = {
      at: new Date(at).toISOString(),
      registry: this.registry,
      key: this.key,
      minute: new Date(this.minute).toISOString(),
      part: this.part,
      actions: this.#actions(),
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
      repositories,
      repositorySet,
      places: busiest(places.map((place): PlaceCount => ({ ...place }))),
      clients: [...this.#clients].map(([client, count]): ClientCount => ({ client, count })),
      unaccounted: { ...this.#unaccounted, repositories: this.#unaccounted.repositories + unlisted },
      applied: this.applied.toString(),
    };
    this.#startPart();
    return { type: 'KeyUsageRecorded', data };
  }

  #startPart(): void {
    this.part += 1;
    this.#written += this.#fresh;
    this.#fresh = this.#bytesUp = this.#bytesDown = 0;
    this.#hasNewPlace = false;
    this.#accepted.clear();
    this.#failed.clear();
    this.#repositories.clear();
    this.#repositorySet = undefined;
    for (const place of this.#places.values()) place.pulls = place.pushes = place.others = 0;
    this.#clients.clear();
    this.#unaccounted = { places: 0, repositories: 0, clients: 0 };
  }

  #acceptRepository({ repository, action }: AcceptedUse): void {
    if (repository === undefined) return;
    const known = this.#repositories.get(repository);
    if (known) count(known, action);
    else if (this.#repositories.size < REPOSITORIES_KEPT) {
      this.#repositories.set(repository, counted(action));
      if (this.#repositories.size > REPOSITORIES_WRITTEN) addDistinct(this.#set(), repository);
    } else {
      addDistinct(this.#set(), repository);
      this.#unaccounted.repositories += 1;
    }
  }

  #acceptPlace({ network, country, asn, action }: AcceptedUse): void {
    const name = `${network} ${country} ${asn}`;
    const known = this.#places.get(name);
    if (known) count(known, action);
    else if (this.#places.size < PLACES_KEPT) {
      this.#places.set(name, { network, country, asn, ...counted(action) });
      this.#hasNewPlace = true;
    } else this.#unaccounted.places += 1;
  }

  /** The set of all repositories; it is made once it is needed. */
  #set(): Uint8Array {
    if (!this.#repositorySet) {
      this.#repositorySet = new Uint8Array(DISTINCT_SET_BYTES);
      for (const name of this.#repositories.keys()) addDistinct(this.#repositorySet, name);
    }
    return this.#repositorySet;
  }

  #listedRepositories() {
    const kept = busiest(
      [...this.#repositories].map(([name, tally]): RepositoryCount => ({ name, ...tally })),
    );
    let characters = 0;
    const repositories = kept.slice(0, REPOSITORIES_WRITTEN).filter(({ name }) => {
      characters += name.length;
      return characters <= REPOSITORY_CHARACTERS_WRITTEN;
    });
    const listed = repositories.reduce((sum, one) => sum + requests(one), 0);
    const all = kept.reduce((sum, one) => sum + requests(one), 0);
    const isWhole = repositories.length === kept.length && this.#unaccounted.repositories === 0;
    const repositorySet = isWhole ? null : Buffer.from(this.#set()).toString('base64');
    return { repositories, repositorySet, unlisted: all - listed };
  }

  #actions(): KeyUsageRecorded['data']['actions'] {
    const occurred = USAGE_ACTIONS.filter((action) => this.#accepted.has(action) || this.#failed.has(action));
    return Object.fromEntries(
      occurred.map((action): [UsageAction, ActionCount] => [
        action,
        { accepted: this.#accepted.get(action) ?? 0, failed: this.#failed.get(action) ?? 0 },
      ]),
    );
  }
}

function add<Name>(counts: Map<Name, number>, name: Name, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}

function count(tally: Tally, action: UsageAction): void {
  if (action === 'pull') tally.pulls += 1;
  else if (action === 'push') tally.pushes += 1;
  else tally.others += 1;
}

function counted(action: UsageAction): Tally {
  const tally = { pulls: 0, pushes: 0, others: 0 };
  count(tally, action);
  return tally;
}

function requests({ pulls, pushes, others }: Readonly<Tally>): number {
  return pulls + pushes + others;
}

function busiest<One extends Readonly<Tally>>(ones: One[]): One[] {
  return ones.sort((a, b) => requests(b) - requests(a));
}
