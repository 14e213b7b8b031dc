import { Networks } from './networks.js';
import { RepositoryPatterns } from './repository-patterns.js';

/** What a key is restricted to. Both lists have no order; an empty one restricts nothing. */
export interface Restrictions {
  /** Patterns of repositories: see repository-patterns.ts. */
  readonly repositories: readonly string[];
  /** CIDR networks or single addresses: see networks.ts. */
  readonly networks: readonly string[];
}

export const NO_RESTRICTIONS: Restrictions = { repositories: [], networks: [] };
/** The number that stands for them. */
const UNRESTRICTED = 0;

/** One set of restrictions, compiled for all keys that have it. What of it cannot be read lets nothing through. */
export class RestrictionSet {
  readonly #repositories: RepositoryPatterns | undefined;
  readonly #networks: Networks | undefined;
  /** How many keys have it; only RestrictionSets counts. */
  keys = 0;

  /** `text` is what it was compiled from: `textOf(restrictions)`. */
  constructor(
    readonly text: string,
    { repositories, networks }: Restrictions,
  ) {
    this.#repositories = repositories.length === 0 ? undefined : new RepositoryPatterns(repositories);
    this.#networks = networks.length === 0 ? undefined : new Networks(networks);
  }

  /** Whether requests are accepted from the address. Of one that is not known (undefined, empty, no address) they are not. */
  admits(address: string | undefined): boolean {
    return this.#networks === undefined || (address !== undefined && this.#networks.has(address));
  }

  reaches(repository: string): boolean {
    return this.#repositories === undefined || this.#repositories.has(repository);
  }

  /** The lists that it was made of, sorted. */
  get restrictions(): Restrictions {
    const [repositories, networks] = JSON.parse(this.text) as [string[], string[]];
    return { repositories, networks };
  }
}

/**
 * Every set of restrictions that some key has, once: a key stores the set's number. A set whose last key let go of it is
 * gone, and its number is the next to be given out, so that numbers stay below the greatest number of keys there ever was.
 */
export class RestrictionSets {
  readonly #sets: (RestrictionSet | undefined)[] = [undefined];
  readonly #numbers = new Map<string, number>();
  readonly #free: number[] = [];

  /** Sets that keys have now. */
  get size(): number {
    return this.#numbers.size;
  }

  /** The number of the set, for one more key; UNRESTRICTED for two empty lists. */
  acquire(restrictions: Restrictions): number {
    if (restrictions.repositories.length === 0 && restrictions.networks.length === 0) return UNRESTRICTED;
    const text = textOf(restrictions);
    const number = this.#numbers.get(text) ?? this.#create(text, restrictions);
    this.#sets[number]!.keys++;
    return number;
  }

  /** One key less has the set. */
  release(number: number): void {
    const set = this.#sets[number];
    if (set === undefined || --set.keys > 0) return;
    this.#sets[number] = undefined;
    this.#numbers.delete(set.text);
    this.#free.push(number);
  }

  /** The set; undefined for UNRESTRICTED. */
  at(number: number): RestrictionSet | undefined {
    return this.#sets[number];
  }

  #create(text: string, restrictions: Restrictions): number {
    const number = this.#free.pop() ?? this.#sets.length;
    this.#sets[number] = new RestrictionSet(text, restrictions);
    this.#numbers.set(text, number);
    return number;
  }
}

/** Throws when the restrictions that a fact or row gives are no lists of texts. */
export function refuseMalformed({ repositories, networks }: Restrictions): void {
  if (!isTexts(repositories) || !isTexts(networks)) throw new Error('malformed restrictions of a key');
}

/** The same text for the same restrictions, in whatever order and however often the lists have an entry. */
function textOf({ repositories, networks }: Restrictions): string {
  return JSON.stringify([sorted(repositories), sorted(networks)]);
}

function sorted(texts: readonly string[]): readonly string[] {
  return texts.length < 2 ? texts : [...new Set(texts)].sort();
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
