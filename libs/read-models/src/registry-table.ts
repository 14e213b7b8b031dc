import { parseDuration } from '#libs/kernel';
import {
  DEFAULT_POLICY,
  isSeenInPolicy,
  isSeenInRegistry,
  type RegistryCreated,
  type RegistryFact,
  type RegistryPolicy,
} from '#libs/registries';
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
  /** Origin of the registry behind the gate that it has to itself; null: the one that all share. */
  readonly upstream: string | null;
  readonly policy: RegistryPolicy;
  /** The policy's: ISO 8601, or null: reads end with the gate's lease. */
  readonly serveReadsFor: string | null;
  /** Revision of the registry's stream that this row shows. */
  readonly revision: bigint;
  /** Revisions of the newest events that changed what people see of the registry, and of its policy: their versions. */
  readonly shownRevision: bigint;
  readonly policyRevision: bigint;
}

export const registryTable: Projection = {
  name: 'registries',
  version: 5,
  categories: ['registry'],
  schema: `
    CREATE TABLE registries (
      id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, plan TEXT NOT NULL,
      created_at TEXT NOT NULL, created_by TEXT NOT NULL, upstream TEXT, policy TEXT,
      revision TEXT NOT NULL, shown_revision TEXT NOT NULL, policy_revision TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE registry_hosts (
      host TEXT PRIMARY KEY, registry TEXT NOT NULL, place INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX registry_hosts_by_registry ON registry_hosts (registry, place);`,
  indexes: '',
  apply(database, event) {
    change(database, event.id, event as RegistryFact);
    const columns = ['revision'];
    if (isSeenInRegistry(event)) columns.push('shown_revision');
    if (isSeenInPolicy(event)) columns.push('policy_revision');
    const assignments = columns.map((column) => `${column} = ?1`).join(', ');
    database.run(`UPDATE registries SET ${assignments} WHERE id = ?2`, [String(event.revision), event.id]);
  },
};

function change(database: Database, id: string, { type, data }: RegistryFact): void {
  switch (type) {
    case 'RegistryCreated':
      return insertRegistry(database, id, data);
    case 'HostAdded':
      return insertHost(database, id, data.host);
    case 'HostRemoved':
      database.run('DELETE FROM registry_hosts WHERE host = ? AND registry = ?', [data.host, id]);
      return;
    case 'RegistryRenamed':
      database.run('UPDATE registries SET name = ? WHERE id = ?', [data.name, id]);
      return;
    case 'RegistryUpstreamChanged':
      database.run('UPDATE registries SET upstream = ? WHERE id = ?', [data.upstream, id]);
      return;
    case 'RegistryPolicyChanged':
      database.run('UPDATE registries SET policy = ? WHERE id = ?', [JSON.stringify(data.policy), id]);
      return;
    case 'RegistryPlanChanged':
      database.run('UPDATE registries SET plan = ? WHERE id = ?', [data.plan, id]);
      return;
    case 'AlertRuleChanged':
    case 'RuleMuted':
    case 'AlertSettingsChanged':
    case 'MemberAdded':
    case 'MemberRoleChanged':
    case 'MemberRemoved':
    case 'ChannelConfigured':
    case 'ChannelRemoved':
    case 'NotificationSecretIssued':
    case 'NotificationSecretRemoved':
      // In tables of their own, which a gate does not keep.
      return;
  }
}

function insertRegistry(database: Database, id: string, data: RegistryCreated['data']): void {
  database.run(
    `INSERT INTO registries (id, slug, name, plan, created_at, created_by, revision, shown_revision, policy_revision)
     VALUES (?, ?, ?, ?, ?, ?, '0', '0', '0') ON CONFLICT DO NOTHING`,
    [id, data.slug, data.name, data.plan, data.at, data.createdBy],
  );
}

/** The first registry that got a host keeps it, as at the gate. */
function insertHost(database: Database, registry: string, host: string): void {
  database.run(
    `INSERT INTO registry_hosts (host, registry, place)
     VALUES (?, ?, (SELECT coalesce(max(place) + 1, 0) FROM registry_hosts WHERE registry = ?)) ON CONFLICT (host) DO NOTHING`,
    [host, registry, registry],
  );
}

/** A registry by slug or id; ids begin with `reg_`, so they are never a slug. */
export function findRegistry(database: Database, slugOrId: string): RegistryRow | undefined {
  const column = slugOrId.startsWith('reg_') ? 'id' : 'slug';
  const row = database.get(`SELECT * FROM registries WHERE ${column} = ?`, [slugOrId]);
  return row && registryRow(database, row);
}

/** Registries in the order of their slugs, after a slug; `among`: ids, undefined = all. */
export function listRegistries(
  database: Database,
  after: string | undefined,
  limit: number,
  among?: ReadonlySet<string>,
): RegistryRow[] {
  const chosen = among === undefined ? '' : 'AND id IN (SELECT value FROM json_each(?))';
  const ids = among === undefined ? [] : [JSON.stringify([...among])];
  return database
    .all(`SELECT * FROM registries WHERE slug > ? ${chosen} ORDER BY slug LIMIT ?`, [
      after ?? '',
      ...ids,
      limit,
    ])
    .map((row) => registryRow(database, row));
}

/** The registry that has this registry behind the gate (an origin) to itself: its id. */
export function registryOfUpstream(database: Database, upstream: string): string | undefined {
  return database.get('SELECT id FROM registries WHERE upstream = ? ORDER BY id LIMIT 1', [upstream])?.[
    'id'
  ] as string | undefined;
}

/** What a gate keeps in memory of a registry. */
export interface RegistryAtGate {
  readonly id: string;
  readonly slug: string;
  /** undefined: the registry that all share. */
  readonly upstream: string | undefined;
  /** Milliseconds for which reads go on without a lease; 0: not at all. */
  readonly serveReadsForMs: number;
  /** From which its keys are accepted; empty: all. */
  readonly allowedNetworks: readonly string[];
}

/** Every registry and every custom host: what a gate keeps in memory. */
export function eachRegistryAndHost(
  database: Database,
  onRegistry: (registry: RegistryAtGate) => void,
  onHost: (host: string, registry: string) => void,
): void {
  for (const row of database.all('SELECT id, slug, upstream, policy FROM registries')) {
    const { serveReadsFor, allowedNetworks } = policyOf(row);
    onRegistry({
      id: row['id'] as string,
      slug: row['slug'] as string,
      upstream: (row['upstream'] as string | null) ?? undefined,
      serveReadsForMs: parseDuration(serveReadsFor ?? '') ?? 0,
      allowedNetworks,
    });
  }
  for (const row of database.all('SELECT host, registry FROM registry_hosts')) {
    onHost(row['host'] as string, row['registry'] as string);
  }
}

function registryRow(database: Database, row: Row): RegistryRow {
  const id = row['id'] as string;
  const hosts = database.all('SELECT host FROM registry_hosts WHERE registry = ? ORDER BY place', [id]);
  const policy = policyOf(row);
  return {
    id,
    slug: row['slug'] as string,
    name: row['name'] as string,
    plan: row['plan'] as string,
    createdAt: row['created_at'] as string,
    createdBy: row['created_by'] as string,
    hosts: hosts.map((host) => host['host'] as string),
    upstream: row['upstream'] as string | null,
    policy,
    serveReadsFor: policy.serveReadsFor,
    revision: BigInt(row['revision'] as string),
    shownRevision: BigInt(row['shown_revision'] as string),
    policyRevision: BigInt(row['policy_revision'] as string),
  };
}

/** The column is NULL for most registries, for which no policy was laid down. */
function policyOf(row: Row): RegistryPolicy {
  const text = row['policy'] as string | null;
  return text === null ? DEFAULT_POLICY : (JSON.parse(text) as RegistryPolicy);
}
