import type { RecordedFact } from '#libs/kernel';
import type { KeyFact, KeyGenerated, KeyRevoked, KeyRotated, KeyTraits } from '#libs/keys';
import type { Database, SqlValue } from '#libs/sqlite';

/** Values by column; undefined leaves the column as it is. */
export type Columns = Readonly<Record<string, SqlValue | undefined>>;

/**
 * A table with a row for each key, and what of a key it shows. It has the columns `id`, `status`, `revoked_at`, `grace_ends_at`, `born` (the
 * commit position of KeyGenerated) and `position` (that of the newest event in the row); both fit SQLite's integers of 63
 * bits, as the store's positions do.
 */
export interface KeyRows {
  readonly table: string;
  /** The columns that show these traits: only they change in a key's life. */
  readonly traits: (traits: Partial<KeyTraits>) => Columns;
  /** The other columns of a new key, without those named above. */
  readonly birth: (data: KeyGenerated['data']) => Columns;
  /** What a rotation changes. The first one counts: no other follows. */
  readonly rotation: (data: KeyRotated['data']) => Columns;
  /** What a revocation changes besides `status` and `revoked_at`, where the table shows it. */
  readonly end?: (data: KeyRevoked['data']) => Columns;
  /** What the proof of a revocation changes, where the table shows it. No version of the row: nobody is shown it. */
  readonly proof?: Columns;
  /**
   * The table that keeps the versions of a row that were superseded: the columns of `table` in their order, and `until`. With
   * it, `table` has the column `since`: the time of the fact that wrote the version, and never before that of the one before.
   */
  readonly history?: string;
}

/** The key has not ended: nothing but an end follows in a row that has. */
export const LIVING = `status IN ('active', 'suspended')`;

/** Brings a key's row up to what the event says. A type that it does not know changes nothing. */
export function applyToKeyRow(rows: KeyRows, database: Database, event: RecordedFact): void {
  const fact = event as unknown as KeyFact;
  const change = (columns: Columns, where = LIVING): void => {
    if (rows.history) keepVersion(rows, database, event, fact.data.at, where);
    update(rows, database, event, columns, where, rows.history && fact.data.at);
  };
  switch (fact.type) {
    case 'KeyGenerated':
      return insert(rows, database, event, fact.data);
    case 'KeyChanged':
      return change(rows.traits(fact.data.changes));
    case 'KeySuspended':
      return change({ status: 'suspended' });
    case 'KeyResumed':
      return change({ status: 'active' });
    case 'KeyRotated':
      return change(rows.rotation(fact.data), `${LIVING} AND grace_ends_at IS NULL`);
    case 'KeyExpired':
      return change({ status: 'expired' });
    case 'KeyRevoked':
      return change(
        { ...rows.end?.(fact.data), status: 'revoked', revoked_at: fact.data.at },
        `status <> 'revoked'`,
      );
    case 'KeyLeakReported':
      return;
    case 'KeyRevocationProven':
      return rows.proof && update(rows, database, event, rows.proof, `status = 'revoked'`);
    case 'KeyExpiryReminded':
    case 'KeyRotationReminded':
    case 'ReminderSnoozed':
    case 'KeyRotationScheduled':
    case 'KeyRotationUnscheduled':
    case 'KeyRotationLapsed':
    case 'RotationDelivered':
    case 'RotationFailed':
      // In a table of their own: they say nothing about the key.
      return;
  }
}

function insert(
  { table, traits, birth, history }: KeyRows,
  database: Database,
  { id, position }: RecordedFact,
  data: KeyGenerated['data'],
): void {
  const since = history === undefined ? {} : { since: data.at };
  const row = { id, status: 'active', born: position, position, ...since, ...birth(data), ...traits(data) };
  const { names, values } = given(row);
  const marks = names.map(() => '?').join(', ');
  database.run(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${marks})`, values);
}

/** Keeps the row as it is until `at`, for the update that follows. A version that held for no time at all is not kept. */
function keepVersion(
  { table, history }: KeyRows,
  database: Database,
  { id, position }: RecordedFact,
  at: string,
  where: string,
): void {
  const sql = `INSERT INTO ${history} SELECT *, ? FROM ${table} WHERE id = ? AND position < ? AND since < ? AND ${where}`;
  database.run(sql, [at, id, position, at]);
}

/** An older event never overwrites what a newer one wrote. `since`: from when on the row says so, where that is kept. */
function update(
  { table }: KeyRows,
  database: Database,
  { id, position }: RecordedFact,
  columns: Columns,
  where: string,
  since?: string,
): void {
  const { names, values } = given({ ...columns, position });
  const assignments = names.map((name) => `${name} = ?`);
  if (since !== undefined) {
    assignments.push('since = max(since, ?)');
    values.push(since);
  }
  const sql = `UPDATE ${table} SET ${assignments.join(', ')} WHERE id = ? AND position < ? AND ${where}`;
  database.run(sql, [...values, id, position]);
}

/** In the order of the literal that `columns` was made by, so that the same changes are the same statement. */
function given(columns: Columns): { names: string[]; values: SqlValue[] } {
  const entries = Object.entries(columns).filter(
    (entry): entry is [string, SqlValue] => entry[1] !== undefined,
  );
  return { names: entries.map(([name]) => name), values: entries.map(([, value]) => value) };
}
