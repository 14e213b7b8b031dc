import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BASE62, formatKey } from '#libs/kernel';
import { parseCredentials } from './credentials.js';

const ID = 'drk_0123456789abcdef';
const OTHER_ID = 'drk_fedcba9876543210';
const SECRET = 'S'.repeat(43);
const KEY = formatKey(ID, SECRET);
const GOOD = { kind: 'key', id: ID, secret: SECRET };

function basic(pair: string | Buffer, scheme = 'Basic'): string {
  return `${scheme} ${Buffer.from(pair as string).toString('base64')}`;
}

describe('credentials', () => {
  it.each([
    ['the key twice', basic(`${KEY}:${KEY}`)],
    ['the key id and the key', basic(`${ID}:${KEY}`)],
    ['a lower-case scheme', basic(`${ID}:${KEY}`, 'basic')],
    ['an upper-case scheme', basic(`${ID}:${KEY}`, 'BASIC')],
    ['two spaces after the scheme', basic(`${ID}:${KEY}`, 'Basic ')],
  ])('are accepted as %s', (_, header) => {
    expect(parseCredentials(header)).toEqual(GOOD);
  });

  it.each([
    ['no header', undefined, 'none'],
    ['an empty header', '', 'malformed'],
    ['another scheme', `Bearer ${KEY}`, 'malformed'],
    ['no pair', 'Basic', 'malformed'],
    ['bad base64', 'Basic !!!!', 'malformed'],
    ['base64 with a space in it', basic(`${ID}:${KEY}`).replace(/.{8}$/, ' $&'), 'malformed'],
    ['base64 without its padding', basic(`${ID}:${KEY}`).replace(/=+$/, ''), 'malformed'],
    ['base64 with bits left over', basic('a:').replace('YTo=', 'YTp='), 'malformed'],
    ['URL-safe base64', `Basic ${Buffer.from('a:\xff\xfe', 'latin1').toString('base64url')}==`, 'malformed'],
    ['no colon', basic(KEY), 'malformed'],
    ['two values', `${basic(`${ID}:${KEY}`)}, ${basic(`${ID}:${KEY}`)}`, 'malformed'],
    ['a password of 10 KB', basic(`${ID}:${'x'.repeat(10_240)}`), 'malformed'],
    ['an empty password', basic(`${ID}:`), 'not_a_key'],
    ['an empty user name', basic(`:${KEY}`), 'not_a_key'],
    ['the user name of another key', basic(`${OTHER_ID}:${KEY}`), 'not_a_key'],
    ['another user name', basic(`admin:${KEY}`), 'not_a_key'],
    ['the user name in another case', basic(`${ID.toUpperCase()}:${KEY}`), 'not_a_key'],
    ['a second colon', basic(`${ID}:${KEY}:`), 'not_a_key'],
    ['a NUL', basic(`${ID}:${KEY}\0`), 'not_a_key'],
    ['bytes that are not UTF-8', basic(Buffer.from(`${ID}:${KEY}\xff`, 'latin1')), 'not_a_key'],
    ['a broken checksum', basic(`${ID}:${KEY.slice(0, -1)}${KEY.endsWith('0') ? '1' : '0'}`), 'not_a_key'],
    ['an access token', basic(`x:${formatKey('drm_0123456789abcdef', SECRET)}`), 'not_a_key'],
  ])('are refused with %s', (_, header, kind) => {
    expect(parseCredentials(header)).toEqual({ kind });
  });

  it('never make the parser fail, and are a key only when the header says exactly that key (20,000 headers)', () => {
    const character = fc.constantFrom(...BASE62);
    const id = fc.string({ unit: character, minLength: 16, maxLength: 16 }).map((text) => `drk_${text}`);
    const secret = fc.string({ unit: character, minLength: 43, maxLength: 43 });
    const pair = fc.oneof(
      fc.tuple(id, secret).map(([user, word]) => `${user}:${formatKey(user, word)}`),
      fc.tuple(id, secret).map(([user, word]) => `${formatKey(user, word)}:${formatKey(user, word)}`),
      fc.tuple(id, id, secret).map(([user, other, word]) => `${user}:${formatKey(other, word)}`),
      fc.tuple(id, secret, fc.string()).map(([user, word, tail]) => `${user}:${user}_${word}${tail}`),
      fc.string({ unit: 'binary' }),
    );
    const header = fc.oneof(
      pair.map((text) => basic(text)),
      fc.tuple(pair, fc.nat(), fc.string({ maxLength: 1 })).map(([text, at, replaced]) => {
        const whole = basic(text);
        const place = at % whole.length;
        return whole.slice(0, place) + replaced + whole.slice(place + 1);
      }),
      fc.string({ unit: 'binary' }),
    );
    let accepted = 0;
    fc.assert(
      fc.property(header, (value) => {
        const credentials = parseCredentials(value);
        if (credentials.kind !== 'key') return;
        accepted++;
        const key = formatKey(credentials.id, credentials.secret);
        const pairs = [`${credentials.id}:${key}`, `${key}:${key}`];
        expect(pairs.map((text) => basic(text).slice(6))).toContain(/^basic +(.*)$/i.exec(value)![1]);
      }),
      { numRuns: 20_000 },
    );
    expect(accepted).toBeGreaterThan(1000);
  });
});
