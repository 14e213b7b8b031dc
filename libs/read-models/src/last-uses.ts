import type { KeyUsageRecorded, UsageAction } from '#libs/usage';
import type { Database } from '#libs/sqlite';

/** When, from where and for what a key was used last. */
export interface LastUse {
  /** RFC 3339 in UTC with milliseconds. */
  readonly at: string;
  /** /24 or /48; null: not known, as the rest. */
  readonly network: string | null;
  readonly country: string | null;
  readonly client: string | null;
  readonly repository: string | null;
  readonly action: UsageAction;
}

export const LAST_USES_SCHEMA = `
  CREATE TABLE last_uses (
    key TEXT PRIMARY KEY, minute INTEGER NOT NULL, at INTEGER NOT NULL,
    network TEXT, country TEXT, client TEXT, repository TEXT, action TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;`;

/** A fact that only ends earlier requests is no use. */
export function applyLastUse(
  database: Database,
  { key, last }: KeyUsageRecorded['data'],
  minute: number,
): void {
  if (!last) return;
  const { network, country, client, repository, action } = last;
  database.run(
    `INSERT INTO last_uses (key, minute, at, network, country, client, repository, action) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET minute = excluded.minute, at = excluded.at, network = excluded.network, country = excluded.country,
       client = excluded.client, repository = excluded.repository, action = excluded.action WHERE excluded.at >= at`,
    [key, minute, Date.parse(last.at), network, country, client, repository, action],
  );
}

/** The last use of each of these keys, as the log has it; keys that were not used are left out. */
export function lastUses(database: Database, keys: readonly string[]): Map<string, LastUse> {
  const rows = database.all('SELECT * FROM last_uses WHERE key IN (SELECT value FROM json_each(?))', [
    JSON.stringify(keys),
  ]);
  return new Map(
    rows.map((row) => [
      row['key'] as string,
      {
        at: new Date(row['at'] as number).toISOString(),
        network: row['network'] as string | null,
        country: row['country'] as string | null,
        client: row['client'] as string | null,
        repository: row['repository'] as string | null,
        action: row['action'] as UsageAction,
      },
    ]),
  );
}
