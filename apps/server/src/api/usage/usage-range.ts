import {
  HOURS_KEPT,
  MINUTE_MS,
  MINUTES_KEPT,
  USAGE_STEPS,
  usageKeptFrom,
  type MinuteRange,
} from '#libs/read-models';
import { IsChoice, IsTimestamp } from '../http/fields.js';
import { invalidParameter, Problem } from '../http/problems.js';
import { parseTimestamp } from '../http/timestamps.js';

export type Interval = keyof typeof USAGE_STEPS;

const INTERVALS = Object.keys(USAGE_STEPS) as Interval[];
/** Points of one answer: two days by the minute, a hundred days by the hour. More do not fit on a screen. */
const POINTS_MAX = MINUTES_KEPT;
/** What is shown when `from` is left out. */
const POINTS_DEFAULT: Readonly<Record<Interval, number>> = { PT1M: 60, PT1H: 24, P1D: 30 };

/** Of which time usage is asked, and by which steps. */
export class UsageRangeQuery {
  @IsTimestamp({
    optional: true,
    description: 'From the step that this lies in; by default an hour, a day or thirty days before `to`.',
  })
  from?: string;

  @IsTimestamp({
    optional: true,
    description: 'Up to and without this moment; by default, and at the latest, now.',
  })
  to?: string;

  @IsChoice(INTERVALS, {
    optional: true,
    description: 'Length of a step: `PT1M` (kept for 48 hours), `PT1H` (100 days; the default) or `P1D`.',
  })
  interval?: Interval;
}

export interface UsageRange {
  readonly interval: Interval;
  readonly range: MinuteRange;
  /** The range in RFC 3339: whole steps. */
  readonly from: string;
  readonly to: string;
}

/**
 * The range that the query means, at `now` (ms since 1970). Throws 400 for an empty range and for too many steps, and 422
 * `usage-not-kept` for steps that are kept no more.
 */
export function usageRange(
  { from, to, interval = 'PT1H' }: UsageRangeQuery,
  keptDays: number,
  now: number,
): UsageRange {
  const step = USAGE_STEPS[interval];
  // Of what has not come there are no uses.
  const end = Math.ceil(Math.min(to === undefined ? Infinity : parseTimestamp(to)!, now + 1) / MINUTE_MS);
  const asked =
    from === undefined ? end - POINTS_DEFAULT[interval] * step : parseTimestamp(from)! / MINUTE_MS;
  const begin = Math.floor(asked / step) * step;
  if (from !== undefined && asked >= end) throw invalidParameter('from', 'from must be before to.');
  if (Math.ceil((end - begin) / step) > POINTS_MAX + 1)
    throw invalidParameter(
      'from',
      `The range has more than ${POINTS_MAX} steps of ${interval}: ask for less at once.`,
    );
  requireKept(from === undefined ? end - 1 : begin, interval, keptDays, now);
  return { interval, range: { from: begin, to: end }, from: timeOf(begin), to: timeOf(end) };
}

function requireKept(begin: number, interval: Interval, keptDays: number, now: number): void {
  const minute = Math.floor(now / MINUTE_MS);
  const kept = {
    PT1M: { from: minute - MINUTES_KEPT - 1, text: 'Minutes are kept for 48 hours: ask for PT1H.' },
    PT1H: { from: minute - HOURS_KEPT - USAGE_STEPS.PT1H, text: 'Hours are kept for 100 days: ask for P1D.' },
    P1D: { from: usageKeptFrom(keptDays, now), text: `Usage is kept for ${keptDays} days.` },
  }[interval];
  if (begin >= Math.max(kept.from, usageKeptFrom(keptDays, now))) return;
  throw new Problem('usage-not-kept', kept.text, {
    errors: [{ parameter: 'from', code: 'usage-not-kept', detail: kept.text }],
  });
}

function timeOf(minute: number): string {
  return new Date(minute * MINUTE_MS).toISOString();
}
