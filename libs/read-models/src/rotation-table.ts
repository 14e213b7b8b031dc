import type { RecordedFact } from '#libs/kernel';
import type { KeyFact } from '#libs/keys';
import type { Database } from '#libs/sqlite';
import type { Projection } from './projection.js';

/** A key that is to be rotated by itself. */
export interface DueRotation {
  readonly id: string;
  /** RFC 3339; the past means now. */
  readonly dueAt: string;
}

/** A key that has ended, and the schedule that ended with it. */
export interface EndedSchedule {
  readonly id: string;
  readonly registry: string;
  readonly schedule: string;
}

/**
 * When keys are rotated by themselves: an index leads to those that are due, however many there are. `state`: `waiting` for
 * its time, `held` while the key is suspended, `ended` with its key until its end is recorded. No row says where to.
 */
export const rotationTable: Projection = {
  name: 'rotations',
  version: 2,
  categories: ['key'],
  schema: `
    CREATE TABLE rotation_schedules (
      id TEXT PRIMARY KEY, registry TEXT NOT NULL, schedule TEXT NOT NULL, state TEXT NOT NULL, due_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;`,
  indexes: `
    CREATE INDEX IF NOT EXISTS rotation_schedules_due ON rotation_schedules (due_at) WHERE state = 'waiting';
    CREATE INDEX IF NOT EXISTS rotation_schedules_ended ON rotation_schedules (due_at) WHERE state = 'ended';
    CREATE INDEX IF NOT EXISTS rotation_schedules_by_schedule ON rotation_schedules (schedule);`,
  apply(database, event) {
    const { id } = event;
    const fact = event as unknown as KeyFact;
    switch (fact.type) {
      case 'KeyRotationScheduled':
        return schedule(database, id, fact.data);
      case 'RotationFailed':
        return void database.run('UPDATE rotation_schedules SET due_at = ? WHERE id = ?', [
          fact.data.nextAttemptAt,
          id,
        ]);
      case 'KeySuspended':
        return setState(database, id, 'held');
      case 'KeyResumed':
        return setState(database, id, 'waiting');
      case 'KeyExpired':
        return setState(database, id, 'ended');
      case 'KeyRevoked':
        // A successor that nobody uses leaves the schedule to the key that it was made from.
        return fact.data.cause === 'discarded' ? remove(database, id) : setState(database, id, 'ended');
      case 'KeyRotated':
      case 'KeyRotationUnscheduled':
      case 'KeyRotationLapsed':
        return remove(database, id);
      default:
        return;
    }
  },
};

/** Keys that are to be rotated by `now` (RFC 3339), the longest overdue first. */
export function dueRotations(database: Database, now: string, limit: number): DueRotation[] {
  const sql = `SELECT id, due_at FROM rotation_schedules WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at LIMIT ?`;
  return database
    .all(sql, [now, limit])
    .map((row) => ({ id: row['id'] as string, dueAt: row['due_at'] as string }));
}

/** Keys that have ended with their schedule; `isShared`: another key has the same one, and goes on. */
export function endedSchedules(
  database: Database,
  limit: number,
): (EndedSchedule & { readonly isShared: boolean })[] {
  const sql = `
    SELECT id, registry, schedule, EXISTS (
      SELECT 1 FROM rotation_schedules other WHERE other.schedule = ended.schedule AND other.state <> 'ended') AS shared
    FROM rotation_schedules ended WHERE state = 'ended' ORDER BY due_at LIMIT ?`;
  return database.all(sql, [limit]).map((row) => ({
    id: row['id'] as string,
    registry: row['registry'] as string,
    schedule: row['schedule'] as string,
    isShared: Number(row['shared']) === 1,
  }));
}

/** A key that is suspended stays held when its schedule changes. */
function schedule(
  database: Database,
  id: string,
  data: RecordedFact['data'] & { registry: string; schedule: string; dueAt: string },
): void {
  database.run(
    `INSERT INTO rotation_schedules (id, registry, schedule, state, due_at) VALUES (?, ?, ?, 'waiting', ?)
     ON CONFLICT (id) DO UPDATE SET schedule = excluded.schedule, due_at = excluded.due_at`,
    [id, data.registry, data.schedule, data.dueAt],
  );
}

/** An end is final. */
function setState(database: Database, id: string, state: 'waiting' | 'held' | 'ended'): void {
  database.run(`UPDATE rotation_schedules SET state = ? WHERE id = ? AND state <> 'ended'`, [state, id]);
}

function remove(database: Database, id: string): void {
  database.run('DELETE FROM rotation_schedules WHERE id = ?', [id]);
}
