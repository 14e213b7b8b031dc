import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { isSealed, seal, SealBroken, unseal, unwrap, wrap, type Sealed } from './sealed.js';

const key = randomBytes(32);
const TEXTS = ['anna@example.com', '', 'Ånna Ö. 🦊', 'x'.repeat(10_000)];

/** The text of base64 with one bit of one byte changed. */
function flipped(base64: string, at: number): string {
  const bytes = Buffer.from(base64, 'base64');
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  return bytes.toString('base64');
}

describe('sealed personal data', () => {
  it.each(TEXTS)('is opened with the key of its subject, and shows nothing of the text %#', (text) => {
    const sealed = seal('usr_a', key, text);
    expect(unseal(sealed, key)).toBe(text);
    expect(isSealed(sealed)).toBe(true);
    if (text !== '') expect(JSON.stringify(sealed)).not.toContain(text);
  });

  it('is another one each time, the commitment too: nobody can tell that two texts are the same', () => {
    const [one, other] = [seal('usr_a', key, 'x'), seal('usr_a', key, 'x')];
    for (const field of ['iv', 'ciphertext', 'commitment'] as const)
      expect(one[field]).not.toBe(other[field]);
  });

  const sealed = seal('usr_a', key, 'anna@example.com');
  it.each<[string, Sealed, Buffer]>([
    ['with the key of another subject', sealed, randomBytes(32)],
    ['under the name of another subject', { ...sealed, subject: 'usr_b' }, key],
    ['with another first byte', { ...sealed, ciphertext: flipped(sealed.ciphertext, 0) }, key],
    ['with another tag', { ...sealed, ciphertext: flipped(sealed.ciphertext, -1) }, key],
    ['with another iv', { ...sealed, iv: flipped(sealed.iv, 3) }, key],
    ['with a short iv', { ...sealed, iv: '' }, key],
    ['without its text', { ...sealed, ciphertext: '' }, key],
    ['with another commitment', { ...sealed, commitment: 'ab'.repeat(32) }, key],
    ['without a commitment', { ...sealed, commitment: '' }, key],
  ])('is not opened %s', (_, changed, opening) => {
    expect(() => unseal(changed, opening)).toThrow(SealBroken);
  });

  it('is told from other values', () => {
    for (const value of [null, 'text', 3, {}, { ...sealed, iv: 1 }, undefined])
      expect(isSealed(value)).toBe(false);
  });
});

describe('a wrapped key', () => {
  const wrapping = randomBytes(32);

  it('is unwrapped with the wrapping key and in the same context, and with nothing else', () => {
    const wrapped = wrap(wrapping, key, 'usr_a');
    expect(unwrap(wrapping, wrapped, 'usr_a')).toEqual(key);
    expect(() => unwrap(randomBytes(32), wrapped, 'usr_a')).toThrow(SealBroken);
    expect(() => unwrap(wrapping, wrapped, 'usr_b')).toThrow(SealBroken);
    expect(() => unwrap(wrapping, flipped(wrapped, -20), 'usr_a')).toThrow(SealBroken);
    expect(() => unwrap(wrapping, '', 'usr_a')).toThrow(SealBroken);
  });
});
