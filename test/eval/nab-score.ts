import { probation, timeOf, type ScoredRow, type Window } from './nab-series.js';

/** The weights of NAB's standard profile (Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms", 2015). */
const [TRUE_WEIGHT, FALSE_WEIGHT, MISSED_WEIGHT] = [1, 0.11, 1];
/** A false alarm this many windows after the end of one counts fully. */
const FAR = 3;

export interface Series {
  readonly rows: readonly ScoredRow[];
  readonly windows: readonly Window[];
}

/** 0 is what a detector gets that says nothing, 100 what one gets that finds every window at its start and nothing else; at the best threshold. */
export function nabScore(all: readonly Series[]): { readonly score: number; readonly threshold: number } {
  const windows = all.reduce((sum, one) => sum + one.windows.length, 0);
  const thresholds = [
    ...new Set(all.flatMap(({ rows }) => rows.map(({ score }) => Math.round(score * 200) / 200))),
  ];
  let best = { score: 0, threshold: 1.1 };
  for (const threshold of thresholds.filter((one) => one > 0)) {
    const raw = all.reduce((sum, series) => sum + rawScore(series, threshold), 0);
    const score =
      windows === 0 ? 0 : (100 * (raw + windows * MISSED_WEIGHT)) / (windows * (TRUE_WEIGHT + MISSED_WEIGHT));
    if (score > best.score) best = { score, threshold };
  }
  return best;
}

function rawScore({ rows, windows }: Series, threshold: number): number {
  const times = rows.map(({ timestamp }) => timeOf(timestamp));
  const places = windows.map(([from, until]): [number, number] => [
    times.findIndex((time) => time >= timeOf(from)),
    times.findLastIndex((time) => time <= timeOf(until)),
  ]);
  const found = places.map(() => 0);
  let score = 0;
  for (let at = probation(rows.length); at < rows.length; at += 1) {
    if (rows[at]!.score < threshold) continue;
    const inside = places.findIndex(([from, until]) => at >= from && at <= until);
    if (inside < 0) score += falseAlarm(at, places);
    else found[inside] = Math.max(found[inside]!, trueAlarm(at, places[inside]!));
  }
  return found.reduce((sum, one) => sum + (one > 0 ? one : -MISSED_WEIGHT), score);
}

/** The earlier in the window, the more. */
function trueAlarm(at: number, [from, until]: [number, number]): number {
  const width = until - from + 1;
  return (TRUE_WEIGHT * sigmoid(-(until - at + 1) / width)) / sigmoid(-1);
}

/** The longer after the window before, the worse. */
function falseAlarm(at: number, places: readonly [number, number][]): number {
  const before = places.filter(([, until]) => until < at).at(-1);
  if (!before) return -FALSE_WEIGHT;
  const position = (at - before[1]) / Math.max(1, before[1] - before[0]);
  return FALSE_WEIGHT * (position > FAR ? -1 : sigmoid(position));
}

/** From 1 far to the left of 0 down to -1 far to the right. */
function sigmoid(x: number): number {
  return 2 / (1 + Math.exp(5 * x)) - 1;
}
