/**
 * The simulated world: true time, chance, and processes whose clocks, pauses and deaths are not their own. Everything follows
 * from the seed: events of one instant run in the order in which they were scheduled.
 */
export class World {
  /** True time in ms. No process can read it. */
  now = 0;
  readonly #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 2_654_435_761) | 0 || 1;
  }

  /** From 0 (included) to 1: mulberry32 (Ettinger, 2017). */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Two runs that differ in anything differ in this. */
  get fingerprint(): string {
    return `${this.#order}:${(this.#state >>> 0).toString(16)}:${this.now}`;
  }

  between(min: number, max: number): number {
    return min + this.random() * (max - min);
  }

  happens(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)]!;
  }

  after(milliseconds: number, run: () => void): void {
    const entry = { at: this.now + Math.max(0, milliseconds), order: this.#order++, run };
    let index = this.#queue.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, this.#queue[parent]!)) break;
      this.#queue[index] = this.#queue[parent]!;
      index = parent;
    }
    this.#queue[index] = entry;
  }

  /** Runs until true time `end`. */
  runUntil(end: number): void {
    for (let next = this.#queue[0]; next && next.at <= end; next = this.#queue[0]) {
      this.#removeFirst();
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  #removeFirst(): void {
    const queue = this.#queue;
    const last = queue.pop()!;
    if (queue.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && isBefore(queue[child + 1]!, queue[child]!)) child++;
      if (!isBefore(queue[child]!, last)) break;
      queue[index] = queue[child]!;
      index = child;
    }
    queue[index] = last;
  }
}

function isBefore(one: { at: number; order: number }, other: { at: number; order: number }): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
