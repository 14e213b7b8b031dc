import type { ExistingKey, Permission } from '#libs/keys';
import type { Database, Row, SqlValue } from '#libs/sqlite';
import { applyToKeyRow, type KeyRows } from './key-rows.js';
import type { Projection } from './projection.js';

/** What a gate keeps of a key. `status` is what the log says: whether it has expired by the clock is the reader's part. */
export interface GrantRow {
  readonly id: string;
  readonly registry: string;
  readonly permission: Permission;
  /** SHA-256 of the secret, hex. */
  readonly secretHash: string;
  readonly status: ExistingKey['status'];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  /** Of a rotated key: from when on it is revoked. */
  readonly graceEndsAt: string | null;
  /** Patterns; empty: every repository. */
  readonly repositories: readonly string[];
  /** Empty: from every network. */
  readonly networks: readonly string[];
  /** Whether it grants nothing, and its use raises an alert. */
  readonly canary: boolean;
}

const rows: KeyRows = {
  table: 'grants',
  birth: ({ registry, secretHash, at, canary }) => ({
    registry,
    secret_hash: secretHash,
    created_at: at,
    canary: canary ? 1 : 0,
  }),
  rotation: ({ graceEndsAt }) => ({ grace_ends_at: graceEndsAt }),
  traits: ({ permission, expiresAt, repositories, networks }) => ({
    permission,
    expires_at: expiresAt,
    repositories: repositories && listText(repositories),
    networks: networks && listText(networks),
  }),
};

/** Grants: what a gate decides by, and nothing that people wrote about a key. The hashes of the secrets stand here alone. */
export const grantTable: Projection = {
  name: 'grants',
  version: 3,
  categories: ['key'],
  // `born` is the row id, so that grants are written side by side in the order of the log, and not all over the file.
  // `repositories` and `networks` are JSON lists, or NULL for most keys, which have no restriction.
  schema: `
    CREATE TABLE grants (
      born INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, registry TEXT NOT NULL, permission TEXT NOT NULL,
      secret_hash TEXT NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT, revoked_at TEXT,
      grace_ends_at TEXT, repositories TEXT, networks TEXT, canary INTEGER NOT NULL,
      position INTEGER NOT NULL
    ) STRICT;`,
  indexes: '',
  apply: (database, event) => applyToKeyRow(rows, database, event),
};

function listText(list: readonly string[]): string | null {
  return list.length === 0 ? null : JSON.stringify(list);
}

/** Keys of one page, some 100 KB of text: with four times as many, the same keys take half as long again. */
const PAGE = 500;
const UNRESTRICTED: readonly string[] = [];

/** Every key, in the order of birth. A page comes as one JSON text, which costs a third of its rows. */
export function* eachKey(database: Database): Generator<GrantRow> {
  const statement = database
    .statement(
      `SELECT max(born) AS last, json_group_array(json_array(id, registry, permission, secret_hash, status, created_at,
         expires_at, revoked_at, grace_ends_at, repositories, networks, canary)) AS page
       FROM (SELECT * FROM grants WHERE born > ? ORDER BY born LIMIT ${PAGE})`,
    )
    .withBigInts();
  let last: SqlValue = -1n;
  for (;;) {
    const row: Row = statement.get([last])!;
    if (row['last'] === null) return;
    last = row['last']!;
    for (const values of JSON.parse(row['page'] as string) as (string | null)[][]) yield grantRow(values);
  }
}

/** The values as they stand in the page: lists are texts in it. */
function grantRow(values: readonly (string | null)[]): GrantRow {
  const [id, registry, permission, secretHash, status, createdAt, expiresAt, revokedAt, graceEndsAt] = values;
  const [repositories, networks] = [listOf(values[9]), listOf(values[10])];
  return {
    id, registry, permission, secretHash, status, createdAt, expiresAt, revokedAt, graceEndsAt, repositories, networks,
    canary: Number(values[11]) === 1,
  } as GrantRow; // prettier-ignore
}

function listOf(text: string | null | undefined): readonly string[] {
  return text ? (JSON.parse(text) as string[]) : UNRESTRICTED;
}
