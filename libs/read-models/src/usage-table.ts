import type { RecordedFact } from '#libs/kernel';
import { USAGE_ACTIONS, type KeyUsageRecorded, type KeyUseDenied, type UsageFact } from '#libs/usage';
import type { Database, SqlValue } from '#libs/sqlite';
import { applyDenial, DENIALS_SCHEMA } from './denials.js';
import { applyLastUse, LAST_USES_SCHEMA } from './last-uses.js';
import type { Projection } from './projection.js';

/** Minutes in each length of time that is counted by; days are those of UTC. */
export const USAGE_STEPS = { PT1M: 1, PT1H: 60, P1D: 1_440 } as const;
/** How long counts by the minute and by the hour are kept, in minutes; days are kept as long as the log keeps the facts. */
export const MINUTES_KEPT = 48 * 60;
export const HOURS_KEPT = 100 * 1_440;
/** Names of one kind that a key, or a registry, has on one day; later ones count together under the empty name. */
export const NAMES_PER_DAY_MAX = 100;

export const MINUTE_MS = 60_000;

/** Columns that count requests: those let through, those of them that failed, those refused, by action. */
export const COUNT_COLUMNS = USAGE_ACTIONS.flatMap((action) =>
  (['accepted', 'failed', 'denied'] as const).map((outcome) => ({
    action,
    outcome,
    column: `${action}_${outcome}`,
  })),
);
const SUMS = [...COUNT_COLUMNS.map(({ column }) => column), 'bytes_up', 'bytes_down'];

/** What `name` is in usage_tops. A user is a program in a network. */
export type TopKind = 'repository' | 'place' | 'client' | 'user';

/**
 * What keys are used for: `usage_counts` by minute, hour and day, of keys and of whole registries (`subject` is the id of
 * either), `usage_tops` by day, `last_uses` and `denials`. `minute` is everywhere the beginning of the time that a row is
 * about, in minutes since 1970: rows age by it. Facts add up, in whatever order the parts of a minute come.
 */
export const usageTable: Projection = {
  name: 'usage',
  version: 1,
  categories: ['usage'],
  aging: ['usage_counts', 'usage_tops', 'last_uses', 'denials', 'usage_clock'],
  // The time leads, so that a minute's rows are written side by side and go together.
  schema: `
    CREATE TABLE usage_counts (
      step INTEGER NOT NULL, minute INTEGER NOT NULL, subject TEXT NOT NULL,
      ${SUMS.map((column) => `${column} INTEGER NOT NULL`).join(', ')},
      PRIMARY KEY (step, minute, subject)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE usage_tops (
      minute INTEGER NOT NULL, subject TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
      pulls INTEGER NOT NULL, pushes INTEGER NOT NULL, others INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
      PRIMARY KEY (minute, subject, kind, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE usage_clock (id INTEGER PRIMARY KEY, minute INTEGER NOT NULL) STRICT;
    ${LAST_USES_SCHEMA}
    ${DENIALS_SCHEMA}`,
  indexes: 'CREATE INDEX IF NOT EXISTS usage_tops_by_name ON usage_tops (kind, name, minute);',
  apply(database, event) {
    const { type, data } = event as RecordedFact<UsageFact>;
    if (type === 'KeyUsageRecorded') applyUse(database, data as KeyUsageRecorded['data']);
    else if (type === 'KeyUseDenied') applyRefusals(database, data as KeyUseDenied['data'], event.position);
  },
};

/** The first minute (since 1970) of which usage is kept at `now` (ms since 1970): that of a day. */
export function usageKeptFrom(keptDays: number, now: number): number {
  const minute = Math.floor(now / MINUTE_MS) - keptDays * USAGE_STEPS.P1D;
  return minute - (minute % USAGE_STEPS.P1D);
}

/** The first of which the log has all facts: they go one by one, and the day of the oldest may lack some. */
export function usageWholeFrom(keptDays: number, now: number): number {
  return usageKeptFrom(keptDays, now) + USAGE_STEPS.P1D;
}

/** Deletes what is about a time before `minute` (since 1970): what the log no longer has a rebuild could not bring back. */
export function forgetUsage(database: Database, minute: number): void {
  database.transaction(() => {
    for (const { step } of [{ step: 1 }, { step: 60 }, { step: 1_440 }])
      database.run('DELETE FROM usage_counts WHERE step = ? AND minute < ?', [step, minute]);
    for (const table of ['usage_tops', 'last_uses', 'denials'])
      database.run(`DELETE FROM ${table} WHERE minute < ?`, [minute]);
  });
}

function applyUse(database: Database, data: KeyUsageRecorded['data']): void {
  const { key, registry, actions } = data;
  const minute = Date.parse(data.minute) / MINUTE_MS;
  const columns = COUNT_COLUMNS.map(({ action, outcome }) =>
    outcome === 'denied' ? 0 : (actions[action]?.[outcome] ?? 0),
  );
  addCounts(database, minute, [key, registry], [...columns, data.bytesUp, data.bytesDown]);
  const last = lastOf(data);
  const names = namesOf(data);
  const span = { day: minute - (minute % USAGE_STEPS.P1D), first: minute * MINUTE_MS, last };
  addTops(database, registry, names, span);
  addTops(database, key, [...names, ...usersOf(data)], span);
  applyLastUse(database, data, minute);
}

function applyRefusals(database: Database, data: KeyUseDenied['data'], position: bigint): void {
  const minute = Math.floor(Date.parse(data.first) / MINUTE_MS);
  const columns = COUNT_COLUMNS.map(({ action, outcome }) =>
    outcome === 'denied' && action === data.action ? data.count : 0,
  );
  addCounts(database, minute, [data.key, data.registry], [...columns, 0, 0]);
  applyDenial(database, data, minute, position);
}

/** A sum stays at this: beyond it SQLite would make it a fraction, and no node could read on. */
const SUM_MAX = Number.MAX_SAFE_INTEGER;
const ADD_COUNTS = `
  WITH steps (step) AS (VALUES (1), (60), (1440)), subjects (subject) AS (VALUES (?1), (?2))
  INSERT INTO usage_counts (step, minute, subject, ${SUMS.join(', ')})
  SELECT step, ?3 - ?3 % step, subject, ${SUMS.map((_, index) => `min(?${index + 4}, ${SUM_MAX})`).join(', ')}
  FROM steps, subjects WHERE subject IS NOT NULL
  ON CONFLICT DO UPDATE SET ${SUMS.map((column) => `${column} = min(${column} + excluded.${column}, ${SUM_MAX})`).join(', ')}`;

function addCounts(
  database: Database,
  minute: number,
  subjects: readonly (string | null)[],
  sums: readonly number[],
): void {
  age(database, minute);
  database.run(ADD_COUNTS, [...subjects, minute, ...sums]);
}

/** Rows by the minute and the hour go as the newest minute of the log moves on: so a replay ends with the same ones. */
function age(database: Database, minute: number): void {
  const moved = database.run(
    'INSERT INTO usage_clock VALUES (1, ?1) ON CONFLICT DO UPDATE SET minute = ?1 WHERE minute < ?1',
    [minute],
  );
  if (moved === 0) return;
  const forget = 'DELETE FROM usage_counts WHERE step = ? AND minute < ?';
  database.run(forget, [USAGE_STEPS.PT1M, minute - MINUTES_KEPT]);
  database.run(forget, [USAGE_STEPS.PT1H, minute - HOURS_KEPT]);
}

type Name = readonly [kind: TopKind, name: string, pulls: number, pushes: number, others: number];

function namesOf({ repositories, places, clients }: KeyUsageRecorded['data']): Name[] {
  return [
    ...repositories.map(({ name, pulls, pushes, others }): Name => [
      'repository',
      name,
      pulls,
      pushes,
      others,
    ]),
    ...places.map(({ network, country, asn, pulls, pushes, others }): Name => [
      'place',
      JSON.stringify([network, country, asn]),
      pulls,
      pushes,
      others,
    ]),
    ...clients.map(({ client, count }): Name => ['client', client, 0, 0, count]),
  ];
}

/** Where several programs and several networks stand in one fact it does not say which was where: any may have been. */
function usersOf({ places, clients }: KeyUsageRecorded['data']): Name[] {
  return places.flatMap(({ network }) =>
    clients.map(({ client }): Name => ['user', JSON.stringify([network, client]), 0, 0, 0]),
  );
}

/** The names of one fact are looked at together, so there may be some more than NAMES_PER_DAY_MAX: as many as a fact has. */
const ADD_TOPS = `
  INSERT INTO usage_tops (minute, subject, kind, name, pulls, pushes, others, first, last)
  SELECT ?1, ?2, value ->> 0,
    CASE WHEN EXISTS (SELECT 1 FROM usage_tops WHERE minute = ?1 AND subject = ?2 AND kind = value ->> 0 AND name = value ->> 1)
      THEN value ->> 1
    WHEN (SELECT count(*) FROM usage_tops WHERE minute = ?1 AND subject = ?2 AND kind = value ->> 0) < ${NAMES_PER_DAY_MAX}
      THEN value ->> 1
    ELSE '' END,
    value ->> 2, value ->> 3, value ->> 4, ?4, ?5
  FROM json_each(?3) WHERE true
  ON CONFLICT DO UPDATE SET pulls = pulls + excluded.pulls, pushes = pushes + excluded.pushes,
    others = others + excluded.others, first = min(first, excluded.first), last = max(last, excluded.last)`;

function addTops(
  database: Database,
  subject: string,
  names: readonly Name[],
  { day, first, last }: { day: number; first: number; last: number },
): void {
  const values: SqlValue[] = [day, subject, JSON.stringify(names), first, last];
  if (names.length > 0) database.run(ADD_TOPS, values);
}

/** When the last request of the fact may have come, at the latest: ms since 1970. */
function lastOf({ at, minute }: KeyUsageRecorded['data']): number {
  return Math.min(Date.parse(at), Date.parse(minute) + MINUTE_MS - 1);
}
