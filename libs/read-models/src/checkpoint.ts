import type { Database } from '#libs/sqlite';

/** Where a read-model file stands: which log it was built from, by which projections, up to which event. */
export interface Checkpoint {
  readonly logId: string;
  /** Names and versions of the projections and of the events that they were built from. */
  readonly projections: string;
  /** Commit position of the event last applied; undefined before the first. */
  readonly position: bigint | undefined;
  readonly eventId: string | undefined;
}

export const CHECKPOINT_SCHEMA = `
  CREATE TABLE checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    log_id TEXT NOT NULL, projections TEXT NOT NULL, position TEXT, event_id TEXT
  ) STRICT;`;

/** The stored checkpoint; undefined for a file that is new. */
export function readCheckpoint(database: Database): Checkpoint | undefined {
  if (!database.get(`SELECT 1 AS found FROM sqlite_master WHERE name = 'checkpoint'`)) return undefined;
  const row = database.get('SELECT log_id, projections, position, event_id FROM checkpoint');
  if (!row) return undefined;
  return {
    logId: String(row['log_id']),
    projections: String(row['projections']),
    position: row['position'] === null ? undefined : BigInt(row['position'] as string),
    eventId: row['event_id'] === null ? undefined : String(row['event_id']),
  };
}

/** Positions are stored as text: they need 64 bits, and a number of JavaScript holds 53. */
export function writeCheckpoint(database: Database, checkpoint: Checkpoint): void {
  database.run(
    `INSERT INTO checkpoint (one, log_id, projections, position, event_id) VALUES (1, ?, ?, ?, ?)
     ON CONFLICT (one) DO UPDATE SET position = excluded.position, event_id = excluded.event_id`,
    [
      checkpoint.logId,
      checkpoint.projections,
      checkpoint.position?.toString() ?? null,
      checkpoint.eventId ?? null,
    ],
  );
}
