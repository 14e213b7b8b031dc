import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  bytesField,
  FieldReader,
  INT64_MAX,
  MalformedMessage,
  messageField,
  varintField,
  varintSize,
  writeVarint,
} from './wire.js';

const safeInteger = fc.nat(Number.MAX_SAFE_INTEGER);

describe('a field', () => {
  it('is read as it was written, also when the reader skips others', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), safeInteger, fc.uint8Array(), (field, number, bytes) => {
        const message = Buffer.concat([
          varintField(field, number),
          bytesField(field + 1, Buffer.from(bytes)),
          varintField(1, 7),
        ]);
        const reader = new FieldReader(message);
        expect(reader.next() && reader.field === field && reader.number()).toBe(number);
        reader.next();
        reader.skip();
        expect(reader.next() && reader.number()).toBe(7);
        expect(reader.next()).toBe(false);
      }),
    );
  });

  it('of 2^63 - 1 is written exactly, though no number is', () => {
    const target = Buffer.alloc(varintSize(INT64_MAX));
    expect(writeVarint(target, 0, INT64_MAX)).toBe(target.length);
    const reader = new FieldReader(Buffer.concat([Buffer.from([0x08]), target]));
    reader.next();
    expect(reader.bigint()).toBe(2n ** 63n - 1n);
  });

  it('that is longer than its message is refused, wherever the message is cut', () => {
    const message = messageField(3, bytesField(1, 'text'), varintField(2, 300));
    for (let length = 1; length < message.length; length++) {
      const reader = new FieldReader(message.subarray(0, length));
      expect(() => {
        while (reader.next()) reader.skip();
      }).toThrow(MalformedMessage);
    }
  });
});
