import { describe, expect, it } from '@jest/globals';
import { describeTotals, runSeeds } from './seeds.js';

describe('revocation in 1,000 simulated installations in which everything goes wrong', () => {
  it('accepts no request that starts after the answer, and is never late when all are well', () => {
    const totals = runSeeds(101, 1_000);
    process.stdout.write(describeTotals('long simulation', totals));
    expect(totals.wrongSeeds).toEqual([]);
  }, 900_000);
});
