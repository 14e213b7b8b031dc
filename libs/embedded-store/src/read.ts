import { compileFilter } from './filters.js';
import type { Filter } from './filters.js';
import { resolveLink } from './links.js';
import type { ReadRequest } from './requests.js';
import { encodeStreamNotFound, Status, streamDeletedEnd } from './responses.js';
import { CallRefused, endOfError } from './rpc.js';
import type { Call } from './rpc.js';
import type { EventStorage, StoredEvent } from './storage.js';
import { isSoftDeleted } from './stream-metadata.js';
import { readVisible } from './streams.js';
import type { Streams } from './streams.js';
import { INT64_MAX } from './wire.js';

/** Events per page of storage: big enough to be cheap, small enough that an append waits for 1 ms at most. */
export const PAGE_EVENTS = 256;

/** Events considered per page when a filter sorts most of them out. */
export const SCAN_EVENTS = 1024;

/** The read side: storage, the states of streams, and the time. */
export interface LogReader {
  readonly storage: EventStorage;
  readonly streams: Streams;
  readonly clock: () => number;
}

/** Answers a `Read` that is no subscription: up to `count` events, then the end. */
export function startRead(log: LogReader, request: ReadRequest, count: number, call: Call): void {
  refuseImpossible(log, request, count);
  const nextPage =
    request.stream === undefined
      ? pagesOfAll(log, request)
      : pagesOfStream(log, request, request.stream, call);
  if (!nextPage) return;
  let left = count;
  const pump = () => {
    if (call.closed) return;
    try {
      const page = left > 0 ? nextPage(Math.min(left, PAGE_EVENTS)) : undefined;
      if (!page) return call.end();
      left -= page.length;
      if (page.length === 0 || call.send(framesOf(log, page, request.resolveLinks))) setImmediate(pump);
      else call.whenWritable(pump);
    } catch (error) {
      call.end(endOfError(error));
    }
  };
  pump();
}

/** The next events, possibly none of those that were looked at; undefined = the end. */
type NextPage = (limit: number) => readonly StoredEvent[] | undefined;

/** The real server ends such reads with status 2; the client's bridge reports them as unavailable. */
function refuseImpossible(log: LogReader, request: ReadRequest, count: number): void {
  if (count <= 0) throw new CallRefused({ status: Status.UNKNOWN, message: 'maxCount must be positive' });
  if (request.stream === undefined) return refuseBetweenEvents(log.storage, request);
  if (typeof request.from === 'number' && request.from > INT64_MAX) {
    throw new CallRefused({ status: Status.UNKNOWN, message: 'the revision is beyond 2^63 - 1' });
  }
  if (request.from === 'end' && !request.backwards) {
    throw new CallRefused({
      status: Status.UNKNOWN,
      message: 'a stream cannot be read forwards from its end',
    });
  }
}

/** `$all` is read from positions of events, from its ends, or from beyond the head. */
export function refuseBetweenEvents(storage: EventStorage, { from }: ReadRequest): void {
  if (typeof from !== 'number' || storage.isPosition(from)) return;
  throw new CallRefused({ status: Status.UNKNOWN, message: 'no event stands at this position' });
}

/** Undefined = the call was answered: the stream does not exist. */
function pagesOfStream(
  log: LogReader,
  request: ReadRequest,
  stream: string,
  call: Call,
): NextPage | undefined {
  const state = log.streams.get(stream);
  if (log.streams.isTombstonedForReaders(state)) throw new CallRefused(streamDeletedEnd(stream));
  if (state.last < 0 || isSoftDeleted(state.retention)) {
    call.send([encodeStreamNotFound(stream)]);
    call.end();
    return undefined;
  }
  const { backwards } = request;
  // Revisions are safe integers; what is asked for beyond them is beyond the end.
  const end = backwards ? Number.MAX_SAFE_INTEGER : 0;
  let from =
    request.from === 'start'
      ? 0
      : request.from === 'end'
        ? end
        : Math.min(request.from, Number.MAX_SAFE_INTEGER);
  return (limit) => {
    const events = readVisible(log.storage, log.streams.get(stream), {
      from,
      limit,
      backwards,
      nowMs: log.clock(),
    });
    const newest = events.at(-1);
    if (!newest) return undefined;
    from = newest.revision + (backwards ? -1 : 1);
    return events;
  };
}

function pagesOfAll(log: LogReader, request: ReadRequest): NextPage {
  const { backwards } = request;
  const filter = request.filter && compileFilter(request.filter);
  let from = startOfAll(request);
  return (limit) => {
    const page = filter
      ? filteredPage(log.storage, filter, from, limit, backwards)
      : { events: log.storage.readAll(from, limit, backwards), last: undefined };
    const last = page.last ?? page.events.at(-1)?.position;
    if (last === undefined) return undefined;
    from = last + (backwards ? -1 : 1);
    return page.events;
  };
}

/** Forwards a position is inclusive, backwards exclusive. */
function startOfAll({ from, backwards }: ReadRequest): number {
  if (from === 'start') return 0;
  const position = from === 'end' ? Number.MAX_SAFE_INTEGER : Math.min(from, Number.MAX_SAFE_INTEGER);
  return backwards ? position - (from === 'end' ? 0 : 1) : position;
}

/** `last` = the position of the last event that was considered; undefined = there is none. */
function filteredPage(
  storage: EventStorage,
  filter: Filter,
  from: number,
  limit: number,
  backwards: boolean,
): { events: StoredEvent[]; last: number | undefined } {
  const { positions, names } = storage.scan(from, SCAN_EVENTS, backwards, filter.on);
  const matching: number[] = [];
  let considered = 0;
  while (considered < positions.length && matching.length < limit) {
    if (filter.matches(names[considered]!)) matching.push(positions[considered]!);
    considered++;
  }
  const events = matching.length > 0 ? storage.readPositions(matching, backwards) : [];
  // A page that was cut by its bytes goes on behind its last event.
  const cut = events.length < matching.length;
  return { events, last: cut ? events.at(-1)?.position : positions[considered - 1] };
}

/** The frames to send for events, links resolved if asked for. */
export function framesOf(
  log: LogReader,
  events: readonly { readonly position: number; readonly isLink: boolean; readonly frame: Buffer }[],
  resolveLinks: boolean,
): Buffer[] {
  return events.map((event) =>
    resolveLinks && event.isLink ? resolveLink(log.storage, log.streams, event, log.clock()) : event.frame,
  );
}
