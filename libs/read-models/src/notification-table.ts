import { v5 as uuidv5 } from 'uuid';
import type { RecordedFact } from '#libs/kernel';
import { eventOf, TEST_EVENT, type DeliveryFact } from '#libs/notifications';
import type { Channel, ChannelConfigured, ChannelRemoved } from '#libs/registries';
import type { Database, Row } from '#libs/sqlite';
import type { Projection } from './projection.js';

export interface ChannelRow extends Channel {
  readonly registry: string;
  readonly createdAt: string;
  /** Commit position from which on facts notify it: the order of birth. */
  readonly since: bigint;
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

/** What ids of deliveries are derived in. */
const DELIVERIES = 'c2b5d3b4-44a5-4b4c-9a0e-6f4f0f8f3c1e';
/** A channel keeps so many deliveries, and those that are still open; the log keeps all. */
const KEPT_PER_CHANNEL = 1_000;
/** A user keeps so many, open or not: without a mail server none is ever sent. */
const KEPT_PER_USER = 100;
const OPEN = `status IN ('pending', 'failed')`;

/** Channels, and what is to be delivered to whom: for nodes with an API or a worker. */
export const notificationTable: Projection = {
  name: 'notifications',
  version: 1,
  categories: ['registry', 'key', 'alert', 'delivery'],
  schema: `
    CREATE TABLE channels (
      id TEXT PRIMARY KEY, registry TEXT NOT NULL, created_at TEXT NOT NULL, since INTEGER NOT NULL, data TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX channels_by_registry ON channels (registry, since);
    CREATE TABLE deliveries (
      id TEXT PRIMARY KEY, registry TEXT NOT NULL, target TEXT NOT NULL, event TEXT NOT NULL, position INTEGER NOT NULL,
      at TEXT NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL, round INTEGER NOT NULL, http_status INTEGER,
      duration_ms INTEGER, error TEXT, next_attempt_at TEXT, attempted_at TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deliveries_by_target ON deliveries (target, position, id);`,
  indexes: `
    CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (next_attempt_at) WHERE ${OPEN};`,
  apply(database, event) {
    if (event.type === 'ChannelConfigured') configure(database, event as RecordedFact<ChannelConfigured>);
    else if (event.type === 'ChannelRemoved') remove(database, event as RecordedFact<ChannelRemoved>);
    else if (event.category === 'delivery') record(database, event as RecordedFact<DeliveryFact>);
    else notify(database, event);
  },
};

function configure(database: Database, { id, data, position }: RecordedFact<ChannelConfigured>): void {
  database.run(
    `INSERT INTO channels (id, registry, created_at, since, data) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET data = excluded.data`,
    [data.channel, id, data.at, position, JSON.stringify(data)],
  );
  if (data.disabled === null) return;
  database.run(
    `UPDATE deliveries SET status = 'dead', error = 'the channel is disabled', next_attempt_at = NULL
     WHERE target = ? AND ${OPEN}`,
    [data.channel],
  );
}

function remove(database: Database, { data: { channel } }: RecordedFact<ChannelRemoved>): void {
  database.run('DELETE FROM channels WHERE id = ?', [channel]);
  database.run('DELETE FROM deliveries WHERE target = ?', [channel]);
}

/** A fact of a key or an alert: it is due to every channel that wants it, and to the users that it names. */
function notify(database: Database, fact: RecordedFact): void {
  const event = eventOf(fact.type);
  const { registry, recipients } = fact.data as { registry?: unknown; recipients?: unknown };
  if (event === undefined || typeof registry !== 'string') return;
  const rows = database.all('SELECT id, data FROM channels WHERE registry = ?', [registry]);
  for (const row of rows) {
    const { events, disabled } = JSON.parse(row['data'] as string) as Channel;
    if (disabled === null && events.includes(event))
      due(database, fact, event, registry, row['id'] as string);
  }
  const users = Array.isArray(recipients) ? recipients.filter((user) => typeof user === 'string') : [];
  for (const user of users) due(database, fact, event, registry, user);
}

function due(
  database: Database,
  fact: RecordedFact,
  event: string,
  registry: string,
  target: string,
  id = deliveryId(fact.eventId, target),
): void {
  const { at } = fact.data as { at: string };
  database.run(
    `INSERT INTO deliveries (id, registry, target, event, position, at, status, attempts, round, next_attempt_at)
     VALUES (?, ?, ?, ?, ?, ?, 'pending', 0, ?, ?) ON CONFLICT DO NOTHING`,
    [id, registry, target, event, fact.position, at, event === TEST_EVENT ? 1 : 0, at],
  );
  forgetOld(database, target);
}

function forgetOld(database: Database, target: string): void {
  const isUser = target.startsWith('usr_');
  const [kept, which] = isUser ? [KEPT_PER_USER, ''] : [KEPT_PER_CHANNEL, `AND NOT ${OPEN}`];
  database.run(
    `DELETE FROM deliveries WHERE target = ? ${which} AND position <=
       (SELECT position FROM deliveries WHERE target = ? ORDER BY position DESC LIMIT 1 OFFSET ${kept})`,
    [target, target],
  );
}

/** The id of the delivery of a fact to a target. */
function deliveryId(eventId: string, target: string): string {
  return uuidv5(`${eventId} ${target}`, DELIVERIES);
}

function record(database: Database, fact: RecordedFact<DeliveryFact>): void {
  const { id, type, data } = fact as { id: string } & DeliveryFact;
  const change = (columns: string, ...values: (string | number | null)[]): void => {
    database.run(`UPDATE deliveries SET ${columns} WHERE id = ?`, [...values, id]);
  };
  switch (type) {
    case 'NotificationRequested':
      if (data.test && isChannel(database, data.channel))
        return due(database, fact, TEST_EVENT, data.registry, data.channel, id);
      return change(
        `status = 'pending', attempts = 0, round = round + 1, error = NULL, next_attempt_at = ?`,
        data.at,
      );
    case 'NotificationDelivered':
      return change(
        `status = 'delivered', attempts = ?, http_status = ?, duration_ms = ?, error = NULL, next_attempt_at = NULL,
         attempted_at = ?`,
        data.attempts,
        data.status,
        data.durationMs,
        data.at,
      );
    case 'NotificationFailed':
      return change(
        `status = iif(? IS NULL, 'dead', 'failed'), attempts = ?, http_status = ?, duration_ms = ?, error = ?,
         next_attempt_at = ?, attempted_at = ?`,
        data.nextAttemptAt,
        data.attempt,
        data.status,
        data.durationMs,
        data.error,
        data.nextAttemptAt,
        data.at,
      );
  }
}

function isChannel(database: Database, id: string): boolean {
  return database.get('SELECT id FROM channels WHERE id = ?', [id]) !== undefined;
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

/**
 * Open deliveries that are due by a time (RFC 3339), the longest due first, at most `perTarget` to each target; mails to users
 * only when they can be sent.
 */
export function dueDeliveries(
  database: Database,
  until: string,
  options: { readonly limit: number; readonly perTarget: number; readonly mailsUsers: boolean },
): DeliveryRow[] {
  const { limit, perTarget, mailsUsers } = options;
  const whom = mailsUsers ? '' : `AND target < 'usr_'`;
  return database
    .statement(
      `SELECT * FROM (
         SELECT *, row_number() OVER (PARTITION BY target ORDER BY next_attempt_at, id) AS place
         FROM deliveries WHERE ${OPEN} AND next_attempt_at <= ? ${whom})
       WHERE place <= ? ORDER BY next_attempt_at, id LIMIT ?`,
    )
    .withBigInts()
    .all([until, perTarget, limit])
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
