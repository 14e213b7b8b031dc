const DAY_MS = 86_400_000;
/** Operators kept for a registry; the one not used for the longest time makes room. */
const OPERATORS_KEPT = 64;
/** An operator is the registry's own once it was used by another key on two days at least this far apart. */
const SETTLED_DAYS = 3;
/** What was not used for so long is new again. */
const FORGOTTEN_DAYS = 60;

/** So many keys that come from a new operator have moved there together: a thief has one. */
const KEYS_MOVING = 3;

/** By operator: the first keys that used it, the first day and the last. */
type Operator = [asn: number, keys: string[], firstDay: number, lastDay: number];

/** From which operators the keys of a registry are used: what is new to one key may be the habit of its registry. */
export class Peers {
  readonly #operators = new Map<number, Operator>();

  constructor(snapshot: PeersSnapshot = []) {
    for (const operator of snapshot) this.#operators.set(operator[0], copyOf(operator));
  }

  snapshot(): PeersSnapshot {
    return [...this.#operators.values()].map(copyOf);
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

  see(asn: number | null, key: string, time: number): void {
    if (asn === null) return;
    const day = Math.floor(time / DAY_MS);
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

export type PeersSnapshot = Operator[];

function copyOf([asn, keys, firstDay, lastDay]: Operator): Operator {
  return [asn, [...keys], firstDay, lastDay];
}
