import { describe, expect, it } from '@jest/globals';
import { leastDistanceKm } from './country-distance.js';

describe('the least distance between two countries', () => {
  it.each([
    ['DE', 'JP', 5000, 9500],
    ['DE', 'BR', 5500, 9500],
    ['GB', 'SG', 8000, 11000],
    ['US', 'IN', 6000, 11500],
  ])('%s to %s lies between %d and %d km', (from, to, least, most) => {
    const distance = leastDistanceKm(from, to);
    expect(distance).toBe(leastDistanceKm(to, from));
    expect([distance >= least, distance <= most]).toEqual([true, true]);
  });

  it.each([['DE', 'AT'], ['US', 'CA'], ['US', 'MX'], ['FR', 'DE'], ['RU', 'CN'], ['PL', 'PL'], ['DE', 'ZZ']])(
    '%s and %s may be next to each other',
    (from, to) => expect(leastDistanceKm(from, to)).toBeLessThan(200),
  ); // prettier-ignore
});
