const BYTES_PER_VALUE = 6;
/** Days over which the rate of new values is remembered: 30 days of use count fully, older ones less and less. */
const RATE_DAYS = 30;

/**
 * The values that a key was seen with (countries, networks …), each as a number of 32 bits with the day when it was seen last;
 * the one that was not seen for the longest time makes room. Beside them the rate at which the key meets new values: what is new to a
 * key that meets something new every day is no news.
 */
export class KnownValues {
  #values: number[] = [];
  #days: number[] = [];
  /** New values, and days of use, both fading. */
  #newcomers = 0;
  #activeDays = 0;
  #lastDay = -1;

  constructor(private readonly capacity: number) {}

  get size(): number {
    return this.#values.length;
  }

  has(value: number): boolean {
    return this.#values.includes(value);
  }

  get values(): readonly number[] {
    return this.#values;
  }

  /**
   * How surprising a new value is, in bits: -log2 of the chance that a day of use brings one, from what the key did so far
   * (with a quarter of a newcomer added, since nothing is impossible).
   */
  get surpriseBits(): number {
    const chance = (this.#newcomers + 0.25) / (this.#activeDays + 1);
    return Math.max(0, -Math.log2(Math.min(1, chance)));
  }

  /** Whether it was new. `day` counts from the epoch. The first value of all is nothing new. */
  see(value: number, day: number): boolean {
    this.#passDays(day);
    const at = this.#values.indexOf(value);
    if (at >= 0) {
      if (this.#days[at]! < day) this.#days[at] = day;
      return false;
    }
    if (this.#values.length > 0) this.#newcomers += 1;
    this.#remember(value, day);
    return true;
  }

  #passDays(day: number): void {
    if (day <= this.#lastDay) return;
    this.#lastDay = day;
    this.#newcomers = rounded(this.#newcomers * (1 - 1 / RATE_DAYS));
    this.#activeDays = rounded(this.#activeDays * (1 - 1 / RATE_DAYS) + 1);
  }

  #remember(value: number, day: number): void {
    if (this.#values.length < this.capacity) {
      this.#values.push(value);
      this.#days.push(day);
      return;
    }
    let oldest = 0;
    for (let at = 1; at < this.#days.length; at += 1) if (this.#days[at]! < this.#days[oldest]!) oldest = at;
    this.#values[oldest] = value;
    this.#days[oldest] = day;
  }

  /** Base64 of 6 bytes a value, and the rate. */
  snapshot(): KnownValuesSnapshot {
    const bytes = Buffer.alloc(this.#values.length * BYTES_PER_VALUE);
    this.#values.forEach((value, at) => {
      bytes.writeUInt32LE(value, at * BYTES_PER_VALUE);
      bytes.writeUInt16LE(this.#days[at]!, at * BYTES_PER_VALUE + 4);
    });
    return [bytes.toString('base64'), this.#newcomers, this.#activeDays, this.#lastDay];
  }

  static restore(capacity: number, snapshot: KnownValuesSnapshot): KnownValues {
    const values = new KnownValues(capacity);
    const bytes = Buffer.from(snapshot[0], 'base64');
    for (let at = 0; at < bytes.length; at += BYTES_PER_VALUE) {
      values.#values.push(bytes.readUInt32LE(at));
      values.#days.push(bytes.readUInt16LE(at + 4));
    }
    [, values.#newcomers, values.#activeDays, values.#lastDay] = snapshot;
    return values;
  }
}

export type KnownValuesSnapshot = [values: string, newcomers: number, activeDays: number, lastDay: number];

/** To four decimals, which a snapshot says in few characters. */
function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
