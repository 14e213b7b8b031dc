import { decodeEventFrame } from './event-frame.js';
import type { EventStorage, StoredEvent } from './storage.js';
import {
  describedStream,
  isMetadataStream,
  isSoftDeleted,
  KEEP_ALL,
  METADATA_RETENTION,
  metadataStreamOf,
  parseRetention,
} from './stream-metadata.js';
import type { Retention } from './stream-metadata.js';

/** States kept in memory (about 300 bytes each); others are read from storage again, which costs about 20 µs. */
const STATES_KEPT_MAX = 50_000;

/** What the write side knows about one stream. Owned by `Streams`; changed by the log writer alone. */
export interface StreamState {
  readonly name: string;
  /** Undefined until the stream has its first event. */
  id: number | undefined;
  /** The revision of the newest event; -1 = none was ever written. */
  last: number;
  tombstoned: boolean;
  retention: Retention;
  /** There is a metadata event, which is enough to exist for an append that expects `stream_exists`. */
  hasMetadata: boolean;
}

/** The states of streams, the most recently used ones in memory. */
export class Streams {
  private readonly states = new Map<string, StreamState>();

  constructor(private readonly storage: EventStorage) {}

  get(name: string): StreamState {
    const known = this.states.get(name);
    if (known) this.states.delete(name);
    const state = known ?? this.load(name);
    this.states.set(name, state);
    return state;
  }

  /** Makes room; never in the middle of a transaction, in which states are held by reference. */
  trim(): void {
    for (const name of this.states.keys()) {
      if (this.states.size <= STATES_KEPT_MAX) return;
      this.states.delete(name);
    }
  }

  /** After a failed transaction the states in memory may be ahead of storage. */
  forgetAll(): void {
    this.states.clear();
  }

  private load(name: string): StreamState {
    const stored = this.storage.findStream(name);
    const state: StreamState = {
      name,
      id: stored?.id,
      last: stored?.last ?? -1,
      tombstoned: stored?.tombstoned ?? false,
      retention: KEEP_ALL,
      hasMetadata: false,
    };
    if (isMetadataStream(name)) return { ...state, retention: METADATA_RETENTION };
    const newest = this.newestMetadata(name);
    return newest ? { ...state, hasMetadata: true, retention: parseRetention(newest) } : state;
  }

  /** The data of the newest metadata event of a stream, whatever its type; undefined when there is none to be seen. */
  newestMetadata(of: string): Buffer | undefined {
    const stored = this.storage.findStream(metadataStreamOf(of));
    if (!stored || stored.tombstoned || stored.last < 0) return undefined;
    const [event] = this.storage.readStream(stored.id, stored.last, stored.last, 1, false);
    return event && decodeEventFrame(event.frame).data;
  }

  /** A tombstone covers the stream and its metadata stream (which can still be written). */
  isTombstonedForReaders(state: StreamState): boolean {
    if (state.tombstoned) return true;
    return isMetadataStream(state.name) && this.get(describedStream(state.name)).tombstoned;
  }
}

/** The lowest revision that a reader of the stream is shown, age aside. */
export function firstVisibleRevision(state: StreamState): number {
  const { maxCount, truncateBefore } = state.retention;
  return Math.max(truncateBefore, maxCount === undefined ? 0 : state.last - maxCount + 1);
}

/** One page of what a reader of the stream is shown. Empty at the end, and when everything is hidden. */
export function readVisible(
  storage: EventStorage,
  state: StreamState,
  page: { from: number; limit: number; backwards: boolean; nowMs: number },
): StoredEvent[] {
  if (state.id === undefined || state.last < 0 || isSoftDeleted(state.retention)) return [];
  const first = firstYoungRevision(storage, state, firstVisibleRevision(state), page.nowMs);
  const { from, limit, backwards } = page;
  return backwards
    ? storage.readStream(state.id, first, Math.min(from, state.last), limit, true)
    : storage.readStream(state.id, Math.max(from, first), state.last, limit, false);
}

/** With `$maxAge`: the first revision that is young enough, found by halving (times never fall along a stream). */
function firstYoungRevision(storage: EventStorage, state: StreamState, first: number, nowMs: number): number {
  const { maxAgeMs } = state.retention;
  if (maxAgeMs === undefined || state.id === undefined) return first;
  let [low, high] = [first, state.last + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    // The event at `middle`, or the next one above when that is gone.
    const [event] = storage.readStream(state.id, middle, state.last, 1, false);
    if (event && decodeEventFrame(event.frame).createdMs < nowMs - maxAgeMs) low = event.revision + 1;
    else high = middle;
  }
  return low;
}
