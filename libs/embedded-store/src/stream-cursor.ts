import { TOMBSTONE_REVISION } from './event-frame.js';
import type { CommittedEvent } from './log-writer.js';
import { framesOf, PAGE_EVENTS } from './read.js';
import type { LogReader } from './read.js';
import type { ReadRequest } from './requests.js';
import { streamDeletedEnd } from './responses.js';
import type { CallEnd } from './responses.js';
import { CallRefused } from './rpc.js';
import { isSoftDeleted } from './stream-metadata.js';
import { readVisible } from './streams.js';
import type { Cursor } from './subscription.js';

/**
 * A subscription to one stream. What is read from storage is what a reader would be shown; what is committed while the
 * cursor is at the head is delivered whatever the stream's retention. A soft delete is silent, a tombstone is the end.
 */
export class StreamCursor implements Cursor {
  end: CallEnd | undefined;
  /** The revision of the last event that was sent or skipped. */
  private revision: number;
  private readonly stream: string;
  /** Asked for from its end: caught up at once, whether the stream exists or not. */
  private readonly fromEnd: boolean;
  private readonly resolveLinks: boolean;

  /** Throws `CallRefused` when the stream is tombstoned and there is something to be read of it. */
  constructor(
    private readonly log: LogReader,
    request: ReadRequest,
    stream: string,
  ) {
    this.stream = stream;
    this.resolveLinks = request.resolveLinks;
    this.fromEnd = request.from === 'end';
    const state = log.streams.get(stream);
    if (!this.fromEnd && log.streams.isTombstonedForReaders(state))
      throw new CallRefused(streamDeletedEnd(stream));
    this.revision =
      request.from === 'start'
        ? -1
        : request.from === 'end'
          ? state.last
          : Math.min(request.from, TOMBSTONE_REVISION - 1);
  }

  get isCaughtUp(): boolean {
    const state = this.log.streams.get(this.stream);
    return this.fromEnd || (state.last >= 0 && !isSoftDeleted(state.retention));
  }

  nextPage(): readonly Buffer[] | undefined {
    const { storage, streams, clock } = this.log;
    const state = streams.get(this.stream);
    const page = { from: this.revision + 1, limit: PAGE_EVENTS, backwards: false, nowMs: clock() };
    const events = readVisible(storage, state, page);
    const newest = events.at(-1);
    if (newest) {
      this.revision = newest.revision;
      return framesOf(this.log, events, this.resolveLinks);
    }
    // What is hidden now stays hidden: the stream goes on behind its last event.
    this.revision = Math.max(this.revision, state.last);
    return undefined;
  }

  accept(event: CommittedEvent): readonly Buffer[] {
    if (event.stream !== this.stream || event.revision <= this.revision) return [];
    this.revision = event.revision;
    if (event.revision === TOMBSTONE_REVISION) this.end = streamDeletedEnd(this.stream);
    return framesOf(this.log, [event], this.resolveLinks);
  }
}
