import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BASE62, base62FromBytes } from './base62.js';
import { parseDuration } from './durations.js';
import { formatKey, isKeyId, KEY_PATTERN, parseKey } from './key-format.js';

const base62 = (length: number) =>
  fc
    .array(fc.constantFrom(...BASE62), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''));
const parts = fc.record({ prefix: fc.constantFrom('drk', 'drm'), id: base62(16), secret: base62(43) });

describe('the key format', () => {
  it('reads back every key that it writes', () => {
    fc.assert(
      fc.property(parts, ({ prefix, id, secret }) => {
        const key = formatKey(`${prefix}_${id}`, secret);
        expect(key).toHaveLength(70);
        expect(key).toMatch(new RegExp(`^${KEY_PATTERN.source}$`));
        expect(parseKey(key)).toEqual({ prefix, id: `${prefix}_${id}`, secret });
      }),
    );
  });

  it('ends with the CRC-32 of everything before it, as any other program computes it', () => {
    const key = formatKey('drk_0123456789abcdef', 'A'.repeat(43));
    const digits = Array.from(key.slice(64)).reduce((value, digit) => value * 62 + BASE62.indexOf(digit), 0);
    expect(digits).toBe(crc32(key.slice(0, 64)));
    expect(key).toBe('drk_0123456789abcdef_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0EZGPd');
  });

  it('refuses a key with one character changed, wherever it is', () => {
    fc.assert(
      fc.property(parts, fc.nat(69), fc.constantFrom(...BASE62), ({ prefix, id, secret }, at, digit) => {
        const key = formatKey(`${prefix}_${id}`, secret);
        fc.pre(key[at] !== digit);
        expect(parseKey(key.slice(0, at) + digit + key.slice(at + 1))).toBeUndefined();
      }),
    );
  });

  it('refuses anything else without throwing', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(parseKey(text)).toBeUndefined()));
    const key = formatKey('drk_0123456789abcdef', 'A'.repeat(43));
    for (const text of [`${key}\n`, ` ${key}`, key.toLowerCase(), key.slice(1), ''])
      expect(parseKey(text)).toBeUndefined();
  });

  it('knows the form of a public id', () => {
    expect(isKeyId('drk_0123456789abcdef')).toBe(true);
    for (const text of [
      'drk_0123456789abcde',
      'drk_0123456789abcdef\n',
      'dxk_0123456789abcdef',
      'drk_../../../../etc/',
    ]) {
      expect(isKeyId(text)).toBe(false);
    }
  });
});

describe('base62 digits from random bytes', () => {
  it('are all equally likely: a byte that would favour low digits is skipped', () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const digits = base62FromBytes(all, 248)!;
    for (const digit of BASE62) expect(digits.split(digit)).toHaveLength(5);
    expect(base62FromBytes(all, 249)).toBeUndefined();
  });
});

describe('durations', () => {
  it.each([
    ['P90D', 90 * 86_400_000],
    ['P1W', 7 * 86_400_000],
    ['PT24H', 86_400_000],
    ['P1DT1H1M1S', 86_400_000 + 3_661_000],
    ['PT0S', 0],
  ])('%s is %d ms', (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

  it.each([
    'P1Y',
    'P1M',
    'P',
    'PT',
    'P1DT',
    '90D',
    'p90d',
    'P-1D',
    'P1.5D',
    'P1H',
    '',
    'P9999999999D',
    'P1D ',
    'P1D\n',
  ])('%j is none', (text) => expect(parseDuration(text)).toBeUndefined());
});
