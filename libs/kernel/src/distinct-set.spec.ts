import { describe, expect, it } from '@jest/globals';
import {
  addDistinct,
  countDistinct,
  DISTINCT_MAX,
  DISTINCT_SET_BYTES,
  joinDistinct,
} from './distinct-set.js';

const NAMES = Array.from({ length: 20_000 }, (_, index) => `team-${index % 7}/service-${index}`);

function setOf(names: readonly string[]): Uint8Array {
  const set = new Uint8Array(DISTINCT_SET_BYTES);
  for (const name of names) addDistinct(set, name);
  return set;
}

describe('a set of 64 bytes', () => {
  it.each([0, 1, 2, 10, 100, 300, 1000])('tells about how many of %d names there are', (number) => {
    const counted = countDistinct(setOf(NAMES.slice(0, number)));
    expect(Math.abs(counted - number)).toBeLessThanOrEqual(Math.ceil(number * 0.12));
  });

  it('counts a name once however often it is added', () =>
    expect(setOf(['team/api', 'team/api'])).toEqual(setOf(['team/api'])));

  it('joined with another is the set of the names of both', () => {
    const joined = setOf(NAMES.slice(0, 60));
    joinDistinct(joined, setOf(NAMES.slice(40, 100)));
    expect(joined).toEqual(setOf(NAMES.slice(0, 100)));
  });

  it('says its most when it is full', () => expect(countDistinct(setOf(NAMES))).toBe(DISTINCT_MAX));
});
