import type { Channel } from '#libs/registries';
import type { Database, Row } from '#libs/sqlite';
import { OPEN } from './notification-table.js';

export interface ChannelRow extends Channel {
  readonly registry: string;
  readonly createdAt: string;
  /** Commit position from which on facts notify it: the order of birth. */
  readonly since: bigint;
  /** Of the fact in its registry's stream that the row shows. */
  readonly revision: bigint;
}

/** `failed` is tried again at `nextAttemptAt`; `dead` is given up. */
export type DeliveryStatus = 'pending' | 'failed' | 'delivered' | 'dead';

/** What became of one notification to one target. */
export interface DeliveryRow {
  /** UUIDv5 of the fact's event id and the target: the same on every node. */
  readonly id: string;
  readonly registry: string;
  /** `chn_…`, or `usr_…` for a mail to a user. */
  readonly target: string;
  readonly event: string;
  /** Commit position of the fact that it tells of. */
  readonly position: bigint;
  /** When that happened. */
  readonly at: string;
  readonly status: DeliveryStatus;
  /** Of this round. */
  readonly attempts: number;
  /** How often it was asked for. */
  readonly round: number;
  readonly httpStatus: number | null;
  readonly durationMs: number | null;
  readonly error: string | null;
  readonly nextAttemptAt: string | null;
  /** When it was delivered or tried last. */
  readonly attemptedAt: string | null;
}

/** A channel of this registry; undefined: of any. One of another registry looks like none. */
export function findChannel(database: Database, id: string, registry?: string): ChannelRow | undefined {
  const row = database.statement('SELECT * FROM channels WHERE id = ?').withBigInts().get([id]);
  return row && (registry ?? row['registry']) === row['registry'] ? channelRow(row) : undefined;
}

/** Channels of a registry in the order of their birth, after a position. */
export function listChannels(
  database: Database,
  registry: string,
  after: string | undefined,
  limit: number,
): ChannelRow[] {
  return database
    .statement('SELECT * FROM channels WHERE registry = ? AND since > ? ORDER BY since LIMIT ?')
    .withBigInts()
    .all([registry, BigInt(after ?? -1), limit])
    .map(channelRow);
}

/** A delivery of this registry; undefined: of any. */
export function findDelivery(database: Database, id: string, registry?: string): DeliveryRow | undefined {
  const row = database.statement('SELECT * FROM deliveries WHERE id = ?').withBigInts().get([id]);
  return row && (registry ?? row['registry']) === row['registry'] ? deliveryRow(row) : undefined;
}

/** Deliveries to a target, the newest first, after a place. */
export function listDeliveries(
  database: Database,
  target: string,
  after: { readonly position: string; readonly id: string } | undefined,
  limit: number,
): DeliveryRow[] {
  const beyond = after ? 'AND (position, id) < (?, ?)' : '';
  return database
    .statement(`SELECT * FROM deliveries WHERE target = ? ${beyond} ORDER BY position DESC, id DESC LIMIT ?`)
    .withBigInts()
    .all([target, ...(after ? [BigInt(after.position), after.id] : []), limit])
    .map(deliveryRow);
}

/** Bounds of what is looked at in one round. */
export interface DueBounds {
  readonly limit: number;
  readonly perTarget: number;
  readonly perRegistry: number;
  /** Whether mails to users can be sent; else they wait. */
  readonly mailsUsers: boolean;
  /** Ids of deliveries that take nobody's place now. */
  readonly except?: readonly string[];
}

/**
 * Open deliveries that are due by a time (RFC 3339), at most `perTarget` to each target and `perRegistry` of each registry. In
 * turns, so that a bound hits whoever has much to do: of each registry one before any has two, and there of each target one
 * before any has two; the longest due first.
 */
export function dueDeliveries(database: Database, until: string, bounds: DueBounds): DeliveryRow[] {
  const { limit, perTarget, perRegistry, mailsUsers, except = [] } = bounds;
  const whom = mailsUsers ? '' : `AND target < 'usr_'`;
  return database
    .statement(
      `SELECT deliveries.* FROM (
         SELECT id, row_number() OVER (PARTITION BY registry ORDER BY turn, next_attempt_at, id) AS place FROM (
           SELECT id, registry, next_attempt_at,
             row_number() OVER (PARTITION BY target ORDER BY next_attempt_at, id) AS turn
           FROM deliveries
           WHERE ${OPEN} AND next_attempt_at <= ? ${whom} AND id NOT IN (SELECT value FROM json_each(?)))
         WHERE turn <= ?) JOIN deliveries USING (id)
       WHERE place <= ? ORDER BY place, next_attempt_at, id LIMIT ?`,
    )
    .withBigInts()
    .all([until, JSON.stringify(except), perTarget, perRegistry, limit])
    .map(deliveryRow);
}

/** How many deliveries are in each state that somebody has to see to. */
export function countDeliveries(database: Database): Record<'pending' | 'failed' | 'dead', number> {
  const counts = { pending: 0, failed: 0, dead: 0 };
  const rows = database.all(
    `SELECT status, count(*) AS count FROM deliveries WHERE status <> 'delivered' GROUP BY status`,
  );
  for (const row of rows) counts[row['status'] as 'pending'] = Number(row['count']);
  return counts;
}

function channelRow(row: Row): ChannelRow {
  return {
    ...(JSON.parse(row['data'] as string) as Channel),
    registry: row['registry'] as string,
    createdAt: row['created_at'] as string,
    since: row['since'] as bigint,
    revision: row['revision'] as bigint,
  };
}

function deliveryRow(row: Row): DeliveryRow {
  const number = (name: string): number | null => (row[name] === null ? null : Number(row[name]));
  return {
    id: row['id'] as string,
    registry: row['registry'] as string,
    target: row['target'] as string,
    event: row['event'] as string,
    position: row['position'] as bigint,
    at: row['at'] as string,
    status: row['status'] as DeliveryStatus,
    attempts: Number(row['attempts']),
    round: Number(row['round']),
    httpStatus: number('http_status'),
    durationMs: number('duration_ms'),
    error: row['error'] as string | null,
    nextAttemptAt: row['next_attempt_at'] as string | null,
    attemptedAt: row['attempted_at'] as string | null,
  };
}
