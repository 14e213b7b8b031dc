import type { Permission } from '#libs/keys';
import type { Database } from '#libs/sqlite';
import { findKey, type KeyRow } from './key-table.js';

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

/** Keys that this one took over from, and those that took over from it, up to `limit` each way; none where none is kept. */
export function lineageOf(database: Database, key: KeyRow, limit: number): KeyRow[] {
  const walk = (next: (row: KeyRow) => string | null | undefined): KeyRow[] => {
    const found: KeyRow[] = [];
    for (let row: KeyRow | undefined = key; row && found.length < limit;) {
      const id: string | null | undefined = next(row);
      row = id ? findKey(database, key.registry, id) : undefined;
      if (row) found.push(row);
    }
    return found;
  };
  return [...walk((row) => row.rotation?.successor), ...walk((row) => row.rotates)];
}
