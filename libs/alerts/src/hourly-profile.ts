import { tailProbability } from './negative-binomial.js';

export const METRICS = ['pushes', 'pulls', 'bytes', 'repositories', 'deletes'] as const;
export type Metric = (typeof METRICS)[number];
/** Metrics with a profile by hour of the week; deletes are too rare for one and are compared with their peak alone. */
const PROFILED = 4;
const HOUR_MS = 3_600_000;
const HOURS_OF_WEEK = 168;
/** 1970-01-01 was a Thursday: hours from Monday 00:00 UTC to it. */
const EPOCH_HOUR_OF_WEEK = 72;
/** A week never counts for less than this in the mean of its hour: about the last six weeks matter. */
const WEEK_SHARE_MIN = 0.15;
/** Share of an hour in the dispersion and the overall mean: about the last four weeks matter. */
const HOUR_SHARE = 1 / (24 * 28);
/** What a day leaves of the peak: half of it after five weeks. */
const PEAK_KEPT_A_DAY = 0.98;
/** Steps of a level: means from 1/32 to 10^7 in 255 steps of 8 %, so that an hour of a metric takes a byte. */
const LEVEL_SCALE = 32;
const LEVEL_STEPS_PER_E = 255 / Math.log(LEVEL_SCALE * 1e7);
const DISPERSION_MIN = 0.15;
const DISPERSION_MAX = 50;
/** What each level stands for. */
const MEANS = Float64Array.from(
  { length: 256 },
  (_, level) => Math.expm1(level / LEVEL_STEPS_PER_E) / LEVEL_SCALE,
);
/** Where nothing was seen, an hour may bring this many. */
const MEAN_MIN = 0.02;
/** How improbable a count has to be to be called unusual, and extraordinary. */
const ALPHA_UNUSUAL = 1e-3;
const ALPHA_EXTRAORDINARY = 1e-6;
/**
 * … and how many times the peak of the last weeks. On release days and with new pipelines a key does more of everything: where
 * pushes grow much more than pulls, or pulls than pushes, less is extraordinary than where both grow alike.
 */
const PEAKS_UNUSUAL = 1.25;
const PEAKS_EXTRAORDINARY = 5;
const PEAKS_WHERE_MIX_CHANGES = 2.25;
/** Clusters that are set up anew pull everything once more. */
const PEAKS_WHERE_PULLS_GROW = 6;
const PEAKS_WHERE_MIX_STAYS = 10;
/** Of bytes and repositories: images differ in size, and all of them are built anew at times. */
const PEAKS_OF_SPREAD = 10;
/** The mix has changed when one has grown this many times as much as the other. */
const MIX_CHANGE = 3;

/** Places in the sums of a metric: mean, squared mean, squared deviation, and the highest hour. */
const [MEAN, MEAN_SQUARED, DEVIATION, PEAK] = [0, 1, 2, 3];
const SUMS = 4;

export type Verdict = 'usual' | 'unusual' | 'extraordinary';

/**
 * What a key does in an hour of the week, for five metrics, and whether this hour is beyond it: by a negative-binomial test,
 * since counts of registries come in bursts, for which a Poisson test would cry every week.
 */
export class HourlyProfile {
  /** One byte for each metric and hour of the week. */
  readonly #levels: Uint8Array;
  /** SUMS numbers for each metric. */
  readonly #sums: Float32Array;
  readonly #now: number[];
  /** Hours since the epoch: the first, and the current one. */
  #firstHour = -1;
  #hour = -1;

  constructor(snapshot?: HourlyProfileSnapshot) {
    const [levels, sums, now, firstHour, hour] = snapshot ?? ['', '', [], -1, -1];
    this.#levels = new Uint8Array(PROFILED * HOURS_OF_WEEK);
    this.#levels.set(Buffer.from(levels, 'base64'));
    this.#sums = new Float32Array(METRICS.length * SUMS);
    new Uint8Array(this.#sums.buffer).set(Buffer.from(sums, 'base64'));
    this.#now = METRICS.map((_, metric) => now[metric] ?? 0);
    this.#firstHour = firstHour;
    this.#hour = hour;
  }

  snapshot(): HourlyProfileSnapshot {
    const base64 = ({ buffer }: Uint8Array | Float32Array) =>
      Buffer.from(buffer as ArrayBuffer).toString('base64');
    return [base64(this.#levels), base64(this.#sums), [...this.#now], this.#firstHour, this.#hour];
  }

  count(metric: Metric): number {
    return this.#now[METRICS.indexOf(metric)]!;
  }

  peak(metric: Metric): number {
    return this.#sum(METRICS.indexOf(metric), PEAK);
  }

  /** What is expected of this hour. */
  expected(metric: Metric): number {
    return this.#mean(METRICS.indexOf(metric), hourOfWeek(this.#hour));
  }

  /** Ends the hours that are over by `time` (ms); whether it did. Their counts become part of the profile. */
  advance(time: number): boolean {
    const hour = Math.floor(time / HOUR_MS);
    if (this.#hour < 0) this.#firstHour = this.#hour = hour;
    if (hour <= this.#hour) return false;
    // After a week without use each further week says the same as that one.
    const from = Math.max(this.#hour, hour - HOURS_OF_WEEK - 1);
    this.#learn(this.#hour);
    this.#now.fill(0);
    for (let empty = from + 1; empty < hour; empty += 1) this.#learn(empty);
    this.#hour = hour;
    return true;
  }

  add(metric: Metric, amount: number): void {
    this.#now[METRICS.indexOf(metric)]! += amount;
  }

  set(metric: Metric, amount: number): void {
    this.#now[METRICS.indexOf(metric)] = amount;
  }

  /** What the current hour's count is. `floor`: below this many everything is usual. */
  judge(metric: Metric, floor: number): Verdict {
    const index = METRICS.indexOf(metric);
    const count = this.#now[index]!;
    const peak = this.#sum(index, PEAK);
    if (count < floor / 4 || count < peak * PEAKS_UNUSUAL) return 'usual';
    const chance = this.#chance(index, count);
    if (count >= floor && count >= peak * this.#peaksNeeded(index) && chance <= ALPHA_EXTRAORDINARY)
      return 'extraordinary';
    return chance <= ALPHA_UNUSUAL ? 'unusual' : 'usual';
  }

  /** How likely the current hour's count or a higher one is at this hour of the week; 1 before anything was learned. */
  chance(metric: Metric): number {
    const index = METRICS.indexOf(metric);
    return this.#sum(index, PEAK) === 0 ? 1 : this.#chance(index, this.#now[index]!);
  }

  /** Whether the key was never used at this hour of the week, nor near it on any day. Says no in the first four weeks. */
  isStrangeHour(): boolean {
    if (this.#hour - this.#firstHour < 4 * HOURS_OF_WEEK) return false;
    const now = hourOfWeek(this.#hour);
    for (let day = 0; day < 7; day += 1) {
      for (let near = -2; near <= 2; near += 1) {
        const hour = (now + day * 24 + near + HOURS_OF_WEEK) % HOURS_OF_WEEK;
        if (this.#levels[hour]! > 0 || this.#levels[HOURS_OF_WEEK + hour]! > 0) return false;
      }
    }
    return true;
  }

  /**
   * In how many of the hours that a pause up to `time` (ms) went over, a week at most, the key is usually used; an hour with less
   * than one request in the mean counts as its share.
   */
  busyHours(time: number, pauseMs: number): number {
    const now = Math.floor(time / HOUR_MS);
    const hours = Math.min(HOURS_OF_WEEK, Math.floor(pauseMs / HOUR_MS));
    let busy = 0;
    for (let back = 1; back <= hours; back += 1) {
      const hour = hourOfWeek(now - back);
      // Pushes and pulls are the first two.
      // What the mean never falls below is no use.
      busy += Math.min(1, this.#mean(0, hour) + this.#mean(1, hour) - 2 * MEAN_MIN);
    }
    return busy;
  }

  #peaksNeeded(index: number): number {
    // Pushes and pulls are the first two.
    const other = index === 0 ? 1 : 0;
    if (METRICS[index] === 'bytes' || METRICS[index] === 'repositories') return PEAKS_OF_SPREAD;
    if (METRICS[index] === 'pulls' && this.#sum(other, PEAK) < 1) return PEAKS_OF_SPREAD;
    if (index > 1 || this.#sum(other, PEAK) < 1 || this.#sum(index, PEAK) < 1) return PEAKS_EXTRAORDINARY;
    const [growth, otherGrowth] = [index, other].map((one) => this.#now[one]! / this.#sum(one, PEAK)) as [
      number,
      number,
    ];
    if (growth < MIX_CHANGE * otherGrowth) return PEAKS_WHERE_MIX_STAYS;
    return METRICS[index] === 'pushes' ? PEAKS_WHERE_MIX_CHANGES : PEAKS_WHERE_PULLS_GROW;
  }

  /** How likely so many or more are in this hour; of a metric without profile nothing is said but the peak. */
  #chance(index: number, count: number): number {
    if (index >= PROFILED) return 0;
    return tailProbability(count, this.#mean(index, hourOfWeek(this.#hour)), this.#dispersion(index));
  }

  /** By the method of moments: the variance is mean + mean²/dispersion. */
  #dispersion(index: number): number {
    const meanSquared = this.#sum(index, MEAN_SQUARED);
    const excess = this.#sum(index, DEVIATION) - this.#sum(index, MEAN);
    if (excess <= 0) return DISPERSION_MAX;
    return Math.min(DISPERSION_MAX, Math.max(DISPERSION_MIN, meanSquared / excess));
  }

  /** The hour itself, its neighbours, and the same hour of like days: a few weeks say little about a single hour. */
  #mean(index: number, hour: number): number {
    const at = index * HOURS_OF_WEEK;
    const level = (of: number) => meanOf(this.#levels[at + ((of + HOURS_OF_WEEK) % HOURS_OF_WEEK)]!);
    const near = (2 * level(hour) + level(hour - 1) + level(hour + 1)) / 4;
    const day = Math.floor(hour / 24);
    const [first, last] = day < 5 ? [0, 4] : [5, 6];
    let alike = 0;
    for (let other = first; other <= last; other += 1) alike += level(other * 24 + (hour % 24));
    return Math.max(MEAN_MIN, 0.5 * near + (0.5 * alike) / (last - first + 1));
  }

  /** Takes the counts of the hour into the profile; an extraordinary one only as far as its limit. */
  #learn(hour: number): void {
    const ofWeek = hourOfWeek(hour);
    const weeks = Math.floor((hour - this.#firstHour) / HOURS_OF_WEEK);
    const share = Math.max(WEEK_SHARE_MIN, 1 / (weeks + 1));
    const isNewDay = hour % 24 === 23;
    for (let index = 0; index < METRICS.length; index += 1) {
      const count = this.#learnable(index);
      const at0 = index * SUMS;
      if (isNewDay) this.#sums[at0 + PEAK]! *= PEAK_KEPT_A_DAY;
      this.#sums[at0 + PEAK] = Math.max(count, this.#sum(index, PEAK));
      if (index >= PROFILED || (count === 0 && this.#sum(index, MEAN) === 0)) continue;
      const mean = this.#mean(index, ofWeek);
      this.#approach(at0 + MEAN, count);
      this.#approach(at0 + MEAN_SQUARED, mean * mean);
      this.#approach(at0 + DEVIATION, (count - mean) ** 2);
      const at = index * HOURS_OF_WEEK + ofWeek;
      const before = meanOf(this.#levels[at]!);
      if (before > 0 || count > 0) this.#levels[at] = levelOf(before + share * (count - before));
    }
  }

  /** What of the hour's count becomes part of the profile: of one far beyond the peak, as much as would have been extraordinary. */
  #learnable(index: number): number {
    const count = this.#now[index]!;
    const limit = this.#sum(index, PEAK) * PEAKS_EXTRAORDINARY * 2;
    return this.#hour - this.#firstHour > HOURS_OF_WEEK && limit > 0 ? Math.min(count, limit) : count;
  }

  #sum(index: number, which: number): number {
    return this.#sums[index * SUMS + which]!;
  }

  #approach(at: number, value: number): void {
    this.#sums[at]! += HOUR_SHARE * (value - this.#sums[at]!);
  }
}

export type HourlyProfileSnapshot = [
  levels: string,
  sums: string,
  now: number[],
  firstHour: number,
  hour: number,
];

/** From Monday 00:00 UTC. */
function hourOfWeek(hour: number): number {
  return (hour + EPOCH_HOUR_OF_WEEK) % HOURS_OF_WEEK;
}

function levelOf(mean: number): number {
  return Math.min(255, Math.round(Math.log1p(mean * LEVEL_SCALE) * LEVEL_STEPS_PER_E));
}

function meanOf(level: number): number {
  return MEANS[level]!;
}
