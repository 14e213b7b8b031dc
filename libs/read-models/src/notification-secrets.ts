import type { RegistryFact } from '#libs/registries';
import type { Database } from '#libs/sqlite';
import type { Projection } from './projection.js';

/** What a registry behind the gate proves itself with when it sends notifications: a hash of it. A gate has no use for it. */
export const notificationSecretTable: Projection = {
  name: 'notification-secrets',
  version: 1,
  categories: ['registry'],
  schema: `
    CREATE TABLE notification_secrets (registry TEXT PRIMARY KEY, hash TEXT NOT NULL, issued_at TEXT NOT NULL)
    STRICT, WITHOUT ROWID;`,
  indexes: '',
  apply(database, event) {
    const { type, data } = event as unknown as RegistryFact;
    if (type === 'NotificationSecretIssued') {
      database.run(
        `INSERT INTO notification_secrets VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET hash = excluded.hash, issued_at = excluded.issued_at`,
        [event.id, data.secretHash, data.at],
      );
    } else if (type === 'NotificationSecretRemoved') {
      database.run('DELETE FROM notification_secrets WHERE registry = ?', [event.id]);
    }
  },
};

/** SHA-256 (hex) of the secret of a registry (`reg_…`); undefined: it takes no notifications. */
export function notificationSecretHash(database: Database, registry: string): string | undefined {
  const row = database.get('SELECT hash FROM notification_secrets WHERE registry = ?', [registry]);
  return row?.['hash'] as string | undefined;
}
