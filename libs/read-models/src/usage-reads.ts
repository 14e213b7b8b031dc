import type { UsageAction } from '#libs/usage';
import type { Database, Row, SqlValue } from '#libs/sqlite';
import { COUNT_COLUMNS, MINUTE_MS, USAGE_STEPS, usageWholeFrom, type TopKind } from './usage-table.js';

/** Requests by action: let through, of those failed behind the gate, and refused. Actions that did not occur are left out. */
export type ActionCounts = {
  readonly [Action in UsageAction]?: {
    readonly accepted: number;
    readonly failed: number;
    readonly denied: number;
  };
};

export interface UsageCounts {
  readonly actions: ActionCounts;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

export interface UsagePoint extends UsageCounts {
  /** RFC 3339. */
  readonly start: string;
}

/** How often a name occurred in a range of days; `first` and `last` are RFC 3339, to the minute. */
export interface TopRow {
  readonly name: string;
  readonly pulls: number;
  readonly pushes: number;
  readonly others: number;
  readonly first: string;
  readonly last: string;
}

/** A program in a network that used a key, and when it did last (RFC 3339): what a handover asks about. */
export interface KeyUser {
  readonly network: string | null;
  readonly client: string | null;
  readonly at: string;
}

/** Minutes since 1970 (whole), the first of a range and the first after it. */
export interface MinuteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The minute (since 1970) from which on every use is in the tables: where uses began to be counted, or as far back as they are
 * kept. Undefined: nothing was counted yet. A first minute or hour that was let go makes it later than it was, never earlier.
 */
export function usesKnownFrom(database: Database, keptDays: number, now: number): number | undefined {
  const first = (step: number, from: number, to: number) =>
    database.all(
      'SELECT min(minute) AS first FROM usage_counts WHERE step = ? AND minute >= ? AND minute < ?',
      [step, from, to],
    )[0]?.['first'] as number | null | undefined;
  const day = first(USAGE_STEPS.P1D, 0, Number.MAX_SAFE_INTEGER);
  if (day === undefined || day === null) return undefined;
  const end = day + USAGE_STEPS.P1D;
  const counted = Math.min(
    first(USAGE_STEPS.PT1M, day, end) ?? end,
    (first(USAGE_STEPS.PT1H, day, end) ?? end) + USAGE_STEPS.PT1H,
    end,
  );
  return Math.max(counted, usageWholeFrom(keptDays, now));
}

/** Each step of the range in which something was counted of this key or registry, the oldest first. */
export function usageSeries(
  database: Database,
  subject: string,
  interval: keyof typeof USAGE_STEPS,
  { from, to }: MinuteRange,
): UsagePoint[] {
  const step = USAGE_STEPS[interval];
  // One look-up for each step of the range: the time leads the key of the table.
  const sql = `
    WITH RECURSIVE steps (at) AS (SELECT ?2 UNION ALL SELECT at + ?1 FROM steps WHERE at + ?1 < ?3)
    SELECT counts.* FROM steps CROSS JOIN usage_counts counts
    ON counts.step = ?1 AND counts.minute = steps.at AND counts.subject = ?4 ORDER BY counts.minute`;
  const start = from - (from % step);
  return database.all(sql, [step, start, to, subject]).map((row) => ({
    start: timeOf(row['minute'] as number),
    ...countsOf(row),
  }));
}

function countsOf(row: Row): UsageCounts {
  const actions: Record<string, { accepted: number; failed: number; denied: number }> = {};
  for (const { action, outcome, column } of COUNT_COLUMNS) {
    const count = row[column] as number;
    if (count > 0) (actions[action] ??= { accepted: 0, failed: 0, denied: 0 })[outcome] = count;
  }
  return { actions, bytesUp: row['bytes_up'] as number, bytesDown: row['bytes_down'] as number };
}

/** The sum of points. */
export function sumUsage(points: readonly UsageCounts[]): UsageCounts {
  const actions: Record<string, { accepted: number; failed: number; denied: number }> = {};
  let [bytesUp, bytesDown] = [0, 0];
  for (const point of points) {
    bytesUp += point.bytesUp;
    bytesDown += point.bytesDown;
    for (const [action, { accepted, failed, denied }] of Object.entries(point.actions)) {
      const sum = (actions[action] ??= { accepted: 0, failed: 0, denied: 0 });
      sum.accepted += accepted;
      sum.failed += failed;
      sum.denied += denied;
    }
  }
  return { actions, bytesUp, bytesDown };
}

/** The names of one kind on the days that the range touches, the busiest first; the empty name stands for those beyond the limit. */
export function usageTops(
  database: Database,
  subject: string,
  kind: TopKind,
  range: MinuteRange,
  limit: number,
): TopRow[] {
  return topRows(
    database,
    subject,
    kind,
    range,
    `ORDER BY sum(pulls + pushes + others) DESC, name LIMIT ${limit}`,
  );
}

/** Who used a key since then, by program and network; empty when nobody did. Known for as long as usage is kept. */
export function usersOf(database: Database, key: string, since: string, now: string): KeyUser[] {
  const range = { from: Date.parse(since) / MINUTE_MS, to: Date.parse(now) / MINUTE_MS + 1 };
  return topRows(database, key, 'user', range, 'ORDER BY max(last) DESC')
    .filter(({ last }) => last >= since)
    .map(({ name, last }) => {
      const [network, client] = (parsed(name) ?? [null, null]) as [string | null, string | null];
      return { network, client, at: last };
    });
}

/** Keys of the registry other than this one for which the name occurs in the range: they share a network, or a repository. */
export function keysWithName(
  database: Database,
  { registry, except, kind, names, counted }: SharedName,
  { from, to }: MinuteRange,
): Map<string, string[]> {
  const rows = database.all(
    `SELECT DISTINCT keys.id AS id, tops.name AS name FROM json_each(?) asked
     CROSS JOIN usage_tops tops ON tops.kind = ? AND tops.name = asked.value AND tops.minute BETWEEN ? AND ?
     CROSS JOIN keys ON keys.id = tops.subject AND keys.registry = ?
     WHERE keys.id <> ? AND tops.${counted} > 0 ORDER BY keys.born LIMIT ${SHARED_MAX}`,
    [JSON.stringify(names), kind, dayOf(from), to, registry, except],
  );
  const found = new Map<string, string[]>();
  for (const row of rows) {
    const id = row['id'] as string;
    found.set(id, [...(found.get(id) ?? []), row['name'] as string]);
  }
  return found;
}

interface SharedName {
  readonly registry: string;
  readonly except: string;
  readonly kind: TopKind;
  readonly names: readonly string[];
  /** What must have occurred under the name. */
  readonly counted: 'pulls' | 'last';
}

/** Pairs of key and name that one answer is made of. */
const SHARED_MAX = 1_000;

function topRows(
  database: Database,
  subject: string,
  kind: TopKind,
  { from, to }: MinuteRange,
  order: string,
): TopRow[] {
  const sql = `
    WITH RECURSIVE days (at) AS (SELECT ?1 UNION ALL SELECT at + 1440 FROM days WHERE at + 1440 < ?2)
    SELECT name, sum(pulls) AS pulls, sum(pushes) AS pushes, sum(others) AS others, min(first) AS first, max(last) AS last
    FROM days CROSS JOIN usage_tops tops ON tops.minute = days.at AND subject = ?3 AND kind = ?4 GROUP BY name ${order}`;
  const values: SqlValue[] = [dayOf(from), to, subject, kind];
  return database.all(sql, values).map((row) => ({
    name: row['name'] as string,
    pulls: row['pulls'] as number,
    pushes: row['pushes'] as number,
    others: row['others'] as number,
    first: new Date(row['first'] as number).toISOString(),
    last: new Date(row['last'] as number).toISOString(),
  }));
}

/** A place as it is named in the tables; all null: those beyond the limit. */
export function placeNamed(name: string) {
  const parts = (parsed(name) ?? [null, null, null]) as [string | null, string | null, number | null];
  const [network, country, asn] = parts;
  return { network, country, asn };
}

function parsed(name: string): unknown {
  return name === '' ? undefined : JSON.parse(name);
}

function dayOf(minute: number): number {
  return Math.floor(minute) - (Math.floor(minute) % USAGE_STEPS.P1D);
}

function timeOf(minute: number): string {
  return new Date(minute * MINUTE_MS).toISOString();
}
