import type { DenialReason, KeyUseDenied, UsageAction } from '#libs/usage';
import type { Database, Row } from '#libs/sqlite';

/** Kinds of refusals that a registry keeps, the newest: a screen shows 50, and a flood must not fill the disk. */
export const DENIALS_OF_REGISTRY_KEPT = 1_000;
const MINUTES_PER_HOUR = 60;

/** Refusals of one kind in one hour. */
export interface DenialRow {
  /** Commit position of the first of them: the order of the list. */
  readonly born: bigint;
  /** null: none was named, or there is none of that id. */
  readonly key: string | null;
  readonly reason: DenialReason;
  readonly proven: boolean;
  readonly denied: 'permission' | 'repository' | null;
  readonly action: UsageAction;
  /** Of repository and client, those of the newest. */
  readonly repository: string | null;
  readonly client: string;
  readonly network: string | null;
  readonly country: string | null;
  readonly asn: number | null;
  readonly count: number;
  /** Different ids or secrets that were tried, at least. */
  readonly credentials: number;
  readonly first: string;
  readonly last: string;
}

export const DENIALS_SCHEMA = `
  CREATE TABLE denials (
    registry TEXT NOT NULL, born INTEGER NOT NULL, minute INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT, reason TEXT NOT NULL,
    proven INTEGER NOT NULL, denied TEXT, action TEXT NOT NULL, repository TEXT, client TEXT NOT NULL, network TEXT,
    country TEXT, asn INTEGER, count INTEGER NOT NULL, credentials INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (registry, born), UNIQUE (registry, minute, kind)
  ) STRICT, WITHOUT ROWID;`;

/** Adds it to what is alike in the same hour. */
export function applyDenial(
  database: Database,
  data: KeyUseDenied['data'],
  minute: number,
  position: bigint,
): void {
  const { registry, key, reason, denied, action, repository, client, network, country, asn } = data;
  const kind = JSON.stringify([key, reason, data.proven, denied, action, network, country, asn]);
  const hour = minute - (minute % MINUTES_PER_HOUR);
  const [first, last] = [Date.parse(data.first), Date.parse(data.last)];
  const known = database.run(
    `UPDATE denials SET count = count + ?, credentials = max(credentials, ?), first = min(first, ?), last = max(last, ?),
       repository = ?, client = ? WHERE registry = ? AND minute = ? AND kind = ?`,
    [data.count, data.credentials, first, last, repository, client, registry, hour, kind],
  );
  if (known > 0) return;
  const proven = data.proven ? 1 : 0;
  database.run('INSERT INTO denials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', [
    registry, position, hour, kind, key, reason, proven, denied, action, repository, client, network, country, asn,
    data.count, data.credentials, first, last,
  ]); // prettier-ignore
  database.run(
    `DELETE FROM denials WHERE registry = ?1
       AND born <= (SELECT born FROM denials WHERE registry = ?1 ORDER BY born DESC LIMIT 1 OFFSET ${DENIALS_OF_REGISTRY_KEPT})`,
    [registry],
  );
}

export interface DenialQuery {
  readonly registry: string;
  /** Only those of this key. */
  readonly key?: string;
  /** Only kinds that began before this one; the newest first. */
  readonly before?: bigint;
  readonly limit: number;
}

export function listDenials(database: Database, { registry, key, before, limit }: DenialQuery): DenialRow[] {
  const conditions = ['registry = ?'];
  const values: (string | bigint)[] = [registry];
  if (key !== undefined) {
    conditions.push('key = ?');
    values.push(key);
  }
  if (before !== undefined) {
    conditions.push('born < ?');
    values.push(before);
  }
  return database
    .statement(`SELECT * FROM denials WHERE ${conditions.join(' AND ')} ORDER BY born DESC LIMIT ?`)
    .withBigInts()
    .all([...values, limit])
    .map(denialRow);
}

function denialRow(row: Row): DenialRow {
  return {
    born: row['born'] as bigint,
    key: row['key'] as string | null,
    reason: row['reason'] as DenialReason,
    proven: row['proven'] === 1n,
    denied: row['denied'] as DenialRow['denied'],
    action: row['action'] as UsageAction,
    repository: row['repository'] as string | null,
    client: row['client'] as string,
    network: row['network'] as string | null,
    country: row['country'] as string | null,
    asn: row['asn'] === null ? null : Number(row['asn']),
    count: Number(row['count']),
    credentials: Number(row['credentials']),
    first: new Date(Number(row['first'])).toISOString(),
    last: new Date(Number(row['last'])).toISOString(),
  };
}
