import { decodeEventFrame } from './event-frame.js';
import type { ProposedEvent } from './event-frame.js';
import type { LogWriter } from './log-writer.js';
import type { ExpectedRevision, StreamTarget } from './requests.js';
import { APPEND_BYTES_MAX } from './responses.js';
import { describedStream, isMetadataStream, withTruncateBefore } from './stream-metadata.js';
import { firstVisibleRevision } from './streams.js';
import type { StreamState } from './streams.js';

export interface AppendCommand extends StreamTarget {
  readonly events: readonly ProposedEvent[];
}

export type AppendOutcome =
  /** `revision` -1: an empty append to a stream without events. No position: a retry of events that are hidden now. */
  | { readonly kind: 'success'; readonly revision: number; readonly position: number | undefined }
  /** `current` -1: the stream has no events. */
  | { readonly kind: 'wrong-expected-version'; readonly current: number }
  | { readonly kind: 'stream-deleted' }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'bad-request'; readonly message: string }
  /** The store cannot take it now; `code` is the gRPC status of the reason. */
  | { readonly kind: 'unavailable'; readonly code: number; readonly message: string };

const STREAM_DELETED: AppendOutcome = { kind: 'stream-deleted' };
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What makes an append impossible whatever the stream's state is. Undefined = nothing. */
export function refuseAppend(command: AppendCommand): AppendOutcome | undefined {
  let data = 0;
  let metadata = 0;
  for (const event of command.events) {
    data += event.data.length;
    metadata += event.metadata.length;
  }
  if (data > APPEND_BYTES_MAX || metadata > APPEND_BYTES_MAX) return { kind: 'too-large' };
  if (command.stream === '') return { kind: 'bad-request', message: 'the stream name is empty' };
  if (command.stream === '$all') return { kind: 'bad-request', message: '$all is not a stream' };
  for (const event of command.events) {
    if (event.type === '') return { kind: 'bad-request', message: 'an event has no type' };
    if (!UUID.test(event.id)) return { kind: 'bad-request', message: 'the id of an event is not a UUID' };
  }
  return undefined;
}

/** Stores the events, or says why not. Inside a transaction; when it is no success nothing was written. */
export function append(log: LogWriter, command: AppendCommand): AppendOutcome {
  const state = log.streams.get(command.stream);
  if (state.tombstoned) return STREAM_DELETED;
  return checkExpected(log, state, command.expected, command.events) ?? store(log, state, command.events);
}

/** Undefined = the events are to be stored. */
function checkExpected(
  log: LogWriter,
  state: StreamState,
  expected: ExpectedRevision,
  events: readonly ProposedEvent[],
): AppendOutcome | undefined {
  if (expected === 'stream_exists') {
    if (log.isSoftDeleted(state)) return STREAM_DELETED;
    if (state.last < 0 && !state.hasMetadata) return conflict(state);
  }
  if (expected === 'any' || expected === 'stream_exists') return retryByMemory(log, state, events);
  const last = expected === 'no_stream' ? -1 : expected;
  if (last === state.last) return undefined;
  const retry =
    last < state.last && events.length > 0 ? retryByRevision(log, state, last + 1, events) : undefined;
  if (retry) return retry;
  return expected === 'no_stream' && log.isSoftDeleted(state) ? undefined : conflict(state);
}

function conflict(state: StreamState): AppendOutcome {
  return { kind: 'wrong-expected-version', current: state.last };
}

/** The first id decides whether this is a retry; then all of them have to be known in this stream. */
function retryByMemory(
  log: LogWriter,
  state: StreamState,
  events: readonly ProposedEvent[],
): AppendOutcome | undefined {
  let revision: number | undefined;
  for (const event of events) {
    const place = log.recentIds.find(event.id);
    const known = place !== undefined && place.stream === state.id;
    if (!known) return revision === undefined ? undefined : conflict(state);
    revision = place.revision;
  }
  return revision === undefined ? undefined : repeated(log, state, revision);
}

/** A retry when the very ids stand at the revisions that the events would have had. */
function retryByRevision(
  log: LogWriter,
  state: StreamState,
  first: number,
  events: readonly ProposedEvent[],
): AppendOutcome | undefined {
  const last = first + events.length - 1;
  if (state.id === undefined || last > state.last) return undefined;
  let compared = 0;
  while (compared < events.length) {
    const stored = log.storage.readStream(state.id, first + compared, last, events.length - compared, false);
    if (stored.length === 0) return undefined;
    for (const { frame } of stored)
      if (decodeEventFrame(frame).id !== events[compared++]?.id) return undefined;
  }
  return repeated(log, state, last);
}

/** The answer that the first try got; without a position when the event is hidden now. */
function repeated(log: LogWriter, state: StreamState, revision: number): AppendOutcome {
  const hidden = log.isSoftDeleted(state) || revision < firstVisibleRevision(state);
  const [event] =
    hidden || state.id === undefined ? [] : log.storage.readStream(state.id, revision, revision, 1, false);
  return { kind: 'success', revision, position: event?.position };
}

function store(log: LogWriter, state: StreamState, events: readonly ProposedEvent[]): AppendOutcome {
  const first = state.last + 1;
  const recreates = log.isSoftDeleted(state);
  // Read before anything is written: a damaged record must stop this append alone, not the transaction.
  const metadata = recreates ? log.streams.newestMetadata(state.name) : undefined;
  const described = isMetadataStream(state.name) ? log.streams.get(describedStream(state.name)) : undefined;
  const undeletes = described !== undefined && log.isSoftDeleted(described);

  let position: number | undefined;
  for (const event of events) position = log.write(state, event);
  position ??= log.storage.reservePosition();
  // A superseded lease renewal is of no use to anybody; the newest one is on the disk in the same commit.
  if (state.retention.maxCount === 1 && !described && first > 0 && events.length > 0)
    log.storage.drop(state.id!, first);
  if (recreates) log.writeMetadata(state.name, withTruncateBefore(metadata, first));
  if (undeletes && events.length > 0) {
    log.writeMetadata(described.name, withTruncateBefore(events.at(-1)?.data, described.last + 1));
  }
  return { kind: 'success', revision: first + events.length - 1, position };
}
