import { v5 as uuidv5 } from 'uuid';
import type { RecordedFact } from '#libs/kernel';
import { eventOf, subscriptionOf, TEST_EVENT, type DeliveryFact } from '#libs/notifications';
import type { Channel, ChannelConfigured, ChannelRemoved } from '#libs/registries';
import type { Database } from '#libs/sqlite';
import type { Projection } from './projection.js';

/** What ids of deliveries are derived in. */
const DELIVERIES = 'c2b5d3b4-44a5-4b4c-9a0e-6f4f0f8f3c1e';
/** A channel keeps so many deliveries, and those that are still open; the log keeps all. */
const KEPT_PER_CHANNEL = 1_000;
/** A user keeps so many, open or not: without a mail server none is ever sent. */
const KEPT_PER_USER = 100;
export const OPEN = `status IN ('pending', 'failed')`;

/** Channels, and what is to be delivered to whom: for nodes with an API or a worker. */
export const notificationTable: Projection = {
  name: 'notifications',
  version: 2,
  categories: ['registry', 'key', 'alert', 'digest', 'delivery'],
  schema: `
    CREATE TABLE channels (
      id TEXT PRIMARY KEY, registry TEXT NOT NULL, created_at TEXT NOT NULL, since INTEGER NOT NULL, revision INTEGER NOT NULL,
      data TEXT NOT NULL
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

type Subscriber = Pick<Channel, 'channel' | 'events' | 'disabled'>;

/** More registries than this are asked for anew now and then: a few megabytes. */
const KEPT_REGISTRIES = 10_000;
/** What is asked for at every fact of a key: the channels of each registry, kept until one of them changes. */
const subscribers = new WeakMap<Database, Map<string, readonly Subscriber[]>>();

function channelsOf(database: Database, registry: string): readonly Subscriber[] {
  const known = subscribers.get(database) ?? new Map<string, readonly Subscriber[]>();
  subscribers.set(database, known);
  const kept = known.get(registry);
  if (kept) return kept;
  if (known.size >= KEPT_REGISTRIES) known.clear();
  const rows = database.all('SELECT data FROM channels WHERE registry = ?', [registry]);
  const channels = rows.map((row) => JSON.parse(row['data'] as string) as Channel);
  known.set(registry, channels);
  return channels;
}

function configure(
  database: Database,
  { id, data, position, revision }: RecordedFact<ChannelConfigured>,
): void {
  database.run(
    `INSERT INTO channels (id, registry, created_at, since, revision, data) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET data = excluded.data, revision = excluded.revision`,
    [data.channel, id, data.at, position, revision, JSON.stringify(data)],
  );
  subscribers.delete(database);
  if (data.disabled === null) return;
  database.run(
    `UPDATE deliveries SET status = 'dead', error = 'the channel is disabled', next_attempt_at = NULL
     WHERE target = ? AND ${OPEN}`,
    [data.channel],
  );
}

function remove(database: Database, { data: { channel } }: RecordedFact<ChannelRemoved>): void {
  subscribers.delete(database);
  database.run('DELETE FROM channels WHERE id = ?', [channel]);
  database.run('DELETE FROM deliveries WHERE target = ?', [channel]);
}

/** A fact of a key or an alert: it is due to every channel that wants it, and to the users that it names. */
function notify(database: Database, fact: RecordedFact): void {
  const event = eventOf(fact.type);
  const { registry, recipients, tells } = fact.data as Readonly<Record<string, unknown>>;
  if (event === undefined || typeof registry !== 'string') return;
  // An alert that is kept back is told of by the digest.
  if (tells === false) return;
  for (const { channel, events, disabled } of channelsOf(database, registry)) {
    if (disabled === null && events.includes(subscriptionOf(event)))
      due(database, fact, event, registry, channel);
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
