import type { KeyFact, KeyGenerated, Permission } from '#libs/keys';
import type { RecordedFact } from '#libs/kernel';
import type { Database, Row, SqlValue } from '#libs/sqlite';
import type { Projection } from './projection.js';

/** One key as the tables know it. `status` is what the log says: whether it has expired by the clock is the reader's part. */
export interface KeyRow {
  readonly id: string;
  readonly registry: string;
  readonly name: string;
  readonly permission: Permission;
  readonly secretHash: string;
  readonly description: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: 'active' | 'expired' | 'revoked';
  readonly createdAt: string;
  readonly createdBy: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  /** Commit position of KeyGenerated: the order of birth. */
  readonly born: bigint;
}

export const keyTable: Projection = {
  name: 'keys',
  version: 2,
  categories: ['key'],
  // `born` and `position` are commit positions. SQLite's integers hold 63 bits, as the store's positions do. `born` is the
  // row id, so that keys are written side by side in the order of the log, and not all over the file.
  schema: `
    CREATE TABLE keys (
      born INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, registry TEXT NOT NULL, name TEXT NOT NULL, folded_name TEXT NOT NULL,
      permission TEXT NOT NULL, secret_hash TEXT NOT NULL, description TEXT, labels TEXT NOT NULL,
      status TEXT NOT NULL, created_at TEXT NOT NULL, created_by TEXT NOT NULL, expires_at TEXT, revoked_at TEXT,
      position INTEGER NOT NULL
    ) STRICT;`,
  indexes: `
    CREATE INDEX IF NOT EXISTS keys_by_birth ON keys (registry, born);
    CREATE INDEX IF NOT EXISTS keys_by_name ON keys (registry, folded_name, born);
    CREATE INDEX IF NOT EXISTS keys_due ON keys (expires_at) WHERE status = 'active' AND expires_at IS NOT NULL;`,
  apply(database, event) {
    const fact = event as RecordedFact<KeyFact>;
    switch (fact.type) {
      case 'KeyGenerated':
        return insertKey(database, event, fact.data as KeyGenerated['data']);
      case 'KeyRevoked':
        return advance(database, event, `status = 'revoked', revoked_at = ?`, fact.data.at);
      case 'KeyExpired':
        return advance(database, event, `status = iif(status = 'active', 'expired', status)`);
    }
  },
};

function insertKey(database: Database, event: RecordedFact, data: KeyGenerated['data']): void {
  database.run(
    `INSERT INTO keys (id, registry, name, folded_name, permission, secret_hash, description, labels, status, created_at,
       created_by, expires_at, revoked_at, born, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'active', ?, ?, ?, NULL, ?, ?)`,
    [
      event.id, data.registry, data.name, foldName(data.name), data.permission, data.secretHash, data.description,
      JSON.stringify(data.labels), data.at, data.createdBy, data.expiresAt, event.position, event.position,
    ], // prettier-ignore
  );
}

/** An older event never overwrites what a newer one wrote. */
function advance(database: Database, event: RecordedFact, assignments: string, ...values: string[]): void {
  database.run(`UPDATE keys SET ${assignments}, position = ? WHERE id = ? AND position < ?`, [
    ...values,
    event.position,
    event.id,
    event.position,
  ]);
}

/** How names are compared: without regard to case, and to how accents are composed. */
export function foldName(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

/** A key of this registry; a key of another one looks like no key. */
export function findKey(database: Database, registry: string, id: string): KeyRow | undefined {
  const row = database
    .statement('SELECT * FROM keys WHERE id = ? AND registry = ?')
    .withBigInts()
    .get([id, registry]);
  return row && keyRow(row);
}

/** Keys whose time was over at `now` (RFC 3339) and of which no end is recorded yet, the longest overdue first. */
export function dueKeys(database: Database, now: string, limit: number): { id: string; expiresAt: string }[] {
  const rows = database.all(
    `SELECT id, expires_at FROM keys WHERE status = 'active' AND expires_at IS NOT NULL AND expires_at <= ?
     ORDER BY expires_at LIMIT ?`,
    [now, limit],
  );
  return rows.map((row) => ({ id: row['id'] as string, expiresAt: row['expires_at'] as string }));
}

/** What a gate keeps of a key. */
export type KeyGrantRow = Pick<
  KeyRow,
  'id' | 'registry' | 'permission' | 'secretHash' | 'status' | 'createdAt' | 'expiresAt' | 'revokedAt'
>;

/** Keys of one page, some 100 KB of text: with four times as many, the same keys take half as long again. */
const GRANT_PAGE = 500;

/** Every key, in the order of birth. A page comes as one JSON text, which costs a third of its rows. */
export function* eachKey(database: Database): Generator<KeyGrantRow> {
  const statement = database
    .statement(
      `SELECT max(born) AS last, json_group_array(json_array(id, registry, permission, secret_hash, status, created_at, expires_at, revoked_at)) AS page
       FROM (SELECT * FROM keys WHERE born > ? ORDER BY born LIMIT ${GRANT_PAGE})`,
    )
    .withBigInts();
  let last: SqlValue = -1n;
  for (;;) {
    const row: Row = statement.get([last])!;
    if (row['last'] === null) return;
    last = row['last']!;
    for (const values of JSON.parse(row['page'] as string) as string[][]) yield grantRow(values);
  }
}

function grantRow(values: readonly string[]): KeyGrantRow {
  const [id, registry, permission, secretHash, status, createdAt, expiresAt, revokedAt] = values;
  return { id, registry, permission, secretHash, status, createdAt, expiresAt, revokedAt } as KeyGrantRow;
}

export function keyRow(row: Row): KeyRow {
  return {
    id: row['id'] as string,
    registry: row['registry'] as string,
    name: row['name'] as string,
    permission: row['permission'] as Permission,
    secretHash: row['secret_hash'] as string,
    description: row['description'] as string | null,
    labels: JSON.parse(row['labels'] as string) as Record<string, string>,
    status: row['status'] as KeyRow['status'],
    createdAt: row['created_at'] as string,
    createdBy: row['created_by'] as string,
    expiresAt: row['expires_at'] as string | null,
    revokedAt: row['revoked_at'] as string | null,
    born: row['born'] as bigint,
  };
}
