import { reminderDueAt, timesAfter, type KeyFact, type KeyTimes, type ReminderRules } from '#libs/keys';
import type { RecordedFact } from '#libs/kernel';
import { DEFAULT_POLICY, type RegistryFact } from '#libs/registries';
import type { Database, Row, SqlValue } from '#libs/sqlite';
import type { Projection } from './projection.js';

/** A key of which people are to be reminded. */
export interface ReminderRow {
  readonly id: string;
  readonly registry: string;
  /** RFC 3339; the past means now. */
  readonly dueAt: string;
}

/** Keys whose registry got another policy are written anew in parts of this size: some 10 ms. */
const PART = 1_000;

/**
 * When people are to be reminded of each living key, by its times and its registry's policy: an index leads to those that are
 * due, so that a sweep costs what they cost, however many keys there are. A key that has ended has no row. Another policy
 * reaches the first keys of its registry at once and the others part by part; whoever reminds decides by the policy of now.
 */
export const reminderTable: Projection = {
  name: 'reminders',
  version: 2,
  categories: ['key', 'registry'],
  // `born` is the row id, so that keys are written side by side in the order of the log. `reminders` is NULL for most keys.
  // `followed_to`: the last key (`born`) that follows the rules; NULL: all do.
  schema: `
    CREATE TABLE reminder_keys (
      born INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, registry TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT,
      grace_ends_at TEXT, snoozed_until TEXT, reminders TEXT, due_at TEXT
    ) STRICT;
    CREATE INDEX reminder_keys_by_registry ON reminder_keys (registry, born);
    CREATE TABLE reminder_rules (
      registry TEXT PRIMARY KEY, rules TEXT NOT NULL, followed_to INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX reminder_rules_left ON reminder_rules (registry) WHERE followed_to IS NOT NULL;`,
  indexes: `
    CREATE INDEX IF NOT EXISTS reminder_keys_due ON reminder_keys (due_at) WHERE due_at IS NOT NULL;`,
  later: {
    isLeft: (database) => left(database) !== undefined,
    goOn: (database) => {
      const row = left(database);
      if (row) follow(database, row['registry'] as string, row['followed_to']!);
    },
  },
  apply(database, event) {
    if (event.category === 'key') applyToKey(database, event);
    else if (event.type === 'RegistryPolicyChanged') applyRules(database, event);
  },
};

/** Keys of which people are to be reminded by `now` (RFC 3339), the longest overdue first. */
export function dueReminders(database: Database, now: string, limit: number): ReminderRow[] {
  const sql = `SELECT id, registry, due_at FROM reminder_keys WHERE due_at <= ? ORDER BY due_at LIMIT ?`;
  return database.all(sql, [now, limit]).map((row) => ({
    id: row['id'] as string,
    registry: row['registry'] as string,
    dueAt: row['due_at'] as string,
  }));
}

function applyToKey(database: Database, event: RecordedFact): void {
  const fact = event as unknown as KeyFact;
  const { id, position } = event;
  if (fact.type === 'KeyGenerated') {
    const { registry } = fact.data;
    const times = timesAfter(undefined, fact)!;
    const values = [position, id, registry, times.createdAt, times.expiresAt];
    const sql = `INSERT INTO reminder_keys (born, id, registry, created_at, expires_at, due_at) VALUES (?, ?, ?, ?, ?, ?)`;
    database.run(sql, [...values, reminderDueAt(times, rulesOf(database, registry))]);
    return;
  }
  const row = database.get('SELECT * FROM reminder_keys WHERE id = ?', [id]);
  if (!row) return;
  const before = timesOfRow(row);
  const times = timesAfter(before, fact)!;
  if (times === before) return;
  if (times.ended) database.run('DELETE FROM reminder_keys WHERE id = ?', [id]);
  else write(database, id, times, reminderDueAt(times, rulesOf(database, row['registry'] as string)));
}

function applyRules(database: Database, { id, data }: RecordedFact): void {
  const { policy } = data as Extract<RegistryFact, { type: 'RegistryPolicyChanged' }>['data'];
  const rules: ReminderRules = { rotationPeriod: policy.rotationPeriod, reminders: policy.reminders };
  const before = rulesOf(database, id);
  if (JSON.stringify(before) === JSON.stringify(rules)) return;
  database.run(
    'INSERT INTO reminder_rules (registry, rules) VALUES (?, ?) ON CONFLICT DO UPDATE SET rules = excluded.rules',
    [id, JSON.stringify(rules)],
  );
  follow(database, id, -1n);
}

/** A registry that has keys which do not follow its rules yet. */
function left(database: Database): Row | undefined {
  return database
    .statement('SELECT registry, followed_to FROM reminder_rules WHERE followed_to IS NOT NULL LIMIT 1')
    .withBigInts()
    .get();
}

/** Makes the next keys of a registry follow its rules, and notes where they end. */
function follow(database: Database, registry: string, after: SqlValue): void {
  const rules = rulesOf(database, registry);
  const rows = database
    .statement('SELECT * FROM reminder_keys WHERE registry = ? AND born > ? ORDER BY born LIMIT ?')
    .withBigInts()
    .all([registry, after, PART]);
  for (const row of rows) {
    const dueAt = reminderDueAt(timesOfRow(row), rules);
    if (dueAt !== row['due_at'])
      database.run('UPDATE reminder_keys SET due_at = ? WHERE born = ?', [dueAt, row['born']!]);
  }
  const followedTo = rows.length < PART ? null : rows.at(-1)!['born']!;
  database.run('UPDATE reminder_rules SET followed_to = ? WHERE registry = ?', [followedTo, registry]);
}

function write(database: Database, id: string, times: KeyTimes, dueAt: string | null): void {
  const reminders = times.reminders.length === 0 ? null : JSON.stringify(times.reminders);
  database.run(
    `UPDATE reminder_keys SET expires_at = ?, grace_ends_at = ?, snoozed_until = ?, reminders = ?, due_at = ? WHERE id = ?`,
    [times.expiresAt, times.rotation?.graceEndsAt ?? null, times.snoozedUntil, reminders, dueAt, id],
  );
}

function timesOfRow(row: Row): KeyTimes {
  const graceEndsAt = row['grace_ends_at'] as string | null;
  const reminders = row['reminders'] as string | null;
  return {
    createdAt: row['created_at'] as string,
    expiresAt: row['expires_at'] as string | null,
    rotation: graceEndsAt === null ? null : { graceEndsAt },
    ended: false,
    snoozedUntil: row['snoozed_until'] as string | null,
    reminders: reminders === null ? [] : (JSON.parse(reminders) as KeyTimes['reminders']),
  };
}

/** Most registries have the policy that holds where none was laid down, and no row. */
function rulesOf(database: Database, registry: string): ReminderRules {
  const row = database.get('SELECT rules FROM reminder_rules WHERE registry = ?', [registry]);
  return row ? (JSON.parse(row['rules'] as string) as ReminderRules) : DEFAULT_RULES;
}

const DEFAULT_RULES: ReminderRules = {
  rotationPeriod: DEFAULT_POLICY.rotationPeriod,
  reminders: DEFAULT_POLICY.reminders,
};
