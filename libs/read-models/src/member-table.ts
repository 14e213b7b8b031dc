import type { Role } from '#libs/kernel';
import type { MemberAdded, RegistryFact } from '#libs/registries';
import type { Database, Row } from '#libs/sqlite';
import type { Projection } from './projection.js';

export interface MemberRow {
  readonly registry: string;
  /** `usr_…` */
  readonly user: string;
  readonly role: Role;
  readonly addedAt: string;
  /** Revision of the registry's event that changed the member last: the member's version. */
  readonly revision: bigint;
}

/** Members of a registry in the order of their ids, after an id. */
export function listMembers(
  database: Database,
  registry: string,
  after: string | undefined,
  limit: number,
): MemberRow[] {
  const sql = 'SELECT * FROM registry_members WHERE registry = ? AND user > ? ORDER BY user LIMIT ?';
  return database.all(sql, [registry, after ?? '', limit]).map(memberRow);
}

/** One member; undefined for who is none. */
export function findMember(database: Database, registry: string, user: string): MemberRow | undefined {
  const sql = 'SELECT * FROM registry_members WHERE registry = ? AND user = ?';
  const row = database.get(sql, [registry, user]);
  return row && memberRow(row);
}

/** The owners of a registry in the order of their ids: ids of users. */
export function ownersOf(database: Database, registry: string): string[] {
  const sql = `SELECT user FROM registry_members WHERE registry = ? AND role = 'owner' ORDER BY user`;
  return database.all(sql, [registry]).map((row) => row['user'] as string);
}

/** The members of all registries: what an API node keeps in memory. */
export function allMembers(database: Database): MemberRow[] {
  return database.all('SELECT * FROM registry_members').map(memberRow);
}

function memberRow(row: Row): MemberRow {
  return {
    registry: row['registry'] as string,
    user: row['user'] as string,
    role: row['role'] as Role,
    addedAt: row['added_at'] as string,
    revision: BigInt(row['revision'] as string),
  };
}

/** Who belongs to which registry: for nodes with an API. A gate has no use for people. */
export const memberTable: Projection = {
  name: 'members',
  version: 2,
  categories: ['registry'],
  schema: `
    CREATE TABLE registry_members (
      registry TEXT NOT NULL, user TEXT NOT NULL, role TEXT NOT NULL, added_at TEXT NOT NULL, revision TEXT NOT NULL,
      PRIMARY KEY (registry, user)
    ) STRICT, WITHOUT ROWID;`,
  indexes: '',
  apply(database, event) {
    const { type, data } = event as RegistryFact;
    if (type === 'MemberAdded' || type === 'MemberRoleChanged')
      putMember(database, event.id, data, event.revision);
    if (type !== 'MemberRemoved') return;
    database.run('DELETE FROM registry_members WHERE registry = ? AND user = ?', [event.id, data.user]);
  },
};

/** A member with another role stays one since the day of the first. */
function putMember(
  database: Database,
  registry: string,
  { at, user, role }: MemberAdded['data'],
  revision: bigint,
): void {
  database.run(
    `INSERT INTO registry_members (registry, user, role, added_at, revision) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (registry, user) DO UPDATE SET role = excluded.role, revision = excluded.revision`,
    [registry, user, role, at, String(revision)],
  );
}
