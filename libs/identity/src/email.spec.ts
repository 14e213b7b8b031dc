import { describe, expect, it } from '@jest/globals';
import { EMAIL_PATTERN, emailIndex, foldEmail, subjectIndex } from './email.js';

const key = Buffer.alloc(32, 1);

describe('an e-mail address', () => {
  it.each([' Anna@Example.COM ', 'anna@example.com', 'ANNA＠example.com'])('is folded: %s', (spelling) => {
    expect(foldEmail(spelling)).toBe('anna@example.com');
    expect(emailIndex(key, spelling)).toBe(emailIndex(key, 'anna@example.com'));
  });

  it('has an index that only the key gives, and that another address does not have', () => {
    expect(emailIndex(key, 'anna@example.com')).toMatch(/^[0-9a-f]{64}$/);
    expect(emailIndex(Buffer.alloc(32, 2), 'anna@example.com')).not.toBe(emailIndex(key, 'anna@example.com'));
    expect(emailIndex(key, 'anne@example.com')).not.toBe(emailIndex(key, 'anna@example.com'));
  });

  it('of an issuer and its subject are told apart where they meet', () => {
    const key = Buffer.alloc(32, 1);
    expect(subjectIndex(key, 'https://a', 'b')).toMatch(/^[0-9a-f]{64}$/);
    expect(subjectIndex(key, 'https://a', 'b')).not.toBe(subjectIndex(key, 'https://ab', ''));
  });

  it('has one @ between two parts, and nothing that cannot be seen', () => {
    for (const good of ['admin@localhost', 'ö@bücher.example', "o'neil+x@example.com"])
      expect(good).toMatch(EMAIL_PATTERN);
    for (const bad of ['', 'a', '@b', 'a@', 'a@b@c', 'a b@c', 'a@b\n', 'a\u200bb@c', `${'a'.repeat(65)}@b`])
      expect(bad).not.toMatch(EMAIL_PATTERN);
  });
});
