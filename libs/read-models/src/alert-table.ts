import {
  configurationAfter,
  DEFAULT_CONFIGURATION,
  isConfigurationFact,
  type AlertConfiguration,
  type AlertFact,
  type AlertsDigested,
} from '#libs/alerts';
import type { RecordedFact } from '#libs/kernel';
import type { Database } from '#libs/sqlite';
import type { Projection } from './projection.js';

/** Alerts, and what is laid down for them: for nodes with an API or a worker. */
export const alertTable: Projection = {
  name: 'alerts',
  version: 1,
  categories: ['registry', 'alert', 'digest'],
  // `position` is that of AlertRaised in the log; `found` that of the newest usage fact that was told of. `held`: nobody was told.
  schema: `
    CREATE TABLE alerts (
      id TEXT PRIMARY KEY, registry TEXT NOT NULL, key TEXT, rule TEXT NOT NULL, severity TEXT NOT NULL, status TEXT NOT NULL,
      count INTEGER NOT NULL, raised_at TEXT NOT NULL, last_at TEXT NOT NULL, since TEXT NOT NULL, details TEXT NOT NULL,
      acknowledged TEXT, resolved TEXT, held INTEGER NOT NULL, position INTEGER NOT NULL, found INTEGER NOT NULL,
      revision INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX alerts_held ON alerts (registry, position) WHERE held = 1;
    CREATE TABLE alert_configurations (
      registry TEXT PRIMARY KEY, configuration TEXT NOT NULL, versions TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;`,
  indexes: `
    CREATE INDEX IF NOT EXISTS alerts_by_registry ON alerts (registry, position);
    CREATE INDEX IF NOT EXISTS alerts_found ON alerts (found);`,
  apply(database, event) {
    if (event.category === 'alert') applyAlert(database, event as RecordedFact<AlertFact>);
    else if (event.category === 'digest') applyDigest(database, event as RecordedFact<AlertsDigested>);
    else configure(database, event);
  },
};

function applyAlert(database: Database, fact: RecordedFact<AlertFact>): void {
  const { id, type, data, position, revision } = fact as RecordedFact & AlertFact;
  const change = (columns: string, where: string, ...values: (string | number | bigint)[]): void => {
    database.run(`UPDATE alerts SET ${columns}, revision = ? WHERE id = ? AND ${where}`, [
      ...values,
      revision,
      id,
    ]);
  };
  switch (type) {
    case 'AlertRaised': {
      const { registry, key, rule, severity, count, at, since, evidence, baseline, next, tells } = data;
      const details = JSON.stringify({ evidence, baseline, next });
      database.run(
        `INSERT INTO alerts (id, registry, key, rule, severity, status, count, raised_at, last_at, since, details, held,
           position, found, revision)
         VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        [
          id, registry, key, rule, severity, count, at, at, since, details, tells ? 0 : 1, position, BigInt(data.position), revision,
        ], // prettier-ignore
      );
      return;
    }
    case 'AlertRepeated':
      return change(
        `count = max(count, ?), last_at = ?, details = json_set(details, '$.evidence', json(?)), found = ?`,
        'true',
        data.count,
        data.at,
        JSON.stringify(data.evidence),
        BigInt(data.position),
      );
    case 'AlertAcknowledged': {
      const { at, by, note } = data;
      const acknowledged = JSON.stringify({ at, by, note });
      return change(`status = 'acknowledged', acknowledged = ?`, `status = 'open'`, acknowledged);
    }
    case 'AlertResolved': {
      const { at, by, outcome } = data;
      return change(
        `status = 'resolved', held = 0, resolved = ?`,
        `status <> 'resolved'`,
        JSON.stringify({ at, by, outcome }),
      );
    }
  }
}

function applyDigest(database: Database, { data: { registry, until } }: RecordedFact<AlertsDigested>): void {
  database.run('UPDATE alerts SET held = 0 WHERE held = 1 AND registry = ? AND position <= ?', [
    registry,
    BigInt(until),
  ]);
}

/** What was laid down, and the newest revision of the registry's stream that says something about a rule, by its name. */
function configure(database: Database, fact: RecordedFact): void {
  if (!isConfigurationFact(fact)) return;
  const { id, revision } = fact as RecordedFact;
  const row = readConfiguration(database, id);
  const changed =
    'rule' in fact.data ? fact.data.rule : fact.type === 'AlertSettingsChanged' ? '' : undefined;
  const versions = changed === undefined ? row.versions : { ...row.versions, [changed]: `${revision}` };
  database.run(
    `INSERT INTO alert_configurations (registry, configuration, versions) VALUES (?, ?, ?)
     ON CONFLICT (registry) DO UPDATE SET configuration = excluded.configuration, versions = excluded.versions`,
    [id, JSON.stringify(configurationAfter(row.configuration, fact)), JSON.stringify(versions)],
  );
}

export interface ConfigurationRow {
  readonly configuration: AlertConfiguration;
  /** Revisions by the name of a rule; '' is that of what holds for all rules. One that was never laid down is not there. */
  readonly versions: Readonly<Record<string, string>>;
}

/** What is laid down for the alerts of a registry; the defaults where nothing is. */
export function readConfiguration(database: Database, registry: string): ConfigurationRow {
  const row = database.get('SELECT * FROM alert_configurations WHERE registry = ?', [registry]);
  if (!row) return { configuration: DEFAULT_CONFIGURATION, versions: {} };
  return {
    configuration: JSON.parse(row['configuration'] as string) as AlertConfiguration,
    versions: JSON.parse(row['versions'] as string) as Record<string, string>,
  };
}
