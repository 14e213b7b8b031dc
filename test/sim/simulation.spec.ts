import { beforeAll, describe, expect, it } from '@jest/globals';
import { FAULTS } from './faults.js';
import { describeTotals, runSeeds, type Totals } from './seeds.js';
import { Simulation } from './simulation.js';
import type { Variant } from './variant.js';

const SEEDS = 100;
const MINUTE_MS = 60_000;

/** `SIM_SEED=17 SIM_MUTANT=cachedClock` tells what happened in that run; see docs/revocation.md. */
const { SIM_SEED, SIM_MUTANT } = process.env;

describe('revocation in 100 simulated installations in which everything goes wrong', () => {
  let totals: Totals;
  beforeAll(() => {
    totals = runSeeds(1, SEEDS);
    process.stdout.write(describeTotals('simulation', totals));
  });

  it('accepts no request that starts after the answer', () =>
    expect({ violations: totals.counts.violations, seeds: totals.wrongSeeds }).toEqual({
      violations: 0,
      seeds: [],
    }));

  it('names nobody in a receipt as having applied what it had not', () =>
    expect(totals.counts.falseOutcomes).toBe(0));

  it('is answered in milliseconds when all are well, within a lease after a gate died, then in milliseconds again', () =>
    expect(totals.late).toEqual([]));

  it('leaves good keys alone when all are well: none is told to come back later', () =>
    expect(totals.counts.unavailableInCalm).toBe(0));

  it('has tried something: requests of every end, answers of every kind, every fault many times', () => {
    const { counts, faults } = totals;
    expect(Object.keys(faults).toSorted()).toEqual(FAULTS.toSorted());
    expect(Math.min(...Object.values(faults))).toBeGreaterThan(SEEDS / 10);
    expect(counts.requests).toBeGreaterThan(1_000 * SEEDS);
    for (const kind of ['accepted', 'refused', 'unavailable'])
      expect(counts[kind]).toBeGreaterThan(100 * SEEDS);
    expect(counts.answered).toBeGreaterThan(30 * SEEDS);
    for (const kind of ['waitedForLease', 'secondCallers']) expect(counts[kind]).toBeGreaterThan(5 * SEEDS);
    expect(totals.afterKillMs.length).toBe(SEEDS);
    expect(totals.healthyMs.length).toBeGreaterThan(5 * SEEDS);
  });
});

describe('a simulated installation', () => {
  it('is the same, to the last message, for the same seed', () => {
    const [one, again, other] = [7, 7, 8].map((seed) => new Simulation(seed).run());
    expect(again).toEqual(one);
    expect(other!.fingerprint).not.toBe(one!.fingerprint);
  });

  it('that nobody asks anything writes nothing after the first minute', () => {
    expect(new Simulation(1).runIdle(MINUTE_MS)).toBeGreaterThan(100);
    expect(new Simulation(1).runIdle(5 * MINUTE_MS)).toBe(0);
  });

  it('tells what happened in the seed that SIM_SEED names', () => {
    const simulation = new Simulation(Number(SIM_SEED ?? 1), SIM_MUTANT as Variant | undefined, true);
    const figures = simulation.run();
    if (SIM_SEED !== undefined)
      process.stdout.write(`${simulation.story.join('\n')}\n${JSON.stringify(figures, undefined, 2)}\n`);
    expect(simulation.story.length).toBeGreaterThan(100);
  });
});
