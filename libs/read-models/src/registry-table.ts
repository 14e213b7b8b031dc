import type { HostAdded, RegistryCreated, RegistryFact } from '#libs/registries';
import type { Database, Row } from '#libs/sqlite';
import type { Projection } from './projection.js';

export interface RegistryRow {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly plan: string;
  readonly createdAt: string;
  readonly createdBy: string;
  /** Custom hosts, in the order in which they were added. */
  readonly hosts: readonly string[];
  /** Revision of the registry's stream that this row shows. */
  readonly revision: bigint;
}

export const registryTable: Projection = {
  name: 'registries',
  version: 1,
  categories: ['registry'],
  schema: `
    CREATE TABLE registries (
      id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, plan TEXT NOT NULL,
      created_at TEXT NOT NULL, created_by TEXT NOT NULL, revision TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE registry_hosts (
      host TEXT PRIMARY KEY, registry TEXT NOT NULL, place INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX registry_hosts_by_registry ON registry_hosts (registry, place);`,
  indexes: '',
  apply(database, event) {
    const type = event.type as RegistryFact['type'];
    if (type === 'RegistryCreated') insertRegistry(database, event.id, event.data as RegistryCreated['data']);
    if (type === 'HostAdded') insertHost(database, event.id, event.data as HostAdded['data']);
    database.run('UPDATE registries SET revision = ? WHERE id = ?', [String(event.revision), event.id]);
  },
};

function insertRegistry(database: Database, id: string, data: RegistryCreated['data']): void {
  database.run(
    `INSERT INTO registries (id, slug, name, plan, created_at, created_by, revision) VALUES (?, ?, ?, ?, ?, ?, '0') ON CONFLICT DO NOTHING`,
    [id, data.slug, data.name, data.plan, data.at, data.createdBy],
  );
}

function insertHost(database: Database, registry: string, data: HostAdded['data']): void {
  database.run(
    `INSERT INTO registry_hosts (host, registry, place)
     VALUES (?, ?, (SELECT count(*) FROM registry_hosts WHERE registry = ?)) ON CONFLICT (host) DO NOTHING`,
    [data.host, registry, registry],
  );
}

/** A registry by slug or id; ids begin with `reg_`, so they are never a slug. */
export function findRegistry(database: Database, slugOrId: string): RegistryRow | undefined {
  const column = slugOrId.startsWith('reg_') ? 'id' : 'slug';
  const row = database.get(`SELECT * FROM registries WHERE ${column} = ?`, [slugOrId]);
  return row && registryRow(database, row);
}

/** Registries in the order of their slugs, after a slug. */
export function listRegistries(database: Database, after: string | undefined, limit: number): RegistryRow[] {
  return database
    .all('SELECT * FROM registries WHERE slug > ? ORDER BY slug LIMIT ?', [after ?? '', limit])
    .map((row) => registryRow(database, row));
}

/** Every registry's id and slug, and every custom host: what a gate keeps in memory. */
export function eachRegistryAndHost(
  database: Database,
  onRegistry: (id: string, slug: string) => void,
  onHost: (host: string, registry: string) => void,
): void {
  for (const row of database.all('SELECT id, slug FROM registries'))
    onRegistry(row['id'] as string, row['slug'] as string);
  for (const row of database.all('SELECT host, registry FROM registry_hosts')) {
    onHost(row['host'] as string, row['registry'] as string);
  }
}

function registryRow(database: Database, row: Row): RegistryRow {
  const id = row['id'] as string;
  const hosts = database.all('SELECT host FROM registry_hosts WHERE registry = ? ORDER BY place', [id]);
  return {
    id,
    slug: row['slug'] as string,
    name: row['name'] as string,
    plan: row['plan'] as string,
    createdAt: row['created_at'] as string,
    createdBy: row['created_by'] as string,
    hosts: hosts.map((host) => host['host'] as string),
    revision: BigInt(row['revision'] as string),
  };
}
