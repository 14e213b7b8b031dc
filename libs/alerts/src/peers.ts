import { KnownValues, type KnownValuesSnapshot } from './known-values.js';
import { countryNumber, weightOf, type Place } from './place-news.js';

const DAY_MS = 86_400_000;
/** Operators kept for a registry; the one not used for the longest time makes room. */
const OPERATORS_KEPT = 64;
/** An operator is the registry's own once it was used by another key on two days at least this far apart. */
const SETTLED_DAYS = 3;
/** What was not used for so long is new again. */
const FORGOTTEN_DAYS = 60;

/** Days of use before the registry as a whole has habits. */
const LEARNING_DAYS = 14;
/** So many keys that come from a new operator have moved there together: a thief has one. */
const KEYS_MOVING = 3;

/** By operator: the first keys that used it, the first day and the last. */
type Operator = [asn: number, keys: string[], firstDay: number, lastDay: number];

/** From which operators the keys of a registry are used: what is new to one key may be the habit of its registry. */
export class Peers {
  readonly #operators = new Map<number, Operator>();
  /** All countries and operators of the registry, for keys that have no habits of their own. */
  readonly #countries: KnownValues;
  readonly #asns: KnownValues;
  #firstTime: number;

  constructor(snapshot?: PeersSnapshot) {
    for (const operator of snapshot?.operators ?? []) this.#operators.set(operator[0], copyOf(operator));
    const restore = (of?: KnownValuesSnapshot) =>
      of ? KnownValues.restore(OPERATORS_KEPT, of) : new KnownValues(OPERATORS_KEPT);
    [this.#countries, this.#asns] = [restore(snapshot?.countries), restore(snapshot?.asns)];
    this.#firstTime = snapshot?.firstTime ?? -1;
  }

  snapshot(): PeersSnapshot {
    return {
      operators: [...this.#operators.values()].map(copyOf),
      countries: this.#countries.snapshot(),
      asns: this.#asns.snapshot(),
      firstTime: this.#firstTime,
    };
  }

  /** What is new about the place to the registry as a whole, from 0 to 1 each; nothing before it has habits. */
  strangeness({ country, asn }: Place, time: number): { country: number; asn: number } {
    const hasLearned = this.#firstTime >= 0 && time - this.#firstTime >= LEARNING_DAYS * DAY_MS;
    if (!hasLearned) return { country: 0, asn: 0 };
    const isNewCountry = country !== null && !this.#countries.has(countryNumber(country));
    const isNewAsn = asn !== null && !this.#asns.has(asn);
    return {
      country: isNewCountry ? weightOf(this.#countries) : 0,
      asn: isNewAsn ? weightOf(this.#asns) : 0,
    };
  }

  /** Whether another key than this one has been used from there for some days, or several others at all. */
  know(asn: number | null, key: string, time: number): boolean {
    const operator = asn === null ? undefined : this.#operators.get(asn);
    if (!operator) return false;
    const [, keys, firstDay, lastDay] = operator;
    const others = keys.includes(key) ? keys.length - 1 : keys.length;
    const day = Math.floor(time / DAY_MS);
    const isSettled = lastDay - firstDay >= SETTLED_DAYS && day - lastDay < FORGOTTEN_DAYS;
    return others >= KEYS_MOVING - 1 || (others > 0 && isSettled);
  }

  see({ country, asn }: Place, key: string, time: number): void {
    if (this.#firstTime < 0) this.#firstTime = time;
    const day = Math.floor(time / DAY_MS);
    if (country !== null) this.#countries.see(countryNumber(country), day);
    if (asn === null) return;
    this.#asns.see(asn, day);
    const operator = this.#operators.get(asn);
    if (!operator) {
      this.#makeRoom();
      this.#operators.set(asn, [asn, [key], day, day]);
      return;
    }
    const keys = operator[1];
    if (keys.length < KEYS_MOVING && !keys.includes(key)) keys.push(key);
    if (day > operator[3]) operator[3] = day;
  }

  #makeRoom(): void {
    if (this.#operators.size < OPERATORS_KEPT) return;
    const [oldest] = [...this.#operators.values()].sort((a, b) => a[3] - b[3]);
    this.#operators.delete(oldest![0]);
  }
}

export interface PeersSnapshot {
  readonly operators: Operator[];
  readonly countries: KnownValuesSnapshot;
  readonly asns: KnownValuesSnapshot;
  readonly firstTime: number;
}

function copyOf([asn, keys, firstDay, lastDay]: Operator): Operator {
  return [asn, [...keys], firstDay, lastDay];
}
