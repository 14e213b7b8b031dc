const SLOT_MS = 300_000;

/** A count over the last five to ten minutes: this slot of five minutes and the one before. */
export class Recent {
  #slot = 0;
  #now = 0;
  #before = 0;

  constructor([slot, now, before]: RecentSnapshot = [0, 0, 0]) {
    [this.#slot, this.#now, this.#before] = [slot, now, before];
  }

  snapshot(): RecentSnapshot {
    return [this.#slot, this.#now, this.#before];
  }

  /** The count with `amount` more at `time` (ms); a time before the slot counts into the slot. */
  add(amount: number, time: number): number {
    const slot = Math.floor(time / SLOT_MS);
    if (slot > this.#slot) {
      this.#before = slot === this.#slot + 1 ? this.#now : 0;
      this.#now = 0;
      this.#slot = slot;
    }
    this.#now += amount;
    return this.#now + this.#before;
  }
}

export type RecentSnapshot = [slot: number, now: number, before: number];
