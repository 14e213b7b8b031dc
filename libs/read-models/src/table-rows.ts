import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { canonicalJson } from '#libs/audit';
import type { Database, Row, SqlValue } from '#libs/sqlite';

/** Rows handled in one turn of the event loop: a few milliseconds. */
const PAGE_ROWS = 500;

export interface TableHash {
  readonly table: string;
  readonly rows: number;
  /**
   * SHA-256 (hex) of one line per row in the order of the primary key, each the canonical JSON (RFC 8785) of the row and
   * a line feed, after one such line that names columns and types. Integers stand as decimal strings, blobs as base64.
   */
  readonly sha256: string;
}

/** A row as the hash sees it. */
export interface CanonicalRow {
  /** Canonical JSON of the primary key's values. */
  readonly key: string;
  readonly text: string;
}

interface Columns {
  /** Canonical JSON of names and types. */
  readonly description: string;
  /** Quoted, in their order in the primary key. */
  readonly key: readonly string[];
  readonly keyNames: readonly string[];
}

/** Tables of projections, by name. The checkpoint is not among them: it says where a file stands, not what it holds. */
export function tablesOf(database: Database): string[] {
  const rows = database.all(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'checkpoint' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
     ORDER BY name`,
  );
  return rows.map((row) => row['name'] as string);
}

/** The canonical hash of a table, or of its rows from a `minute` on. Gives the event loop a turn after each page. */
export async function hashTable(database: Database, table: string, fromMinute?: number): Promise<TableHash> {
  const hash = createHash('sha256');
  hash.update(`${columnsOf(database, table).description}\n`);
  let rows = 0;
  for await (const { text } of canonicalRows(database, table, fromMinute)) {
    hash.update(`${text}\n`);
    rows++;
  }
  return { table, rows, sha256: hash.digest('hex') };
}

/** The rows of a table in the order of its primary key. Throws for a table without one: its order would mean nothing. */
export async function* canonicalRows(
  database: Database,
  table: string,
  fromMinute?: number,
): AsyncGenerator<CanonicalRow> {
  const { key, keyNames } = columnsOf(database, table);
  if (key.length === 0) throw new Error(`the table ${table} has no primary key`);
  const list = key.join(', ');
  const order = `ORDER BY ${list} LIMIT ${PAGE_ROWS}`;
  const young = fromMinute === undefined ? 'true' : `minute >= ${fromMinute}`;
  const beyond = `AND (${list}) > (${key.map(() => '?').join(', ')})`;
  let last: SqlValue[] | undefined;
  for (;;) {
    const sql = `SELECT * FROM ${quoted(table)} WHERE ${young} ${last ? beyond : ''} ${order}`;
    const page = database
      .statement(sql)
      .withBigInts()
      .all(last ?? []);
    for (const row of page) {
      last = keyNames.map((name) => row[name]!);
      yield { key: canonicalJson(last.map(plain)), text: canonicalJson(canonicalRow(row)) };
    }
    if (page.length < PAGE_ROWS) return;
    await nextTurn();
  }
}

function canonicalRow(row: Row): object {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
}

function plain(value: SqlValue): string | number | null {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

function columnsOf(database: Database, table: string): Columns {
  const columns = database.all(`SELECT name, type, pk FROM pragma_table_info(?) ORDER BY name`, [table]);
  const key = columns
    .filter((column) => Number(column['pk']) > 0)
    .sort((a, b) => Number(a['pk']) - Number(b['pk']));
  const keyNames = key.map((column) => column['name'] as string);
  const description = canonicalJson(
    columns.map((column) => [column['name'] as string, column['type'] as string]),
  );
  return { description, key: keyNames.map(quoted), keyNames };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
