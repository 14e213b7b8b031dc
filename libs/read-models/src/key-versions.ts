import type { Permission } from '#libs/keys';
import type { Database } from '#libs/sqlite';

/** What a key could reach for a time. */
export interface KeyReach {
  /** RFC 3339; `until` null: it still holds. */
  readonly from: string;
  readonly until: string | null;
  /** As the log has it: whether it had expired by the clock is the reader's part. */
  readonly status: string;
  readonly permission: Permission;
  /** Patterns; empty: every repository. */
  readonly repositories: readonly string[];
  /** Empty: from every network. */
  readonly networks: readonly string[];
}

/** What a key could reach in its life, the oldest first. */
export function keyReaches(database: Database, registry: string, id: string): KeyReach[] {
  const columns = 'since, status, permission, repositories, networks';
  const rows = database.all(
    `SELECT ${columns}, until FROM key_history WHERE born = (SELECT born FROM keys WHERE id = ?1 AND registry = ?2)
     UNION ALL SELECT ${columns}, NULL FROM keys WHERE id = ?1 AND registry = ?2 ORDER BY 1`,
    [id, registry],
  );
  return rows.map((row) => ({
    from: row['since'] as string,
    until: row['until'] as string | null,
    status: row['status'] as string,
    permission: row['permission'] as Permission,
    repositories: JSON.parse(row['repositories'] as string) as string[],
    networks: JSON.parse(row['networks'] as string) as string[],
  }));
}

/** Keys of the registry that have the same creator or the same lineage, the newest first. */
export function relatedKeys(
  database: Database,
  { registry, id, createdBy }: { registry: string; id: string; createdBy: string },
  limit: number,
): { id: string; because: 'creator' | 'lineage' }[] {
  // Forwards and backwards from the key, in the generations that a lineage has.
  const lineage = database.all(
    `WITH RECURSIVE line (id, rotates) AS (
       SELECT id, rotates FROM keys WHERE id = ?1 AND registry = ?2
       UNION SELECT keys.id, keys.rotates FROM keys JOIN line ON keys.registry = ?2
         AND (keys.id = line.rotates OR (keys.rotates = line.id AND keys.linked = 1)))
     SELECT id FROM line WHERE id <> ?1 LIMIT ?3`,
    [id, registry, limit],
  );
  const siblings = database.all(
    'SELECT id FROM keys WHERE registry = ? AND created_by = ? AND id <> ? ORDER BY born DESC LIMIT ?',
    [registry, createdBy, id, limit],
  );
  return [
    ...lineage.map((row) => ({ id: row['id'] as string, because: 'lineage' as const })),
    ...siblings.map((row) => ({ id: row['id'] as string, because: 'creator' as const })),
  ];
}
