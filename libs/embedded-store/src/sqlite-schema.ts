import { closeSync, chmodSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from '#libs/sqlite';
import { StoreLocked, StoreUnreadable } from './storage.js';

/** Version of the tables below, kept in SQLite's `user_version`. A newer one is refused. */
const SCHEMA_VERSION = 1;

/** The type id of links, fixed so that a reader knows a link without looking at its name. */
export const LINK_TYPE_ID = 1;

const FILE_NAME = 'events.db';

/**
 * `record` = CRC-32 (4 bytes, big-endian) and the gRPC frame. `handed_out` is the highest position that belongs to no
 * event (an empty append gets one). A stream's newest revision is not a column: it would be written at every append.
 */
const SCHEMA = `
CREATE TABLE streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, tombstoned INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE types (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE events (
  position INTEGER PRIMARY KEY,
  stream INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  type INTEGER NOT NULL,
  record BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_stream ON events (stream, revision);
CREATE TABLE log (handed_out INTEGER NOT NULL) STRICT;
INSERT INTO types (id, name) VALUES (${LINK_TYPE_ID}, '$>');
INSERT INTO log (handed_out) VALUES (0);
PRAGMA user_version = ${SCHEMA_VERSION};
`;

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code);
}

/**
 * Opens or creates the database of a directory and takes its lock: an OS lock on the file, gone when the process is.
 * Throws `StoreLocked` at once when another process has it, `StoreUnreadable` when the file is not whole.
 */
export function openEventDatabase(directory: string): Database {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, FILE_NAME);
  let database: Database | undefined;
  try {
    database = new Database(file);
    // With the lock exclusive before the log is entered, no shared-memory file is used and no second reader gets in.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    database.exec('PRAGMA cell_size_check = ON');
    prepareSchema(database, file);
    return database;
  } catch (error) {
    database?.close();
    if (codeOf(error) === 'SQLITE_BUSY') throw new StoreLocked(directory);
    if (/^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error))) {
      throw new StoreUnreadable(`${file} is damaged or is no event store: restore it from a backup.`, {
        cause: error,
      });
    }
    throw error;
  }
}

function prepareSchema(database: Database, file: string): void {
  const version = Number(database.get('PRAGMA user_version')?.['user_version']);
  if (version === 0) {
    database.transaction(() => database.exec(SCHEMA));
    chmodSync(file, 0o600);
    syncDirectoryOf(file);
  } else if (version !== SCHEMA_VERSION) {
    throw new StoreUnreadable(`${file} has schema version ${version}; this program knows ${SCHEMA_VERSION}.`);
  }
  // What the write-ahead log still holds goes into the file; at the next read SQLite finds out if the file was cut.
  database.get('PRAGMA wal_checkpoint(TRUNCATE)');
  database.get('SELECT handed_out FROM log');
}

function syncDirectoryOf(file: string): void {
  const descriptor = openSync(join(file, '..'), 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
