import { HourlyProfile } from '#libs/alerts';

/** A row of a file of the Numenta Anomaly Benchmark. */
export interface Row {
  /** As in the file, `2014-02-14 14:30:00`. */
  readonly timestamp: string;
  readonly value: number;
}
/** Start and end of an anomaly, both included, as in `combined_windows.json`. */
export type Window = readonly [from: string, until: string];

export interface ScoredRow extends Row {
  readonly score: number;
  readonly label: 0 | 1;
}

const HOUR_MS = 3_600_000;
/** Counts are whole numbers of a fair size: values are scaled so that their mean over the probation is this. */
const SCALED_MEAN = 100;
/** What is less likely than 10 to the power of minus this scores 1. */
const CERTAIN_DIGITS = 12;
/** One anomaly is told once in this time, as an alert is. */
const FOLD_MS = 24 * HOUR_MS;
/** Scores below this fold nothing. */
const TOLD_SCORE = 0.25;

/** The first 15 % of a file, at most of 5,000 rows, are for learning: NAB scores nothing in them. */
export function probation(rows: number): number {
  return Math.floor(0.15 * Math.min(rows, 5000));
}

/** `timestamp,value` with a header. */
export function parseRows(csv: string): Row[] {
  const lines = csv.trim().split(/\r?\n/).slice(1);
  return lines.map((line) => {
    const [timestamp = '', value = ''] = line.split(',');
    return { timestamp, value: Number(value) };
  });
}

/** ms since the epoch of a time in a data file or a window, read as UTC. */
export function timeOf(timestamp: string): number {
  return Date.parse(`${timestamp.slice(0, 19).replace(' ', 'T')}.000Z`);
}

/**
 * The volume detector on a series: each value is held against the profile of its hour of the week, as a count of that hour is.
 * The score is the number of digits of its improbability, of CERTAIN_DIGITS; after one that is told there are none for a day.
 */
export function scoreRows(rows: readonly Row[], windows: readonly Window[]): ScoredRow[] {
  const profile = new HourlyProfile();
  const scale = scaleOf(rows);
  let toldAt = -Infinity;
  let hour = { start: Number.NaN, sum: 0, rows: 0 };
  return rows.map(({ timestamp, value }) => {
    const time = timeOf(timestamp);
    profile.advance(time);
    const counted = Math.max(0, Math.round(value * scale));
    profile.set('pulls', counted);
    let score = Math.min(1, -Math.log10(Math.max(profile.chance('pulls'), 1e-300)) / CERTAIN_DIGITS);
    if (score >= TOLD_SCORE) {
      if (time - toldAt < FOLD_MS) score = 0;
      else toldAt = time;
    }
    // The hour is learned as the mean of its rows.
    const start = Math.floor(time / HOUR_MS);
    hour =
      start === hour.start
        ? { start, sum: hour.sum + counted, rows: hour.rows + 1 }
        : { start, sum: counted, rows: 1 };
    profile.set('pulls', Math.round(hour.sum / hour.rows));
    return { timestamp, value, score, label: isInside(time, windows) ? 1 : 0 };
  });
}

function scaleOf(rows: readonly Row[]): number {
  const first = rows.slice(0, Math.max(1, probation(rows.length)));
  const mean = first.reduce((sum, { value }) => sum + Math.abs(value), 0) / first.length;
  return mean > 0 ? SCALED_MEAN / mean : 1;
}

function isInside(time: number, windows: readonly Window[]): boolean {
  return windows.some(([from, until]) => time >= timeOf(from) && time <= timeOf(until));
}

/** A result file as NAB reads it. */
export function resultFile(rows: readonly ScoredRow[]): string {
  const lines = rows.map(({ timestamp, value, score, label }) => `${timestamp},${value},${score},${label}`);
  return `${['timestamp,value,anomaly_score,label', ...lines].join('\n')}\n`;
}
