import { isSeenInKey, type ExistingKey, type KeyTraits, type Revocation, type Rotation } from '#libs/keys';
import type { RecordedFact } from '#libs/kernel';
import type { Database, Row } from '#libs/sqlite';
import { applyToKeyRow, LIVING, type KeyRows } from './key-rows.js';
import type { Projection } from './projection.js';

/** One key as the tables know it. `status` is what the log says: whether it has expired by the clock is the reader's part. */
export interface KeyRow extends KeyTraits {
  readonly id: string;
  readonly registry: string;
  readonly status: ExistingKey['status'];
  readonly createdAt: string;
  readonly createdBy: string;
  readonly revokedAt: string | null;
  /** Why it was revoked; the reason as it stands in the log, encrypted. */
  readonly revocation: Revocation | null;
  /** Id of the key that it was made to take over from. */
  readonly rotates: string | null;
  /** Whether it grants nothing and was laid out to be found. */
  readonly canary: boolean;
  /** Its own successor. */
  readonly rotation: Rotation | null;
  /** Commit position of KeyGenerated: the order of birth. */
  readonly born: bigint;
  /** Revision of the newest event that changed what people see of it: its version. */
  readonly revision: bigint;
}

const rows: KeyRows = {
  table: 'keys',
  history: 'key_history',
  birth: ({ registry, at, createdBy, rotates, canary }) => ({
    registry,
    created_at: at,
    created_by: createdBy,
    rotates,
    canary: canary ? 1 : 0,
    linked: 0,
    proven: 0,
    revision: 0n,
  }),
  rotation: ({ at, successor, graceEndsAt }) => ({
    rotation: JSON.stringify({ at, successor, graceEndsAt }),
    grace_ends_at: graceEndsAt,
  }),
  end: ({ cause, reason }) => ({ revocation: JSON.stringify({ cause, reason }) }),
  proof: { proven: 1 },
  traits: ({
    name,
    description,
    labels,
    permission,
    expiresAt,
    repositories,
    networks,
    expectedCountries,
  }) => ({
    name,
    folded_name: name === undefined ? undefined : foldName(name),
    description,
    labels: labels && JSON.stringify(labels),
    permission,
    expires_at: expiresAt,
    repositories: repositories && JSON.stringify(repositories),
    networks: networks && JSON.stringify(networks),
    expected_countries: expectedCountries && JSON.stringify(expectedCountries),
  }),
};

/** A successor that no key is known to be linked to. */
const UNLINKED = `${LIVING} AND rotates IS NOT NULL AND linked = 0`;

/** Of a key now and of each of its earlier versions. `born` first: see below. */
const COLUMNS = `
      born INTEGER NOT NULL, id TEXT NOT NULL, registry TEXT NOT NULL, name TEXT NOT NULL, folded_name TEXT NOT NULL,
      permission TEXT NOT NULL, description TEXT, labels TEXT NOT NULL, repositories TEXT NOT NULL, networks TEXT NOT NULL,
      expected_countries TEXT NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL, created_by TEXT NOT NULL,
      expires_at TEXT, revoked_at TEXT, revocation TEXT, proven INTEGER NOT NULL, rotates TEXT, linked INTEGER NOT NULL,
      canary INTEGER NOT NULL,       rotation TEXT, grace_ends_at TEXT, position INTEGER NOT NULL, revision INTEGER NOT NULL, since TEXT NOT NULL`;

/** Keys as people see them, with their traits of now and, in `key_history`, those that they had. No hash of a secret: a node without a gate has no use for any. */
export const keyTable: Projection = {
  name: 'keys',
  version: 7,
  categories: ['key'],
  // `born` is the row id, so that keys are written side by side in the order of the log, and not all over the file.
  schema: `
    CREATE TABLE keys (${COLUMNS}, PRIMARY KEY (born), UNIQUE (id)) STRICT;
    CREATE TABLE key_history (${COLUMNS}, until TEXT NOT NULL, PRIMARY KEY (born, since)) STRICT, WITHOUT ROWID;`,
  indexes: `
    CREATE INDEX IF NOT EXISTS key_history_by_birth ON key_history (registry, born);
    CREATE INDEX IF NOT EXISTS key_history_by_name ON key_history (registry, folded_name, born);
    CREATE INDEX IF NOT EXISTS keys_by_birth ON keys (registry, born);
    CREATE INDEX IF NOT EXISTS keys_by_name ON keys (registry, folded_name, born);
    CREATE INDEX IF NOT EXISTS keys_living ON keys (registry, born) WHERE ${LIVING};
    CREATE INDEX IF NOT EXISTS keys_unproven ON keys (revoked_at) WHERE status = 'revoked' AND proven = 0;
    CREATE INDEX IF NOT EXISTS keys_unlinked ON keys (created_at) WHERE ${UNLINKED};
    CREATE INDEX IF NOT EXISTS keys_grace ON keys (grace_ends_at) WHERE ${LIVING} AND grace_ends_at IS NOT NULL;
    CREATE INDEX IF NOT EXISTS keys_due ON keys (expires_at) WHERE ${LIVING} AND expires_at IS NOT NULL;`,
  apply(database, event) {
    applyToKeyRow(rows, database, event);
    if (event.type === 'KeyRotated') link(database, event);
    const { id, revision } = event;
    if (revision > 0n && isSeenInKey(event))
      database.run('UPDATE keys SET revision = ? WHERE id = ? AND revision < ?', [revision, id, revision]);
  },
};

/** The successor's stream says what it rotates; that it does so, the stream of the key that it rotates. */
function link(database: Database, { data }: RecordedFact): void {
  database.run('UPDATE keys SET linked = 1 WHERE id = ?', [(data as { successor: string }).successor]);
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

/**
 * The key as it was at a time (RFC 3339 with milliseconds): the newest version that had begun by then. undefined for a key that
 * was generated later, too. Whether it had expired by the clock is the reader's part.
 */
export function findKeyAt(database: Database, registry: string, id: string, at: string): KeyRow | undefined {
  const row = database
    .statement('SELECT born, since FROM keys WHERE id = ? AND registry = ?')
    .withBigInts()
    .get([id, registry]);
  if (!row) return undefined;
  if ((row['since'] as string) <= at) return findKey(database, registry, id);
  const version = database
    .statement('SELECT * FROM key_history WHERE born = ? AND since <= ? AND until > ?')
    .withBigInts()
    .get([row['born']!, at, at]);
  return version && keyRow(version);
}

/** Keys whose time was over at `now` (RFC 3339) and of which no end is recorded yet, the longest overdue first. */
export function dueKeys(database: Database, now: string, limit: number): { id: string; expiresAt: string }[] {
  const rows = database.all(
    `SELECT id, expires_at FROM keys WHERE ${LIVING} AND expires_at IS NOT NULL AND expires_at <= ?
     ORDER BY expires_at LIMIT ?`,
    [now, limit],
  );
  return rows.map((row) => ({ id: row['id'] as string, expiresAt: row['expires_at'] as string }));
}

/** Keys whose grace was over at `now` (RFC 3339) and of which no end is recorded yet, the longest overdue first. */
export function endedGraces(
  database: Database,
  now: string,
  limit: number,
): { id: string; graceEndsAt: string }[] {
  const rows = database.all(
    `SELECT id, grace_ends_at FROM keys WHERE ${LIVING} AND grace_ends_at IS NOT NULL AND grace_ends_at <= ?
     AND (expires_at IS NULL OR grace_ends_at < expires_at) ORDER BY grace_ends_at LIMIT ?`,
    [now, limit],
  );
  return rows.map((row) => ({ id: row['id'] as string, graceEndsAt: row['grace_ends_at'] as string }));
}

/** Successors that were made before a time (RFC 3339) and that no key is linked to: whoever made them died on the way. */
export function unlinkedSuccessors(
  database: Database,
  before: string,
  limit: number,
): { id: string; registry: string; rotates: string }[] {
  const rows = database.all(
    `SELECT id, registry, rotates FROM keys WHERE ${UNLINKED} AND created_at < ? ORDER BY created_at LIMIT ?`,
    [before, limit],
  );
  return rows.map((row) => ({
    id: row['id'] as string,
    registry: row['registry'] as string,
    rotates: row['rotates'] as string,
  }));
}

/** Keys that were revoked before a time (RFC 3339) and of which no proof is recorded: whoever revoked them died on the way. */
export function unprovenRevocations(
  database: Database,
  before: string,
  limit: number,
): { id: string; registry: string }[] {
  const rows = database.all(
    `SELECT id, registry FROM keys WHERE status = 'revoked' AND proven = 0 AND revoked_at < ? ORDER BY revoked_at LIMIT ?`,
    [before, limit],
  );
  return rows.map((row) => ({ id: row['id'] as string, registry: row['registry'] as string }));
}

export function keyRow(row: Row): KeyRow {
  return {
    id: row['id'] as string,
    registry: row['registry'] as string,
    name: row['name'] as string,
    permission: row['permission'] as KeyRow['permission'],
    description: row['description'] as string | null,
    labels: JSON.parse(row['labels'] as string) as KeyRow['labels'],
    repositories: JSON.parse(row['repositories'] as string) as string[],
    networks: JSON.parse(row['networks'] as string) as string[],
    expectedCountries: JSON.parse(row['expected_countries'] as string) as string[],
    status: row['status'] as KeyRow['status'],
    createdAt: row['created_at'] as string,
    createdBy: row['created_by'] as string,
    expiresAt: row['expires_at'] as string | null,
    revokedAt: row['revoked_at'] as string | null,
    revocation: JSON.parse((row['revocation'] as string | null) ?? 'null') as Revocation | null,
    rotates: row['rotates'] as string | null,
    canary: Number(row['canary']) === 1,
    rotation: JSON.parse((row['rotation'] as string | null) ?? 'null') as Rotation | null,
    born: row['born'] as bigint,
    revision: row['revision'] as bigint,
  };
}
