import { randomUUID } from 'node:crypto';
import { decodeEventFrame, encodeEventFrame, TOMBSTONE_REVISION } from './event-frame.js';
import type { ProposedEvent } from './event-frame.js';
import { RecentIds } from './recent-ids.js';
import type { EventPlace } from './recent-ids.js';
import { RecordDamaged } from './storage.js';
import type { EventStorage } from './storage.js';
import {
  describedStream,
  isMetadataStream,
  isSoftDeleted,
  KEEP_ALL,
  metadataStreamOf,
  parseRetention,
} from './stream-metadata.js';
import { Streams } from './streams.js';
import type { StreamState } from './streams.js';

/** An event of the transaction that was just committed, with what a subscription needs to decide on it. */
export interface CommittedEvent {
  readonly stream: string;
  readonly type: string;
  readonly revision: number;
  readonly position: number;
  readonly isLink: boolean;
  readonly frame: Buffer;
}

/** How many of the newest events' ids are read back at start, so that a retry across a restart is recognised. */
const IDS_READ_AT_START = 10_000;

/**
 * The write side of the log: writes events and keeps the states of streams in step. Used only inside a transaction of
 * the storage, by the one thread that owns it.
 */
export class LogWriter {
  readonly streams: Streams;
  readonly recentIds = new RecentIds();
  /** What the running transaction has written so far. */
  committed: CommittedEvent[] = [];
  private newestMs = 0;

  constructor(
    readonly storage: EventStorage,
    private readonly clock: () => number,
  ) {
    this.streams = new Streams(storage);
    this.readRecentIds();
  }

  begin(): void {
    this.committed = [];
    this.streams.trim();
  }

  /** After a transaction that failed: memory may be ahead of the disk, so it is read again from there. */
  rolledBack(): void {
    this.committed = [];
    this.streams.forgetAll();
    this.recentIds.forgetAll();
    this.readRecentIds();
  }

  /** Writes one event behind the last one of its stream and returns its position. */
  write(state: StreamState, event: ProposedEvent): number {
    state.last++;
    const position = this.insert(state, event, state.last);
    this.recentIds.remember(event.id, { stream: state.id!, revision: state.last });
    if (isMetadataStream(state.name)) this.applyMetadata(describedStream(state.name), event.data);
    return position;
  }

  /** Writes a metadata event of the server's own making. */
  writeMetadata(of: string, json: Buffer): number {
    return this.write(this.streams.get(metadataStreamOf(of)), {
      id: randomUUID(),
      type: '$metadata',
      contentType: 'application/json',
      data: json,
      metadata: Buffer.alloc(0),
    });
  }

  writeTombstone(state: StreamState): number {
    const empty = Buffer.alloc(0);
    const event = {
      id: randomUUID(),
      type: '$streamDeleted',
      contentType: 'application/octet-stream',
      data: empty,
      metadata: empty,
    };
    const position = this.insert(state, event, TOMBSTONE_REVISION);
    this.storage.markTombstoned(state.id!);
    state.tombstoned = true;
    if (isMetadataStream(state.name)) this.setRetention(describedStream(state.name), KEEP_ALL, false);
    return position;
  }

  /** True when the stream is soft-deleted now; the next append or metadata un-deletes it. */
  isSoftDeleted(state: StreamState): boolean {
    return isSoftDeleted(state.retention);
  }

  private insert(state: StreamState, event: ProposedEvent, revision: number): number {
    state.id ??= this.storage.createStream(state.name);
    const position = this.storage.nextPosition();
    // A clock that is set back must not let times fall along a stream: $maxAge looks for them by halving.
    this.newestMs = Math.max(this.newestMs, this.clock());
    const frame = encodeEventFrame({
      ...event,
      stream: state.name,
      revision,
      position,
      createdMs: this.newestMs,
    });
    this.storage.insert({ position, stream: state.id, revision, type: event.type, frame });
    this.committed.push({
      stream: state.name,
      type: event.type,
      revision,
      position,
      isLink: event.type === '$>',
      frame,
    });
    return position;
  }

  private applyMetadata(of: string, data: Buffer): void {
    if (isMetadataStream(of)) return;
    this.setRetention(of, parseRetention(data), true);
  }

  private setRetention(of: string, retention: StreamState['retention'], hasMetadata: boolean): void {
    const described = this.streams.get(of);
    described.retention = retention;
    described.hasMetadata = hasMetadata;
  }

  /** A damaged record among them is named by whoever reads it; here it only shortens the memory. */
  private readRecentIds(): void {
    try {
      const newest: { id: string; place: EventPlace }[] = [];
      let from = this.storage.head;
      while (newest.length < IDS_READ_AT_START) {
        const page = this.storage.readAll(from, IDS_READ_AT_START - newest.length, true);
        if (page.length === 0) break;
        for (const { stream, revision, frame } of page) {
          const { id, createdMs } = decodeEventFrame(frame);
          this.newestMs = Math.max(this.newestMs, createdMs);
          newest.push({ id, place: { stream, revision } });
        }
        from = page.at(-1)!.position - 1;
      }
      for (const { id, place } of newest.reverse()) this.recentIds.remember(id, place);
    } catch (error) {
      if (!(error instanceof RecordDamaged)) throw error;
    }
  }
}
