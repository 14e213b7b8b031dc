import type { Database, SqlValue } from '#libs/sqlite';
import { LIVING } from './key-rows.js';
import { keyRow, type KeyRow } from './key-table.js';

/** Not ended, recorded or not: `now` is RFC 3339 with milliseconds. */
const LIVES_AT = `registry = ? AND ${LIVING} AND (expires_at IS NULL OR expires_at > ?) AND (grace_ends_at IS NULL OR grace_ends_at > ?)`;

/** How many keys of a registry have not ended at `now`; counts no further than `upTo`. */
export function countLivingKeys(database: Database, registry: string, now: string, upTo: number): number {
  const sql = `SELECT count(*) AS keys FROM (SELECT 1 FROM keys WHERE ${LIVES_AT} LIMIT ?)`;
  return Number(database.get(sql, [registry, now, now, upTo])!['keys']);
}

/** Keys of a registry that have not ended at `now`, in the order of birth, born after a commit position. */
export function livingKeys(
  database: Database,
  registry: string,
  now: string,
  after: bigint,
  limit: number,
): KeyRow[] {
  const values: SqlValue[] = [registry, now, now, after, limit];
  return database
    .statement(`SELECT * FROM keys WHERE ${LIVES_AT} AND born > ? ORDER BY born LIMIT ?`)
    .withBigInts()
    .all(values)
    .map(keyRow);
}
