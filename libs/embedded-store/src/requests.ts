import type { ProposedEvent } from './event-frame.js';
import { FieldReader, INT64_MAX } from './wire.js';

/**
 * The requests of `event_store.client.streams.Streams`, decoded. Field numbers are those of the `streams.proto` and
 * `shared.proto` that come with the official client.
 */

/** `any`, `no_stream`, `stream_exists`, or the exact revision of the last event. */
export type ExpectedRevision = 'any' | 'no_stream' | 'stream_exists' | number;

export interface FilterExpression {
  readonly on: 'stream' | 'type';
  readonly regex: string;
  readonly prefixes: readonly string[];
  /** How many events are considered as one page; undefined = the server's choice. */
  readonly window: number | undefined;
  /** A checkpoint is sent once per this many pages. */
  readonly interval: number;
}

export interface ReadRequest {
  /** Undefined = `$all`. */
  readonly stream: string | undefined;
  /** A revision of the stream, or a commit position of `$all`. */
  readonly from: 'start' | 'end' | number;
  readonly backwards: boolean;
  readonly resolveLinks: boolean;
  /** Undefined = a subscription. */
  readonly count: number | undefined;
  readonly filter: FilterExpression | undefined;
}

export interface StreamTarget {
  readonly stream: string;
  readonly expected: ExpectedRevision;
}

/** One message of a `BatchAppend` call; an append may come in several of them, joined by `correlation`. */
export interface BatchAppendPart {
  /** The client's UUID message as it came; it is sent back untouched. */
  readonly correlation: Buffer;
  readonly target: StreamTarget | undefined;
  /** Milliseconds since 1970, or undefined. */
  readonly deadlineMs: number | undefined;
  readonly events: ProposedEvent[];
  readonly final: boolean;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function decodeStreamIdentifier(reader: FieldReader): string {
  let name = '';
  while (reader.next()) {
    if (reader.field === 3) name = reader.string();
    else reader.skip();
  }
  return name;
}

function hyphenated(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A UUID in its text form, whichever of the two forms was sent. Empty when none was. */
function decodeUuid(reader: FieldReader): string {
  while (reader.next()) {
    if (reader.field === 2) return reader.string().toLowerCase();
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    const halves = [0n, 0n];
    const structured = reader.message();
    while (structured.next()) {
      if (structured.field === 1 || structured.field === 2)
        halves[structured.field - 1] = structured.bigint();
      else structured.skip();
    }
    return hyphenated(halves.map((half) => half.toString(16).padStart(16, '0')).join(''));
  }
  return '';
}

/** `ProposedMessage` of `AppendReq` and of `BatchAppendReq`; both have the same fields. */
function decodeProposedEvent(reader: FieldReader): ProposedEvent {
  const empty = Buffer.alloc(0);
  const event: Mutable<ProposedEvent> = {
    id: '',
    type: '',
    contentType: 'application/octet-stream',
    data: empty,
    metadata: empty,
  };
  while (reader.next()) {
    if (reader.field === 1) event.id = decodeUuid(reader.message());
    else if (reader.field === 2) {
      const [key, value] = decodeProperty(reader.message());
      if (key === 'type') event.type = value;
      else if (key === 'content-type') event.contentType = value;
    } else if (reader.field === 3) event.metadata = reader.bytes();
    else if (reader.field === 4) event.data = reader.bytes();
    else reader.skip();
  }
  return event;
}

function decodeProperty(reader: FieldReader): [key: string, value: string] {
  const property: [string, string] = ['', ''];
  while (reader.next()) {
    if (reader.field === 1) property[0] = reader.string();
    else if (reader.field === 2) property[1] = reader.string();
    else reader.skip();
  }
  return property;
}

/** The `oneof` of expected revisions: the number and the three names stand in different fields per message. */
type ExpectedFields = Readonly<Record<number, 'exact' | 'any' | 'no_stream' | 'stream_exists'>>;
const APPEND_EXPECTED: ExpectedFields = { 2: 'exact', 3: 'no_stream', 4: 'any', 5: 'stream_exists' };

function decodeTarget(
  reader: FieldReader,
  onOther: (reader: FieldReader) => void = (other) => other.skip(),
): StreamTarget {
  const target: Mutable<StreamTarget> = { stream: '', expected: 'any' };
  while (reader.next()) {
    const expected = APPEND_EXPECTED[reader.field];
    if (reader.field === 1) target.stream = decodeStreamIdentifier(reader.message());
    else if (expected === 'exact') target.expected = reader.number();
    else if (expected) {
      target.expected = expected;
      reader.skip();
    } else onOther(reader);
  }
  return target;
}

export function decodeAppend(message: Buffer): { target?: StreamTarget; event?: ProposedEvent } {
  const reader = new FieldReader(message);
  const request: { target?: StreamTarget; event?: ProposedEvent } = {};
  while (reader.next()) {
    if (reader.field === 1) request.target = decodeTarget(reader.message());
    else if (reader.field === 2) request.event = decodeProposedEvent(reader.message());
    else reader.skip();
  }
  return request;
}

/** `google.protobuf.Timestamp` and `Duration` have the same fields; the result is in milliseconds. */
function decodeMilliseconds(reader: FieldReader): number {
  let milliseconds = 0;
  while (reader.next()) {
    if (reader.field === 1) milliseconds += reader.number() * 1000;
    else if (reader.field === 2) milliseconds += reader.number() / 1_000_000;
    else reader.skip();
  }
  return milliseconds;
}

export function decodeBatchAppend(message: Buffer, nowMs: number): BatchAppendPart {
  const reader = new FieldReader(message);
  const part: Mutable<BatchAppendPart> = {
    correlation: Buffer.alloc(0),
    target: undefined,
    deadlineMs: undefined,
    events: [],
    final: false,
  };
  while (reader.next()) {
    if (reader.field === 1) part.correlation = reader.bytes();
    else if (reader.field === 2) {
      part.target = decodeTarget(reader.message(), (options) => {
        if (options.field === 6) part.deadlineMs = decodeMilliseconds(options.message());
        else if (options.field === 7) part.deadlineMs = nowMs + decodeMilliseconds(options.message());
        else options.skip();
      });
    } else if (reader.field === 3) part.events.push(decodeProposedEvent(reader.message()));
    else if (reader.field === 4) part.final = reader.number() !== 0;
    else reader.skip();
  }
  return part;
}

/** `DeleteReq` and `TombstoneReq`. */
export function decodeDelete(message: Buffer): StreamTarget {
  const reader = new FieldReader(message);
  let target: StreamTarget = { stream: '', expected: 'any' };
  while (reader.next()) {
    if (reader.field === 1) target = decodeTarget(reader.message());
    else reader.skip();
  }
  return target;
}

export function decodeRead(message: Buffer): ReadRequest {
  const outer = new FieldReader(message);
  const request: Mutable<ReadRequest> = {
    stream: undefined,
    from: 'start',
    backwards: false,
    resolveLinks: false,
    count: undefined,
    filter: undefined,
  };
  while (outer.next()) {
    if (outer.field !== 1) {
      outer.skip();
      continue;
    }
    const reader = outer.message();
    while (reader.next()) {
      if (reader.field === 1) decodeStreamOptions(reader.message(), request);
      else if (reader.field === 2) request.from = decodeAllFrom(reader.message());
      else if (reader.field === 3) request.backwards = reader.number() === 1;
      else if (reader.field === 4) request.resolveLinks = reader.number() !== 0;
      else if (reader.field === 5) request.count = reader.number();
      else if (reader.field === 7) request.filter = decodeFilter(reader.message());
      else reader.skip();
    }
  }
  return request;
}

function decodeStreamOptions(reader: FieldReader, request: Mutable<ReadRequest>): void {
  request.stream = '';
  while (reader.next()) {
    if (reader.field === 1) request.stream = decodeStreamIdentifier(reader.message());
    else if (reader.field === 2) request.from = reader.number();
    else {
      if (reader.field === 3) request.from = 'start';
      else if (reader.field === 4) request.from = 'end';
      reader.skip();
    }
  }
}

function decodeAllFrom(reader: FieldReader): ReadRequest['from'] {
  let from: ReadRequest['from'] = 'start';
  while (reader.next()) {
    if (reader.field === 1) {
      from = 0;
      const position = reader.message();
      while (position.next()) {
        if (position.field === 1) from = Math.min(position.number(), INT64_MAX);
        else position.skip();
      }
    } else {
      if (reader.field === 3) from = 'end';
      reader.skip();
    }
  }
  return from;
}

function decodeFilter(reader: FieldReader): FilterExpression {
  const filter = {
    on: 'type' as 'stream' | 'type',
    regex: '',
    prefixes: [] as string[],
    window: undefined as number | undefined,
    interval: 1,
  };
  while (reader.next()) {
    if (reader.field === 1 || reader.field === 2) {
      filter.on = reader.field === 1 ? 'stream' : 'type';
      const expression = reader.message();
      while (expression.next()) {
        if (expression.field === 1) filter.regex = expression.string();
        else if (expression.field === 2) filter.prefixes.push(expression.string());
        else expression.skip();
      }
    } else if (reader.field === 3) filter.window = reader.number();
    else if (reader.field === 5) filter.interval = Math.max(1, reader.number());
    else reader.skip();
  }
  return filter;
}
