import { expect } from '@jest/globals';
import { seededRandom } from '../faults/random.js';
import { expectedOf, linesOf } from './expected.js';
import { Year } from './year.js';

/** Runs a year of `days` days with `keys` keys, and compares what was recorded with what had to be; how many facts that were. */
export function expectYear(seed: number, keys: number, days: number): number {
  const year = new Year(seededRandom(seed), days);
  try {
    year.run(keys);
    expect(year.dueByTables()).toBe(year.dueByDeciders());
    const recorded = linesOf(year.recorded);
    expect(recorded).toEqual(expectedOf(year.acts.values(), year.rulesOf, days));
    expect(new Set(recorded).size).toBe(recorded.length);
    return recorded.length;
  } finally {
    year.close();
  }
}
