import { describe, expect, it } from '@jest/globals';
import {
  isSoftDeleted,
  KEEP_ALL,
  parseRetention,
  SOFT_DELETED_JSON,
  withTruncateBefore,
} from './stream-metadata.js';

const parse = (json: string) => parseRetention(Buffer.from(json));

describe('stream metadata', () => {
  it('limits by number, age in seconds and revision', () => {
    expect(parse('{"$maxCount":5,"$maxAge":2,"$tb":7,"other":{}}')).toEqual({
      maxCount: 5,
      maxAgeMs: 2000,
      truncateBefore: 7,
    });
  });

  it.each([
    '',
    'nonsense',
    '[1]',
    'null',
    '5',
    '{"$maxCount":"1"}',
    '{"$tb":1.5}',
    '{"$maxCount":0}',
    '{"$maxAge":-1}',
  ])('%p hides nothing', (json) => {
    expect(parse(json)).toEqual(KEEP_ALL);
  });

  it('of a soft delete is exactly 2^63 - 1 on the disk and is known again', () => {
    expect(SOFT_DELETED_JSON).toContain(String(2n ** 63n - 1n));
    expect(isSoftDeleted(parse(SOFT_DELETED_JSON))).toBe(true);
    expect(isSoftDeleted(parse('{"$tb":9007199254740991}'))).toBe(false);
  });

  it('keeps its other properties when $tb is set', () => {
    expect(JSON.parse(String(withTruncateBefore(Buffer.from('{"a":1,"$tb":2}'), 9)))).toEqual({
      a: 1,
      $tb: 9,
    });
    expect(JSON.parse(String(withTruncateBefore(Buffer.from('no object'), 9)))).toEqual({ $tb: 9 });
    expect(JSON.parse(String(withTruncateBefore(undefined, 9)))).toEqual({ $tb: 9 });
  });
});
