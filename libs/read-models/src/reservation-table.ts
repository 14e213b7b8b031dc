import type { RecordedFact } from '#libs/kernel';
import type { UserFact } from '#libs/identity';
import type { RegistryFact, ReservationFact } from '#libs/registries';
import type { Database } from '#libs/sqlite';
import type { Projection } from './projection.js';

/** Kinds of names: the categories of their streams. */
export const NAME_KINDS = ['slug', 'host', 'email', 'identity'] as const;
export type NameKind = (typeof NAME_KINDS)[number];

/** A name that is not held by whoever uses it. */
export interface UnfinishedReservation {
  readonly kind: NameKind;
  /** As in the name of its stream; of an e-mail address and of an issuer's subject its index. */
  readonly name: string;
  /** `reg_…` or `usr_…`; null: nobody holds it, and `usedBy` uses it. */
  readonly holder: string | null;
  /** null: nobody. */
  readonly usedBy: string | null;
}

/**
 * Names that are taken, and whether their holders use them: a name is reserved before it is used, and released after. One
 * that stays unused is what a command left that died on the way; one that is used and not held is what came after its name
 * was given up, such as an append that a store kept back for a minute. For nodes with workers; a gate has no use for it.
 */
export const reservationTable: Projection = {
  name: 'reservations',
  version: 2,
  categories: [...NAME_KINDS, 'registry', 'user'],
  // A row is there while somebody holds the name or uses it. `unfinished_since`: it is not held by whoever uses it.
  schema: `
    CREATE TABLE reservations (
      kind TEXT NOT NULL, name TEXT NOT NULL, holder TEXT, used_by TEXT, unfinished_since TEXT, PRIMARY KEY (kind, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX reservations_by_user ON reservations (used_by) WHERE used_by IS NOT NULL;`,
  indexes: `
    CREATE INDEX IF NOT EXISTS reservations_unfinished ON reservations (unfinished_since) WHERE unfinished_since IS NOT NULL;`,
  apply(database, event) {
    if (event.category === 'registry') applyOfRegistry(database, event.id, event as RegistryFact);
    else if (event.category === 'user') applyOfUser(database, event.id, event as unknown as UserFact);
    else applyOfName(database, event);
  },
};

/** Names that were held by another than their user, or by one of both alone, since before a time (RFC 3339), the oldest first. */
export function unfinishedReservations(
  database: Database,
  before: string,
  limit: number,
): UnfinishedReservation[] {
  const sql = `SELECT * FROM reservations WHERE unfinished_since < ? ORDER BY unfinished_since LIMIT ?`;
  return database.all(sql, [before, limit]).map((row) => ({
    kind: row['kind'] as NameKind,
    name: row['name'] as string,
    holder: row['holder'] as string | null,
    usedBy: row['used_by'] as string | null,
  }));
}

function applyOfName(database: Database, event: RecordedFact): void {
  const { type, data } = event as unknown as ReservationFact;
  const holder = type === 'Reserved' ? data.by : null;
  if (type === 'Reserved' || type === 'Released')
    write(database, event.category, event.id, { holder }, data.at);
}

function applyOfRegistry(database: Database, id: string, { type, data }: RegistryFact): void {
  if (type === 'RegistryCreated') write(database, 'slug', data.slug, { used_by: id }, data.at);
  else if (type === 'HostAdded') write(database, 'host', data.host, { used_by: id }, data.at);
  else if (type === 'HostRemoved') write(database, 'host', data.host, { used_by: null }, data.at);
}

function applyOfUser(database: Database, id: string, { type, data }: UserFact): void {
  if (type === 'UserRegistered') write(database, 'email', data.emailIndex, { used_by: id }, data.at);
  if (type === 'UserIdentityLinked') write(database, 'identity', data.subjectIndex, { used_by: id }, data.at);
  if (type !== 'UserErased') return;
  const used = database.all('SELECT kind, name FROM reservations WHERE used_by = ?', [id]);
  for (const { kind, name } of used)
    write(database, kind as NameKind, name as string, { used_by: null }, data.at);
}

/** Who holds the name from `at` on, or who uses it; null: nobody. */
function write(
  database: Database,
  kind: string,
  name: string,
  change: { readonly holder: string | null } | { readonly used_by: string | null },
  at: string,
): void {
  const [[column, value]] = Object.entries(change) as [[string, string | null]];
  database.run(
    `INSERT INTO reservations (kind, name, ${column}) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET ${column} = excluded.${column}`,
    [kind, name, value],
  );
  database.run(
    `UPDATE reservations SET unfinished_since = iif(holder IS used_by, NULL, ?) WHERE kind = ? AND name = ?`,
    [at, kind, name],
  );
  database.run(
    'DELETE FROM reservations WHERE kind = ? AND name = ? AND holder IS NULL AND used_by IS NULL',
    [kind, name],
  );
}
