import type { AlertRaised, HeldAlert, Outcome, RuleName, SealedNote, Severity } from '#libs/alerts';
import type { Database, Row, SqlValue } from '#libs/sqlite';

export const ALERT_STATUSES = ['open', 'acknowledged', 'resolved'] as const;
export type AlertStatus = (typeof ALERT_STATUSES)[number];

export interface AlertRow {
  readonly id: string;
  readonly registry: string;
  /** null: it concerns the registry. */
  readonly key: string | null;
  readonly rule: RuleName;
  readonly severity: Severity;
  readonly status: AlertStatus;
  readonly count: number;
  readonly raisedAt: string;
  /** When it was last told of: raised, or repeated. */
  readonly lastAt: string;
  readonly since: string;
  /** Of the newest telling. */
  readonly evidence: AlertRaised['data']['evidence'];
  readonly baseline: AlertRaised['data']['baseline'];
  readonly next: AlertRaised['data']['next'];
  readonly acknowledged: {
    readonly at: string;
    readonly by: string;
    readonly note: SealedNote | null;
  } | null;
  readonly resolved: { readonly at: string; readonly by: string; readonly outcome: Outcome } | null;
  /** Whether it waits for the digest. */
  readonly held: boolean;
  /** Commit position of AlertRaised: the order of the list. */
  readonly position: bigint;
  readonly revision: bigint;
}

export interface AlertFilter {
  readonly statuses?: readonly string[] | undefined;
  readonly severities?: readonly string[] | undefined;
  readonly rule?: string | undefined;
  readonly key?: string | undefined;
}

/** An alert of this registry; one of another looks like none. */
export function findAlert(database: Database, registry: string, id: string): AlertRow | undefined {
  const row = database
    .statement('SELECT * FROM alerts WHERE id = ? AND registry = ?')
    .withBigInts()
    .get([id, registry]);
  return row && alertRow(row);
}

/** The newest first, after a place (the position of an alert). */
export function listAlerts(
  database: Database,
  registry: string,
  { statuses, severities, rule, key }: AlertFilter,
  after: string | undefined,
  limit: number,
): AlertRow[] {
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  const among = (column: string, list: readonly string[] | undefined): void => {
    if (list === undefined) return;
    conditions.push(`AND ${column} IN (${list.map(() => '?').join(', ')})`);
    values.push(...list);
  };
  among('status', statuses);
  among('severity', severities);
  among('rule', rule === undefined ? undefined : [rule]);
  among('key', key === undefined ? undefined : [key]);
  if (after !== undefined) {
    conditions.push('AND position < ?');
    values.push(BigInt(after));
  }
  return database
    .statement(
      `SELECT * FROM alerts WHERE registry = ? ${conditions.join(' ')} ORDER BY position DESC LIMIT ?`,
    )
    .withBigInts()
    .all([registry, ...values, limit])
    .map(alertRow);
}

/** Position of the newest usage fact that an alert was told of: nothing up to there is told again. */
export function newestFound(database: Database): bigint | undefined {
  const row = database.statement('SELECT max(found) AS found FROM alerts').withBigInts().get([]);
  return (row?.['found'] as bigint | null | undefined) ?? undefined;
}

/** What waits for the digest of a registry. */
export interface HeldAlerts {
  readonly registry: string;
  readonly total: number;
  /** RFC 3339: when the oldest was raised. */
  readonly oldestAt: string;
  /** Whether one of them is of more than low severity. */
  readonly isGrave: boolean;
  /** Commit positions of the oldest and the newest. */
  readonly first: bigint;
  readonly until: bigint;
}

export function heldAlerts(database: Database): HeldAlerts[] {
  const rows = database
    .statement(
      `SELECT registry, count(*) AS total, min(raised_at) AS oldest, max(severity <> 'low') AS grave, min(position) AS first,
         max(position) AS until FROM alerts WHERE held = 1 GROUP BY registry`,
    )
    .withBigInts()
    .all([]);
  return rows.map((row) => ({
    registry: row['registry'] as string,
    total: Number(row['total']),
    oldestAt: row['oldest'] as string,
    isGrave: Number(row['grave']) === 1,
    first: row['first'] as bigint,
    until: row['until'] as bigint,
  }));
}

/** Those of them that a digest names: the gravest first. */
export function namedAlerts(
  database: Database,
  { registry, until }: Pick<HeldAlerts, 'registry' | 'until'>,
  limit: number,
): HeldAlert[] {
  return database
    .statement(
      `SELECT * FROM alerts WHERE held = 1 AND registry = ? AND position <= ?
       ORDER BY severity = 'low', position LIMIT ?`,
    )
    .withBigInts()
    .all([registry, until, limit])
    .map(alertRow)
    .map(({ id: alert, key, rule, severity, count }) => ({ alert, key, rule, severity, count }));
}

function alertRow(row: Row): AlertRow {
  const details = JSON.parse(row['details'] as string) as Pick<AlertRow, 'evidence' | 'baseline' | 'next'>;
  return {
    id: row['id'] as string,
    registry: row['registry'] as string,
    key: row['key'] as string | null,
    rule: row['rule'] as RuleName,
    severity: row['severity'] as Severity,
    status: row['status'] as AlertStatus,
    count: Number(row['count']),
    raisedAt: row['raised_at'] as string,
    lastAt: row['last_at'] as string,
    since: row['since'] as string,
    ...details,
    acknowledged: JSON.parse((row['acknowledged'] as string | null) ?? 'null') as AlertRow['acknowledged'],
    resolved: JSON.parse((row['resolved'] as string | null) ?? 'null') as AlertRow['resolved'],
    held: Number(row['held']) === 1,
    position: row['position'] as bigint,
    revision: row['revision'] as bigint,
  };
}
