import { describe, expect, it } from '@jest/globals';
import { expectYear } from './year-of.js';

const SEEDS = [1, 2, 3];
const [KEYS, DAYS] = [100, 150];

describe('the life of keys on a virtual clock', () => {
  it.each(SEEDS)(
    'has every reminder, expiry, rotation and end of a grace once and at its time (seed %i)',
    (seed) => {
      expect(expectYear(seed, KEYS, DAYS)).toBeGreaterThan(KEYS);
    },
  );
});
