import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { Database } from '#libs/sqlite';
import { readCheckpoint } from './checkpoint.js';
import {
  applyPage,
  categoriesOf,
  createTables,
  emptyCheckpoint,
  goOn,
  isLeft,
  openMatching,
  removeModelFile,
  type ModelFile,
  type ModelSource,
} from './model-file.js';
import { pagesAfter, ReplayMeter, type ReplayProgress } from './replay.js';
import { canonicalRows, hashTable, tablesOf, type CanonicalRow, type TableHash } from './table-rows.js';

/** Events applied in one turn of the event loop while a server works beside it: a few milliseconds. */
const TURN_EVENTS = 128;

/** A server that has a million rows left to change needs less. */
const LEFT_WITHIN_MS = 60_000;
const LOOK_AGAIN_MS = 250;

export interface VerifiedTable extends TableHash {
  /** The hash of the same table replayed from the log. */
  readonly replayed: string;
}

/** The first row, in the order of the primary key, that the file and the log do not agree on. */
export interface Drift {
  readonly table: string;
  /** Canonical JSON of the primary key's values. */
  readonly key: string;
  readonly kind: 'differs' | 'only in the file' | 'missing in the file';
}

export interface Verification {
  /** Commit position that both stand at; undefined for an empty log. */
  readonly position: bigint | undefined;
  readonly events: number;
  readonly tables: readonly VerifiedTable[];
  /** Empty when the file is what the log says. At most one per table. */
  readonly drift: readonly Drift[];
}

/** There is no file of this log and these projections to verify, or one that is not whole yet. */
export class NothingToVerify extends Error {
  constructor(
    file: string,
    why = 'is missing, broken, or was built from another log or by other projections: it needs a rebuild',
  ) {
    super(`${file} ${why}`);
    this.name = 'NothingToVerify';
  }
}

/**
 * Replays the log up to the checkpoint of the file into a fresh one and compares them table by table. The file may be in
 * use: what is compared is one snapshot of it. Throws NothingToVerify, and what the log or the disk throws.
 */
export async function verifyModels(
  source: ModelSource & {
    readonly file: string;
    readonly head?: () => Promise<bigint | undefined>;
    readonly onProgress?: (progress: ReplayProgress) => void;
    /**
     * Rows of aging tables about a time before this minute (since 1970) are not compared: the log no longer has all of what
     * they were made of.
     */
    readonly agedBefore?: number;
    /** Ends it soon, with the signal's reason. */
    readonly signal?: AbortSignal;
  },
): Promise<Verification> {
  const live = await openMatching(source.file, source);
  if (!live) throw new NothingToVerify(source.file);
  let fresh: ModelFile | undefined;
  try {
    const position = await snapshotOf(live, source);
    fresh = createFresh(source.file, source);
    const events = await replayUpTo(fresh, position, source);
    const aging = new Set(source.projections.flatMap((projection) => projection.aging ?? []));
    const from = (table: string) => (aging.has(table) ? source.agedBefore : undefined);
    const tables = await compareHashes(live.database, fresh.database, from);
    const drift: Drift[] = [];
    for (const { table, sha256, replayed } of tables) {
      const isEqual = sha256 === replayed;
      const first = isEqual ? undefined : await firstDrift(live.database, fresh.database, table, from(table));
      if (first) drift.push(first);
    }
    return { position, events, tables, drift };
  } finally {
    fresh?.database.close();
    live.database.close();
  }
}

/** Begins a snapshot in which nothing is left for later; the position it stands at. */
async function snapshotOf(
  live: ModelFile,
  { file, projections, signal }: Parameters<typeof verifyModels>[0],
): Promise<bigint | undefined> {
  for (const deadline = performance.now() + LEFT_WITHIN_MS; performance.now() < deadline;) {
    live.database.exec('BEGIN');
    // This first read is what the snapshot begins with.
    const { position } = readCheckpoint(live.database)!;
    if (!isLeft(live, projections)) return position;
    live.database.exec('ROLLBACK');
    await pause(LOOK_AGAIN_MS, undefined, signal && { signal });
  }
  throw new NothingToVerify(
    file,
    'has rows that are yet to follow a change: start its server, or rebuild it',
  );
}

/** Beside the file, on the disk that has room for it; removed while open, so that it goes with the process however it ends. */
function createFresh(file: string, source: ModelSource): ModelFile {
  const place = `${file}.verify-${randomUUID()}`;
  const database = new Database(place);
  database.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE');
  const fresh = { database, checkpoint: emptyCheckpoint(source) };
  createTables(fresh, source.projections);
  removeModelFile(place);
  return fresh;
}

async function replayUpTo(
  fresh: ModelFile,
  position: bigint | undefined,
  { log, projections, head, onProgress, signal }: Parameters<typeof verifyModels>[0],
): Promise<number> {
  if (position === undefined) return 0;
  const meter = new ReplayMeter(onProgress && (await head?.().catch(() => undefined)), onProgress);
  let events = 0;
  for await (const page of pagesAfter(log, undefined, categoriesOf(projections))) {
    const wanted = page.filter((event) => event.position <= position);
    for (let first = 0; first < wanted.length; first += TURN_EVENTS) {
      applyPage(fresh, projections, wanted.slice(first, first + TURN_EVENTS));
      await nextTurn();
      signal?.throwIfAborted();
    }
    events += wanted.length;
    if (wanted.length > 0) meter.applied(wanted.length, wanted.at(-1)!.position);
    if (wanted.length < page.length) break;
  }
  while (goOn(fresh, projections)) {
    await nextTurn();
    signal?.throwIfAborted();
  }
  return events;
}

async function compareHashes(
  live: Database,
  fresh: Database,
  from: (table: string) => number | undefined,
): Promise<VerifiedTable[]> {
  const compared: VerifiedTable[] = [];
  for (const table of tablesOf(fresh)) {
    const { sha256: replayed } = await hashTable(fresh, table, from(table));
    compared.push({ ...(await hashTable(live, table, from(table))), replayed });
  }
  return compared;
}

async function firstDrift(
  live: Database,
  fresh: Database,
  table: string,
  fromMinute: number | undefined,
): Promise<Drift | undefined> {
  const inFile = canonicalRows(live, table, fromMinute);
  const inLog = canonicalRows(fresh, table, fromMinute);
  for (;;) {
    const [one, other] = await Promise.all([inFile.next(), inLog.next()]);
    const row = one.done ? undefined : one.value;
    const replayed = other.done ? undefined : other.value;
    if (!row && !replayed) return undefined;
    if (row?.text !== replayed?.text) return { table, ...difference(row, replayed) };
  }
}

/** Which of two rows at the same place is too much, or that they are one row with two contents. */
function difference(
  row: CanonicalRow | undefined,
  replayed: CanonicalRow | undefined,
): Pick<Drift, 'key' | 'kind'> {
  if (!row) return { key: replayed!.key, kind: 'missing in the file' };
  if (!replayed) return { key: row.key, kind: 'only in the file' };
  if (row.key === replayed.key) return { key: row.key, kind: 'differs' };
  return row.key < replayed.key
    ? { key: row.key, kind: 'only in the file' }
    : { key: replayed.key, kind: 'missing in the file' };
}
