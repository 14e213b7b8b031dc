import type { RecordedFact } from '#libs/kernel';
import type { UserFact } from '#libs/identity';
import type { RegistryFact, ReservationFact } from '#libs/registries';
import type { Database } from '#libs/sqlite';
import type { Projection } from './projection.js';

/** Kinds of names: the categories of their streams. */
export const NAME_KINDS = ['slug', 'host', 'email'] as const;
export type NameKind = (typeof NAME_KINDS)[number];

/** A name that its holder does not use. */
export interface UnusedReservation {
  readonly kind: NameKind;
  /** As in the name of its stream; of an e-mail address its index. */
  readonly name: string;
  /** `reg_…` or `usr_…` */
  readonly holder: string;
}

/**
 * Names that are taken, and whether their holders use them: a name is reserved before it is used, and released after. One
 * that stays unused is what a command left that died on the way. For nodes with workers; a gate has no use for it.
 */
export const reservationTable: Projection = {
  name: 'reservations',
  version: 1,
  categories: [...NAME_KINDS, 'registry', 'user'],
  // `unused_since` is NULL while the holder uses the name.
  schema: `
    CREATE TABLE reservations (
      kind TEXT NOT NULL, name TEXT NOT NULL, holder TEXT NOT NULL, unused_since TEXT, PRIMARY KEY (kind, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX reservations_by_holder ON reservations (holder);`,
  indexes: `
    CREATE INDEX IF NOT EXISTS reservations_unused ON reservations (unused_since) WHERE unused_since IS NOT NULL;`,
  apply(database, event) {
    if (event.category === 'registry') applyOfRegistry(database, event.id, event as RegistryFact);
    else if (event.category === 'user') applyOfUser(database, event.id, event as unknown as UserFact);
    else applyOfName(database, event);
  },
};

/** Names that were not used since before a time (RFC 3339), the oldest first. */
export function unusedReservations(database: Database, before: string, limit: number): UnusedReservation[] {
  const sql = `SELECT kind, name, holder FROM reservations WHERE unused_since < ? ORDER BY unused_since LIMIT ?`;
  return database.all(sql, [before, limit]).map((row) => ({
    kind: row['kind'] as NameKind,
    name: row['name'] as string,
    holder: row['holder'] as string,
  }));
}

/** A name that its holder takes anew while it uses it stays used. */
function applyOfName(database: Database, event: RecordedFact): void {
  const { category, id } = event;
  const { type, data } = event as unknown as ReservationFact;
  if (type === 'Released')
    database.run('DELETE FROM reservations WHERE kind = ? AND name = ?', [category, id]);
  if (type !== 'Reserved') return;
  database.run(
    `INSERT INTO reservations (kind, name, holder, unused_since) VALUES (?, ?, ?, ?)
     ON CONFLICT (kind, name) DO UPDATE SET unused_since = iif(holder = excluded.holder AND unused_since IS NULL, NULL, excluded.unused_since),
       holder = excluded.holder`,
    [category, id, data.by, data.at],
  );
}

function applyOfRegistry(database: Database, id: string, { type, data }: RegistryFact): void {
  if (type === 'RegistryCreated') used(database, 'slug', data.slug, id);
  else if (type === 'HostAdded') used(database, 'host', data.host, id);
  else if (type === 'HostRemoved') {
    const sql = `UPDATE reservations SET unused_since = ? WHERE kind = 'host' AND name = ? AND holder = ?`;
    database.run(sql, [data.at, data.host, id]);
  }
}

function applyOfUser(database: Database, id: string, { type, data }: UserFact): void {
  if (type === 'UserRegistered') used(database, 'email', data.emailIndex, id);
  else if (type === 'UserErased') {
    database.run(`UPDATE reservations SET unused_since = ? WHERE kind = 'email' AND holder = ?`, [
      data.at,
      id,
    ]);
  }
}

function used(database: Database, kind: NameKind, name: string, holder: string): void {
  const sql = 'UPDATE reservations SET unused_since = NULL WHERE kind = ? AND name = ? AND holder = ?';
  database.run(sql, [kind, name, holder]);
}
