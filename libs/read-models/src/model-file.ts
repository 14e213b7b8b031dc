import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { EventLog } from '#libs/event-store';
import type { RecordedFact } from '#libs/kernel';
import { Database } from '#libs/sqlite';
import { CHECKPOINT_SCHEMA, readCheckpoint, writeCheckpoint, type Checkpoint } from './checkpoint.js';
import type { Projection } from './projection.js';

/** An open read-model file. Whoever opened it owns it; `checkpoint` says what its tables hold. */
export interface ModelFile {
  readonly database: Database;
  checkpoint: Checkpoint;
}

/** What a file must have been built from to be of use. */
export interface ModelSource {
  readonly log: EventLog;
  readonly logId: string;
  readonly projections: readonly Projection[];
}

/** Where a file is built anew while the old one still stands. */
export function nextFile(file: string): string {
  return `${file}.next`;
}

/** Random keys touch pages all over the tables: with SQLite's 2 MB a rebuild of 1,000,000 keys would live on the disk. */
const CACHE_KIB = 64 * 1024;

/** The code of a file that holds nonsense; what says so also after the header was right. */
const DAMAGE = new Set<unknown>(['SQLITE_CORRUPT', 'SQLITE_NOTADB']);

export function isDamage(error: unknown): boolean {
  return DAMAGE.has((error as { code?: unknown } | null)?.code);
}

/**
 * What tables are a function of besides the log: `keys@2 (KeyExpired@1 KeyGenerated@1 KeyRevoked@1)` for each projection.
 * The types of events are those that this release can read in the projection's streams: an older one passed over a type
 * that it did not know, and its tables may lack what that says.
 */
export function signature({ log, projections }: Pick<ModelSource, 'log' | 'projections'>): string {
  const readable = (categories: readonly string[]): string =>
    log.catalogue.types
      .filter((known) => known.categories.some((category) => categories.includes(category)))
      .map(({ type, version }) => `${type}@${version}`)
      .join(' ');
  return projections
    .map(({ name, version, categories }) => `${name}@${version} (${readable(categories)})`)
    .join(' ');
}

export function categoriesOf(projections: readonly Projection[]): string[] {
  return [...new Set(projections.flatMap((projection) => projection.categories))];
}

/** The file if it is whole, of this log and of these projections, and ends where the log has such an event. */
export async function openMatching(file: string, source: ModelSource): Promise<ModelFile | undefined> {
  if (!existsSync(file)) return undefined;
  let database: Database | undefined;
  try {
    database = openDatabase(file);
    const checkpoint = readCheckpoint(database);
    const matches = checkpoint?.logId === source.logId && checkpoint.projections === signature(source);
    if (checkpoint && matches && (await isPartOfLog(source.log, checkpoint))) return { database, checkpoint };
  } catch (error) {
    database?.close();
    if (!isDamage(error)) throw error;
    return undefined;
  }
  database.close();
  return undefined;
}

/** A file with empty tables; what stood there is removed. */
export function createModelFile(file: string, source: ModelSource): ModelFile {
  removeModelFile(file);
  const model = { database: openDatabase(file), checkpoint: emptyCheckpoint(source) };
  createTables(model, source.projections);
  return model;
}

export function emptyCheckpoint(source: ModelSource): Checkpoint {
  return {
    logId: source.logId,
    projections: signature(source),
    position: undefined,
    eventId: undefined,
  };
}

export function createTables(model: ModelFile, projections: readonly Projection[]): void {
  const { database, checkpoint } = model;
  database.transaction(() => {
    database.exec(CHECKPOINT_SCHEMA);
    for (const projection of projections) database.exec(projection.schema);
    writeCheckpoint(database, checkpoint);
  });
}

/** Rows and checkpoint in one transaction: after a crash the file stands before this page or behind it. */
export function applyPage(
  model: ModelFile,
  projections: readonly Projection[],
  events: readonly RecordedFact[],
): void {
  const { position, eventId } = events.at(-1)!;
  const checkpoint = { ...model.checkpoint, position, eventId };
  model.database.transaction(() => {
    for (const event of events) {
      for (const projection of projections) {
        if (projection.categories.includes(event.category)) projection.apply(model.database, event);
      }
    }
    writeCheckpoint(model.database, checkpoint);
  });
  model.checkpoint = checkpoint;
}

/** Does a bounded part of what events have left for later, in one transaction. False when nothing is left. */
export function goOn({ database }: ModelFile, projections: readonly Projection[]): boolean {
  const unfinished = projections.flatMap(({ later }) => (later?.isLeft(database) ? [later] : []));
  if (unfinished.length > 0) database.transaction(() => unfinished.forEach((later) => later.goOn(database)));
  return unfinished.length > 0;
}

export function isLeft({ database }: ModelFile, projections: readonly Projection[]): boolean {
  return projections.some(({ later }) => later?.isLeft(database));
}

/** The readers' indexes: made at once at the end, they cost a fifth of what they cost row by row. */
export function createIndexes({ database }: ModelFile, projections: readonly Projection[]): void {
  database.transaction(() => projections.forEach(({ indexes }) => database.exec(indexes)));
}

/**
 * Puts the file that was built beside in the place of the old one and opens it there. A crash on the way leaves the old
 * file, or none and the new one still beside: never the new one with the old one's journal.
 */
export function swapIn(next: ModelFile, file: string): ModelFile {
  const beside = next.database.file;
  closeJournal(next.database);
  next.database.close();
  removeModelFile(file);
  renameSync(beside, file);
  removeModelFile(beside);
  syncFolder(dirname(file));
  return { database: openDatabase(file), checkpoint: next.checkpoint };
}

/** Brings everything into the one file, so that it can be renamed. Throws when another program reads it and does not end. */
function closeJournal(database: Database): void {
  const { busy } = database.get('PRAGMA wal_checkpoint(TRUNCATE)')!;
  if (busy !== 0) throw new Error(`${database.file} is read by another program`);
  try {
    // The driver keeps a closed file open until it is collected: without a journal it can do no harm then.
    database.exec('PRAGMA journal_mode = DELETE');
  } catch {
    // Somebody has it open, and nothing is left in the journal.
  }
}

/** The file before its journals: without them it might be half of a commit. */
export function removeModelFile(file: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(file + suffix, { force: true });
}

function openDatabase(file: string): Database {
  const database = new Database(file);
  try {
    // A lost tail of this file is replayed from the log, so the commit need not wait for the disk.
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -${CACHE_KIB}`,
    );
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Whether the event that the checkpoint names stands at its position in the log: a restored log is another log. */
async function isPartOfLog(log: EventLog, checkpoint: Checkpoint): Promise<boolean> {
  if (checkpoint.position === undefined) return true;
  const event = await log.eventAt(checkpoint.position);
  return event?.eventId === checkpoint.eventId;
}
