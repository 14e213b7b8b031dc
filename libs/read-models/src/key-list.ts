import type { ShownStatus } from '#libs/keys';
import type { Database, SqlValue } from '#libs/sqlite';
import { LIVING } from './key-rows.js';
import { foldName, keyRow, type KeyRow } from './key-table.js';

export type KeySort = 'createdAt' | '-createdAt' | 'name' | '-name';

export interface KeyQuery {
  readonly registry: string;
  /** RFC 3339 with milliseconds: by it a key counts as expired. */
  readonly now: string;
  /** Keys are looked at as they were at `now`, which has passed; else as they are. */
  readonly asOf?: boolean;
  readonly status?: readonly ShownStatus[];
  readonly permission?: readonly string[];
  /** Case-insensitive part of the name. */
  readonly nameContains?: string;
  /** Every label given must be there with this value; an empty value asks for the label alone. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly createdBy?: string;
  readonly expiresBefore?: string;
  /** RFC 3339 with milliseconds: keys that were generated before it and have not been used since. */
  readonly unusedSince?: string;
  readonly sort: KeySort;
  /** Sort value and birth of the last key of the page before. */
  readonly after?: { readonly name: string; readonly born: string };
  readonly limit: number;
}

/**
 * The state shown, as `shownStatus` of libs/keys has it: revoked > expired > suspended > rotating > active; by the clock as the
 * gate has it, recorded or not.
 */
const SHOWN_STATUS = `CASE
  WHEN NOT (${LIVING}) THEN status
  WHEN grace_ends_at <= ? AND (expires_at IS NULL OR grace_ends_at < expires_at) THEN 'revoked'
  WHEN expires_at <= ? THEN 'expired'
  WHEN status = 'active' AND grace_ends_at IS NOT NULL THEN 'rotating'
  ELSE status END`;

/** Keys of one registry that match all filters, in a stable order. */
export function listKeys(database: Database, query: KeyQuery): KeyRow[] {
  const { conditions, values } = filters(query);
  const descending = query.sort.startsWith('-');
  const direction = descending ? 'DESC' : 'ASC';
  const order = query.sort.endsWith('name')
    ? `folded_name ${direction}, born ${direction}`
    : `born ${direction}`;
  const where = conditions.join(' AND ');
  const source = query.asOf
    ? versionsAt(query.now, where, values)
    : { sql: `SELECT * FROM keys WHERE ${where}`, values };
  return database
    .statement(`${source.sql} ORDER BY ${order} LIMIT ?`)
    .withBigInts()
    .all([...source.values, query.limit])
    .map(keyRow);
}

/** Of each key the one version that held at a time, if there was one by then. */
function versionsAt(at: string, where: string, values: SqlValue[]): { sql: string; values: SqlValue[] } {
  const sql = `SELECT *, NULL AS until FROM keys WHERE since <= ? AND ${where}
    UNION ALL SELECT * FROM key_history WHERE since <= ? AND until > ? AND ${where}`;
  return { sql, values: [at, ...values, at, at, ...values] };
}

function filters(query: KeyQuery): { conditions: string[]; values: SqlValue[] } {
  const conditions = ['registry = ?'];
  const values: SqlValue[] = [query.registry];
  const where = (condition: string, ...bound: SqlValue[]): void => {
    conditions.push(condition);
    values.push(...bound);
  };
  if (query.status) {
    where(`${SHOWN_STATUS} IN (${marks(query.status)})`, query.now, query.now, ...query.status);
  }
  if (query.permission) where(`permission IN (${marks(query.permission)})`, ...query.permission);
  if (query.nameContains) where('instr(folded_name, ?) > 0', foldName(query.nameContains));
  if (query.createdBy) where('created_by = ?', query.createdBy);
  if (query.unusedSince)
    where(
      'created_at < ? AND NOT EXISTS (SELECT 1 FROM last_uses WHERE last_uses.key = id AND at >= ?)',
      query.unusedSince,
      Date.parse(query.unusedSince),
    );
  if (query.expiresBefore) where('expires_at < ?', query.expiresBefore);
  for (const [label, value] of Object.entries(query.labels ?? {})) {
    // A member look-up by equality, not a JSON path: a label may hold any character. The text alone is looked at first,
    // as taking the labels of 100,000 keys apart takes twice as long as all the rest.
    const member = `${JSON.stringify(label)}:${value === '' ? '' : JSON.stringify(value)}`;
    where(
      `instr(labels, ?) > 0 AND EXISTS (SELECT 1 FROM json_each(labels) WHERE key = ? AND (? = '' OR value = ?))`,
      member,
      label,
      value,
      value,
    );
  }
  if (query.after) cursor(query, where);
  return { conditions, values };
}

function cursor(query: KeyQuery, where: (condition: string, ...bound: SqlValue[]) => void): void {
  const beyond = query.sort.startsWith('-') ? '<' : '>';
  const { name, born } = query.after!;
  if (query.sort.endsWith('name')) where(`(folded_name, born) ${beyond} (?, ?)`, name, BigInt(born));
  else where(`born ${beyond} ?`, BigInt(born));
}

function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}
