import {
  bytesField,
  FieldReader,
  GRPC_PREFIX_BYTES,
  grpcFrame,
  INT64_MAX,
  messageField,
  varintField,
  varintSize,
  writeVarint,
} from './wire.js';

/** The revision of the event that marks a tombstoned stream: on the wire it is 2^63 - 1, in the store the largest safe integer. */
export const TOMBSTONE_REVISION = Number.MAX_SAFE_INTEGER;

/** What a writer gives for one event. `id` is a UUID in its text form. */
export interface ProposedEvent {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Buffer;
  readonly metadata: Buffer;
}

/** An event with its place in the log. `createdMs` is the time of the append in milliseconds since 1970. */
export interface RecordedEvent extends ProposedEvent {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  readonly createdMs: number;
}

/** The event's creation time is sent in units of 100 ns since 1970. */
const TICKS_PER_MILLISECOND = 10_000;
const ID_TEXT_BYTES = 36;
/** id { string } : tag, length, tag, length, text. */
const ID_FIELD_BYTES = 4 + ID_TEXT_BYTES;

function delimitedSize(length: number): number {
  return 1 + varintSize(length) + length;
}

function propertySize(keyLength: number, valueLength: number): number {
  return delimitedSize(delimitedSize(keyLength) + delimitedSize(valueLength));
}

/** Writes fields one behind the other into a buffer of the right size. All field numbers are below 16: one byte tags. */
class FrameWriter {
  private offset = 0;

  constructor(readonly target: Buffer) {}

  header(length: number): void {
    this.target[0] = 0;
    this.target.writeUInt32BE(length, 1);
    this.offset = GRPC_PREFIX_BYTES;
  }

  open(field: number, length: number): void {
    this.target[this.offset++] = field * 8 + 2;
    this.offset = writeVarint(this.target, this.offset, length);
  }

  number(field: number, value: number): void {
    this.target[this.offset++] = field * 8;
    this.offset = writeVarint(this.target, this.offset, value);
  }

  text(field: number, value: string, length: number): void {
    this.open(field, length);
    this.offset += this.target.write(value, this.offset, length, 'utf8');
  }

  bytes(field: number, value: Buffer): void {
    this.open(field, value.length);
    this.offset += value.copy(this.target, this.offset);
  }

  property(key: string, value: string, valueLength: number): void {
    this.open(6, delimitedSize(key.length) + delimitedSize(valueLength));
    this.text(1, key, key.length);
    this.text(2, value, valueLength);
  }
}

/**
 * The gRPC frame of `ReadResp { event: ReadEvent { event: RecordedEvent, commit_position } }`: the bytes that are
 * stored and, at a read, sent as they are.
 */
export function encodeEventFrame(event: RecordedEvent): Buffer {
  const created = String(event.createdMs * TICKS_PER_MILLISECOND);
  const revision = event.revision === TOMBSTONE_REVISION ? INT64_MAX : event.revision;
  const streamBytes = Buffer.byteLength(event.stream);
  const typeBytes = Buffer.byteLength(event.type);
  const contentTypeBytes = Buffer.byteLength(event.contentType);
  const positionBytes = varintSize(event.position);
  const recorded =
    ID_FIELD_BYTES +
    delimitedSize(delimitedSize(streamBytes)) +
    (1 + varintSize(revision)) +
    2 * (1 + positionBytes) +
    propertySize('type'.length, typeBytes) +
    propertySize('content-type'.length, contentTypeBytes) +
    propertySize('created'.length, created.length) +
    delimitedSize(event.metadata.length) +
    delimitedSize(event.data.length);
  const readEvent = delimitedSize(recorded) + 1 + positionBytes;
  const length = delimitedSize(readEvent);
  const out = new FrameWriter(Buffer.allocUnsafe(GRPC_PREFIX_BYTES + length));
  out.header(length);
  out.open(1, readEvent);
  out.open(1, recorded);
  out.open(1, ID_FIELD_BYTES - 2);
  out.text(2, event.id, ID_TEXT_BYTES);
  out.open(2, delimitedSize(streamBytes));
  out.text(3, event.stream, streamBytes);
  out.number(3, revision);
  out.number(4, event.position);
  out.number(5, event.position);
  out.property('type', event.type, typeBytes);
  out.property('content-type', event.contentType, contentTypeBytes);
  out.property('created', created, created.length);
  out.bytes(7, event.metadata);
  out.bytes(8, event.data);
  out.number(3, event.position);
  return out.target;
}

/** The bytes of the `RecordedEvent` inside a frame that `encodeEventFrame` made. */
function recordedPart(frame: Buffer): Buffer {
  const response = new FieldReader(frame, GRPC_PREFIX_BYTES);
  response.next();
  const readEvent = response.message();
  readEvent.next();
  return readEvent.bytes();
}

export function decodeEventFrame(frame: Buffer): RecordedEvent {
  const event = { id: '', stream: '', revision: 0, position: 0, createdMs: 0, type: '', contentType: '' };
  let data: Buffer = Buffer.alloc(0);
  let metadata: Buffer = data;
  const reader = new FieldReader(recordedPart(frame));
  while (reader.next()) {
    if (reader.field === 1) event.id = onlyString(reader.message());
    else if (reader.field === 2) event.stream = onlyString(reader.message());
    else if (reader.field === 3) event.revision = Math.min(reader.number(), TOMBSTONE_REVISION);
    else if (reader.field === 5) event.position = reader.number();
    else if (reader.field === 6) readProperty(reader.message(), event);
    else if (reader.field === 7) metadata = reader.bytes();
    else if (reader.field === 8) data = reader.bytes();
    else reader.skip();
  }
  return { ...event, data, metadata };
}

function onlyString(reader: FieldReader): string {
  reader.next();
  return reader.string();
}

function readProperty(
  reader: FieldReader,
  event: { type: string; contentType: string; createdMs: number },
): void {
  reader.next();
  const key = reader.string();
  reader.next();
  const value = reader.string();
  if (key === 'type') event.type = value;
  else if (key === 'content-type') event.contentType = value;
  else if (key === 'created') event.createdMs = Math.floor(Number(value) / TICKS_PER_MILLISECOND);
}

/**
 * The frame of a link with the event that it points to, or without one when that is not to be seen. Its commit
 * position is the link's: that is the place in the log which a reader has reached.
 */
export function encodeResolvedFrame(link: Buffer, linkPosition: number, target: Buffer | undefined): Buffer {
  const event = target ? [bytesField(1, recordedPart(target))] : [];
  return grpcFrame(
    messageField(1, ...event, bytesField(2, recordedPart(link)), varintField(3, linkPosition)),
  );
}
