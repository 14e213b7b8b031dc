/**
 * Protobuf and gRPC primitives, hand-written because generated classes cost ten times the CPU per event.
 * Source of the formats: https://protobuf.dev/programming-guides/encoding and the gRPC over HTTP/2 specification.
 */

/** 2^63 - 1 as the nearest JavaScript number. Numbers at or above it are written as exactly 2^63 - 1. */
export const INT64_MAX = 2 ** 63;

/** The bytes of a request are not the message they should be. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

/** Walks over the fields of one message without copying. Call `next`, look at `field`, then take or skip the value. */
export class FieldReader {
  field = 0;
  private wireType = 0;

  constructor(
    private readonly buffer: Buffer,
    private offset = 0,
    private readonly end = buffer.length,
  ) {}

  next(): boolean {
    if (this.offset >= this.end) return false;
    const key = this.varint();
    this.field = Math.floor(key / 8);
    this.wireType = key % 8;
    return true;
  }

  /** A varint as a number; above 2^53 it is the nearest one. */
  number(): number {
    this.expect(0);
    return this.varint();
  }

  /** A varint as the unsigned 64-bit value that it is. */
  bigint(): bigint {
    this.expect(0);
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new MalformedMessage('a varint is longer than 10 bytes');
  }

  /** A view of a length-delimited value; it keeps the whole request alive for as long as it is held. */
  bytes(): Buffer {
    const { start, end } = this.span();
    return this.buffer.subarray(start, end);
  }

  string(): string {
    const { start, end } = this.span();
    return this.buffer.toString('utf8', start, end);
  }

  message(): FieldReader {
    const { start, end } = this.span();
    return new FieldReader(this.buffer, start, end);
  }

  skip(): void {
    if (this.wireType === 0) this.varint();
    else if (this.wireType === 1) this.advance(8);
    else if (this.wireType === 2) this.span();
    else if (this.wireType === 5) this.advance(4);
    else throw new MalformedMessage(`wire type ${this.wireType} is not known`);
  }

  private span(): { start: number; end: number } {
    this.expect(2);
    const length = this.varint();
    const start = this.offset;
    this.advance(length);
    return { start, end: this.offset };
  }

  private varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new MalformedMessage('a varint is longer than 10 bytes');
  }

  private byte(): number {
    const byte = this.offset < this.end ? this.buffer[this.offset++] : undefined;
    if (byte === undefined) throw new MalformedMessage('a message ends in the middle of a field');
    return byte;
  }

  private advance(count: number): void {
    if (this.offset + count > this.end) throw new MalformedMessage('a field is longer than its message');
    this.offset += count;
  }

  private expect(wireType: number): void {
    if (this.wireType !== wireType) throw new MalformedMessage(`field ${this.field} has the wrong wire type`);
  }
}

export function varintSize(value: number): number {
  if (value >= INT64_MAX) return 9;
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes a non-negative integer and returns the offset behind it. */
export function writeVarint(target: Buffer, offset: number, value: number): number {
  if (value >= INT64_MAX) {
    target.fill(0xff, offset, offset + 8);
    target[offset + 8] = 0x7f;
    return offset + 9;
  }
  let rest = value;
  let at = offset;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) target[at++] = (rest % 0x80) | 0x80;
  target[at++] = rest;
  return at;
}

/** A field with a number, also when it is zero (in a `oneof` the presence of zero means something). */
export function varintField(field: number, value: number): Buffer {
  const target = Buffer.allocUnsafe(varintSize(field * 8) + varintSize(value));
  writeVarint(target, writeVarint(target, 0, field * 8), value);
  return target;
}

export function bytesField(field: number, value: Buffer | string): Buffer {
  return messageField(field, typeof value === 'string' ? Buffer.from(value) : value);
}

/** A field whose value is the message made of these fields; without fields it is `Empty`. */
export function messageField(field: number, ...fields: Buffer[]): Buffer {
  const length = fields.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.allocUnsafe(varintSize(field * 8 + 2) + varintSize(length));
  writeVarint(head, writeVarint(head, 0, field * 8 + 2), length);
  return Buffer.concat([head, ...fields]);
}

export const GRPC_PREFIX_BYTES = 5;

/** One gRPC message on the wire: flag "not compressed", length, the message made of these fields. */
export function grpcFrame(...fields: Buffer[]): Buffer {
  const head = Buffer.alloc(GRPC_PREFIX_BYTES);
  head.writeUInt32BE(
    fields.reduce((sum, part) => sum + part.length, 0),
    1,
  );
  return Buffer.concat([head, ...fields]);
}
