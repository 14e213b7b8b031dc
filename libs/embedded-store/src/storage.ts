/**
 * What the event store asks of the place where events lie. One implementation stands behind it (SQLite); a log of its
 * own could. All calls are synchronous and made by one thread.
 */

/** An event as it is stored. `frame` is the gRPC frame that a reader is sent; its checksum was found right. */
export interface StoredEvent {
  readonly position: number;
  readonly stream: number;
  readonly revision: number;
  readonly isLink: boolean;
  readonly frame: Buffer;
}

export interface NewEvent {
  readonly position: number;
  readonly stream: number;
  readonly revision: number;
  readonly type: string;
  readonly frame: Buffer;
}

export interface StoredStream {
  readonly id: number;
  /** The revision of the newest event before a tombstone; -1 = none. */
  readonly last: number;
  readonly tombstoned: boolean;
}

/** `position` and the name that a filter looks at (stream or type), for events in order. */
export interface ScannedEvents {
  readonly positions: readonly number[];
  readonly names: readonly string[];
}

/**
 * `ok`: everything is stored. `full`: the disk was full, the reserve is given free, only small critical appends are
 * stored. `read-only`: a write failed in a way that leaves the file's state unknown; nothing is stored until reopened.
 */
export type WriteState = 'ok' | 'full' | 'read-only';

/** One page of a read is held in memory per reader: this many bytes, or one event that is larger. */
export const PAGE_BYTES_MAX = 1024 * 1024;

export interface EventStorage {
  /** The position of the newest event, or of the newest position handed out; 0 in an empty log. */
  readonly head: number;
  readonly writeState: WriteState;

  /**
   * Runs `work`; when it returns, all that `work` wrote is on the disk (one fsync). When it throws, nothing is. Throws
   * `WriteFailed` when the disk does not take it: then nothing of it may be acknowledged, and `writeState` has changed.
   */
  transaction<Result>(work: () => Result): Result;

  /** The next position, with a gap before it. It is not handed out again, also when the transaction fails. */
  nextPosition(): number;
  /** Whether a read may begin here: an event stands or stood here, or the log has not come so far. */
  isPosition(position: number): boolean;
  /** Like `nextPosition`, for a position that belongs to no event. Only in a transaction. */
  reservePosition(): number;
  /** Only in a transaction, as all that follow up to `drop`. */
  createStream(name: string): number;
  insert(event: NewEvent): void;
  markTombstoned(stream: number): void;
  /** Removes the events of a stream below a revision. */
  drop(stream: number, below: number): void;

  findStream(name: string): StoredStream | undefined;
  /*
   * The reads return at least one event if there is one, at most `limit`, and about `PAGE_BYTES_MAX` bytes: fewer than
   * `limit` does not mean that nothing follows. They throw `RecordDamaged` rather than return what was not stored.
   */

  /**
   * Events of a stream with revisions from `from` to `to`, both included, in order of the direction. An event that is
   * missing in the middle is damage.
   */
  readStream(stream: number, from: number, to: number, limit: number, backwards: boolean): StoredEvent[];
  /** Events with positions from `from` on, itself included, in order of the direction. */
  readAll(from: number, limit: number, backwards: boolean): StoredEvent[];
  /** Events at exactly these positions, in order of the direction. */
  readPositions(positions: readonly number[], backwards: boolean): StoredEvent[];
  /** Like `readAll`, but only what a filter needs. */
  scan(from: number, limit: number, backwards: boolean, on: 'stream' | 'type'): ScannedEvents;

  /** Leaves one file on the disk and gives the lock back. */
  close(): void;
}

/** Another process has the directory open. */
export class StoreLocked extends Error {
  override readonly name = 'StoreLocked';
  readonly code = 'STORE_LOCKED';

  constructor(readonly directory: string) {
    super(
      `The event store in ${directory} is in use by another process. Stop that one first, or choose another directory.`,
    );
  }
}

/** The file is no event store, is truncated, or was written by a newer version. Nothing was changed in it. */
export class StoreUnreadable extends Error {
  override readonly name = 'StoreUnreadable';
  readonly code = 'STORE_UNREADABLE';
}

/** One record is not what was written. It is never served. */
export class RecordDamaged extends Error {
  override readonly name = 'RecordDamaged';
  readonly code = 'RECORD_DAMAGED';

  constructor(readonly place: string) {
    super(
      `The event store is damaged: the event at ${place} is not what was stored. Restore it from a backup.`,
    );
  }
}

/** The disk did not take a write. `full` says that it can be tried again when there is room. */
export class WriteFailed extends Error {
  override readonly name = 'WriteFailed';
  readonly code = 'WRITE_FAILED';

  constructor(
    readonly full: boolean,
    cause: unknown,
  ) {
    super(
      full
        ? 'The disk of the event store is full: only small critical events are stored until there is room again.'
        : `The disk of the event store failed (${cause instanceof Error ? cause.message : String(cause)}): the store is read-only until it is opened again.`,
      { cause },
    );
  }
}
