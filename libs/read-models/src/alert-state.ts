import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RegistryWatch, WATCH_VERSION, type WatchSnapshot } from '#libs/alerts';
import type { EventLog } from '#libs/event-store';
import { Database } from '#libs/sqlite';
import { CHECKPOINT_SCHEMA, readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { isDamage } from './model-file.js';

export function alertStateFile(dataDir: string): string {
  return join(dataDir, 'read-models', 'alert-state.sqlite');
}

/** Losing the newest moments to a power cut costs reading them again. */
const PRAGMAS = 'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL';
const SCHEMA = `
  CREATE TABLE watches (registry TEXT PRIMARY KEY, detector TEXT NOT NULL, configuration TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE watched_keys (
    registry TEXT NOT NULL, key TEXT NOT NULL, state TEXT, own TEXT, PRIMARY KEY (registry, key)
  ) STRICT, WITHOUT ROWID;`;

/**
 * What the rules remember, as of a position of the log: the rows of a registry, and of its keys (at most 2.5 kB each), in one
 * transaction with that position. A cache: a file that is missing, damaged, of another log or of other rules is begun anew, and
 * the state is folded from the log.
 */
export class AlertState {
  private constructor(
    private readonly database: Database,
    private readonly logId: string,
    /** Commit position of the newest fact that is in it; undefined: none. */
    readonly position: bigint | undefined,
  ) {}

  /** Throws when the disk or the log fails. */
  static async open(file: string, logId: string, log: Pick<EventLog, 'eventAt'>): Promise<AlertState> {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const kept = await openKept(file, logId, log);
    if (kept) return kept;
    for (const name of [file, `${file}-wal`, `${file}-shm`]) rmSync(name, { force: true });
    const database = new Database(file);
    database.exec(PRAGMAS);
    database.transaction(() => {
      database.exec(CHECKPOINT_SCHEMA);
      database.exec(SCHEMA);
      const none = { position: undefined, eventId: undefined };
      writeCheckpoint(database, { logId, projections: WATCH_VERSION, ...none });
    });
    return new AlertState(database, logId, undefined);
  }

  static reopened(database: Database, logId: string, position: bigint | undefined): AlertState {
    return new AlertState(database, logId, position);
  }

  /** What it holds. */
  load(): Map<string, RegistryWatch> {
    const watches = new Map<string, RegistryWatch>();
    for (const row of this.database.all('SELECT * FROM watches')) {
      const registry = row['registry'] as string;
      const snapshot = {
        detector: JSON.parse(row['detector'] as string) as WatchSnapshot['detector'],
        configuration: JSON.parse(row['configuration'] as string) as WatchSnapshot['configuration'],
        keys: this.keysOf(registry),
      };
      watches.set(registry, new RegistryWatch(registry, snapshot));
    }
    return watches;
  }

  /** Keeps what has changed, as of the fact at `position`. */
  save(
    changes: ReadonlyMap<string, WatchSnapshot>,
    { position, eventId }: { readonly position: bigint; readonly eventId: string },
  ): void {
    const { database, logId } = this;
    database.transaction(() => {
      for (const [registry, snapshot] of changes) saveWatch(database, registry, snapshot);
      writeCheckpoint(database, { logId, projections: WATCH_VERSION, position, eventId });
    });
  }

  close(): void {
    this.database.close();
  }

  private keysOf(registry: string): WatchSnapshot['keys'] {
    const rows = this.database.all('SELECT key, state, own FROM watched_keys WHERE registry = ?', [registry]);
    return rows.map((row) => ({
      key: row['key'] as string,
      state: parsed(row['state'] as string | null) as WatchSnapshot['keys'][number]['state'],
      own: parsed(row['own'] as string | null) as WatchSnapshot['keys'][number]['own'],
    }));
  }
}

async function openKept(
  file: string,
  logId: string,
  log: Pick<EventLog, 'eventAt'>,
): Promise<AlertState | undefined> {
  const database = new Database(file);
  try {
    database.exec(PRAGMAS);
    const checkpoint = readCheckpoint(database);
    const { position, eventId } = checkpoint ?? {};
    const isOfThis = checkpoint?.logId === logId && checkpoint.projections === WATCH_VERSION;
    const isInLog = position === undefined || (await log.eventAt(position))?.eventId === eventId;
    if (isOfThis && isInLog) return AlertState.reopened(database, logId, position);
  } catch (error) {
    if (!isDamage(error)) {
      database.close();
      throw error;
    }
  }
  database.close();
  return undefined;
}

function saveWatch(database: Database, registry: string, { detector, configuration, keys }: WatchSnapshot) {
  database.run('INSERT OR REPLACE INTO watches (registry, detector, configuration) VALUES (?, ?, ?)', [
    registry,
    JSON.stringify(detector),
    JSON.stringify(configuration),
  ]);
  for (const { key, state, own } of keys) {
    if (state === null && own === null)
      database.run('DELETE FROM watched_keys WHERE registry = ? AND key = ?', [registry, key]);
    else
      database.run('INSERT OR REPLACE INTO watched_keys (registry, key, state, own) VALUES (?, ?, ?, ?)', [
        registry,
        key,
        state && JSON.stringify(state),
        own && JSON.stringify(own),
      ]);
  }
}

function parsed(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}
