const DAY_MS = 86_400_000;
/** Operators kept for a registry; the one not used for the longest time makes room. */
const OPERATORS_KEPT = 64;
/** An operator is the registry's own once it was used by another key on two days at least this far apart. */
const SETTLED_DAYS = 3;
/** What was not used for so long is new again. */
const FORGOTTEN_DAYS = 60;

/** By operator: the first key that used it, another one, the first day and the last. */
type Operator = [asn: number, key: string, another: string | null, firstDay: number, lastDay: number];

/** From which operators the keys of a registry are used: what is new to one key may be the habit of its registry. */
export class Peers {
  readonly #operators = new Map<number, Operator>();

  constructor(snapshot: PeersSnapshot = []) {
    for (const operator of snapshot) this.#operators.set(operator[0], [...operator]);
  }

  snapshot(): PeersSnapshot {
    return [...this.#operators.values()].map((operator) => [...operator]);
  }

  /** Whether another key than this one has been used from there for some days. */
  know(asn: number | null, key: string, time: number): boolean {
    const operator = asn === null ? undefined : this.#operators.get(asn);
    if (!operator) return false;
    const [, first, another, firstDay, lastDay] = operator;
    const isOfOthers = first !== key || another !== null;
    const day = Math.floor(time / DAY_MS);
    return isOfOthers && lastDay - firstDay >= SETTLED_DAYS && day - lastDay < FORGOTTEN_DAYS;
  }

  see(asn: number | null, key: string, time: number): void {
    if (asn === null) return;
    const day = Math.floor(time / DAY_MS);
    const operator = this.#operators.get(asn);
    if (!operator) {
      this.#makeRoom();
      this.#operators.set(asn, [asn, key, null, day, day]);
      return;
    }
    if (operator[2] === null && operator[1] !== key) operator[2] = key;
    if (day > operator[4]) operator[4] = day;
  }

  #makeRoom(): void {
    if (this.#operators.size < OPERATORS_KEPT) return;
    const [oldest] = [...this.#operators.values()].sort((a, b) => a[4] - b[4]);
    this.#operators.delete(oldest![0]);
  }
}

export type PeersSnapshot = Operator[];
