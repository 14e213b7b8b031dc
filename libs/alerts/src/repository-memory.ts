import {
  countDistinct,
  countNew,
  DISTINCT_SET_BYTES,
  distinctBit,
  hasBit,
  joinDistinct,
  setBit,
} from '#libs/kernel';

const SLOT_MS = 300_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Beyond this many repositories the set of those known says little about a new one. */
const TELLING_MAX = 150;
/** What a day leaves of the peak: half of it after five weeks. */
const PEAK_KEPT_A_DAY = 0.98;
/** Days over which the rate of new repositories is remembered. */
const RATE_DAYS = 30;

/** Which repositories a key reaches: all so far, those of this hour, and those of the last ten minutes. */
export class RepositoryMemory {
  /** All, this hour's, and those of this and the last slot of five minutes. */
  readonly #all: Uint8Array;
  readonly #hour: Uint8Array;
  #slot: Uint8Array;
  #lastSlot: Uint8Array;
  /** Start of the slot, ms. */
  #time: number;
  #peak: number;
  /** Days with new repositories, fading. */
  #newDays: number;
  #isNewDay: boolean;
  /** New ones in this and the last slot. */
  #newInSlot: number;
  #newInLastSlot: number;
  /** Follows from #all. */
  #known: number;

  constructor(snapshot?: RepositoryMemorySnapshot) {
    const [sets, time, peak, newDays, isNewDay, ...news] = snapshot ?? ['', 0, 0, 0, 0, 0, 0];
    const bytes = new Uint8Array(4 * DISTINCT_SET_BYTES);
    bytes.set(Buffer.from(sets, 'base64'));
    const set = (at: number) => bytes.slice(at * DISTINCT_SET_BYTES, (at + 1) * DISTINCT_SET_BYTES);
    [this.#all, this.#hour, this.#slot, this.#lastSlot] = [set(0), set(1), set(2), set(3)];
    [this.#time, this.#peak, this.#newDays, this.#isNewDay] = [time, peak, newDays, isNewDay === 1];
    [this.#newInSlot, this.#newInLastSlot] = news;
    this.#known = countDistinct(this.#all);
  }

  snapshot(): RepositoryMemorySnapshot {
    const sets = Buffer.concat([this.#all, this.#hour, this.#slot, this.#lastSlot]).toString('base64');
    return [
      sets,
      this.#time,
      this.#peak,
      this.#newDays,
      this.#isNewDay ? 1 : 0,
      this.#newInSlot,
      this.#newInLastSlot,
    ];
  }

  get known(): number {
    return this.#known;
  }

  /** The most different ones within ten minutes in the last weeks, without the current ones. */
  get peak(): number {
    return this.#peak;
  }

  get inThisHour(): number {
    return countDistinct(this.#hour);
  }

  get inTenMinutes(): number {
    const both = this.#slot.slice();
    joinDistinct(both, this.#lastSlot);
    return countDistinct(both);
  }

  /** How many of those were new to the key. */
  get newInTenMinutes(): number {
    return this.#newInSlot + this.#newInLastSlot;
  }

  /** Whether a new one is likely to be seen as new: of hundreds, many look like one that is known. */
  get isTelling(): boolean {
    return this.#known < TELLING_MAX;
  }

  /** How often the key meets new ones is part of what a new one says. */
  get meetsNewOnesRarely(): boolean {
    return this.isTelling && this.#newDays < 2;
  }

  advance(time: number): void {
    const slot = time - (time % SLOT_MS);
    if (slot <= this.#time) return;
    this.#peak = Math.round(Math.max(this.#peak, this.inTenMinutes) * 100) / 100;
    const days = Math.floor(slot / DAY_MS) - Math.floor(this.#time / DAY_MS);
    if (days > 0 && this.#time > 0) this.#passDays(days);
    if (Math.floor(slot / HOUR_MS) > Math.floor(this.#time / HOUR_MS)) this.#hour.fill(0);
    this.#newInLastSlot = slot - this.#time === SLOT_MS ? this.#newInSlot : 0;
    this.#newInSlot = 0;
    this.#lastSlot = slot - this.#time === SLOT_MS ? this.#slot : new Uint8Array(DISTINCT_SET_BYTES);
    this.#slot = new Uint8Array(DISTINCT_SET_BYTES);
    this.#time = slot;
  }

  #passDays(days: number): void {
    this.#peak = Math.round(this.#peak * PEAK_KEPT_A_DAY ** days * 100) / 100;
    const kept = (this.#newDays + (this.#isNewDay ? 1 : 0)) * (1 - 1 / RATE_DAYS) ** days;
    this.#newDays = Math.round(kept * 1e4) / 1e4;
    this.#isNewDay = false;
  }

  /** How many of the names are new to the key. `set` is the base64 of a DistinctSet that has them all, or null. */
  see(names: readonly { readonly name: string }[], set: string | null): number {
    let newcomers = 0;
    for (const { name } of names) {
      const bit = distinctBit(name);
      if (!hasBit(this.#all, bit)) newcomers += 1;
      for (const set of [this.#all, this.#hour, this.#slot]) setBit(set, bit);
    }
    if (set !== null) {
      const all = Buffer.from(set, 'base64');
      newcomers += countNew(all, this.#all);
      this.#join(all);
    }
    if (newcomers > 0) {
      this.#known = countDistinct(this.#all);
      this.#isNewDay = true;
      this.#newInSlot += newcomers;
    }
    return newcomers;
  }

  #join(set: Uint8Array): void {
    joinDistinct(this.#all, set);
    joinDistinct(this.#hour, set);
    joinDistinct(this.#slot, set);
  }
}

export type RepositoryMemorySnapshot = [
  sets: string,
  time: number,
  peak: number,
  newDays: number,
  isNewDay: number,
  newInSlot: number,
  newInLastSlot: number,
];
