import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { networkOf } from './client-network.js';
import { FAILURES_BURST, FailureLimit } from './failure-limit.js';

const SEED = 0x5eed;
/** A table that a test can overrun. */
const FEW_NETWORKS = 256;
const HERE = networkOf('192.0.2.7');

/** Takes until nothing is left, and returns how many there were. */
function drainBucket(limit: FailureLimit, network: typeof HERE, now: number): number {
  let taken = 0;
  while (limit.take(network, now) === 0) taken++;
  return taken;
}

/** One failure from each of that many /64 networks, from number `first` on; returns how many were admitted. */
function failFromNetworks(limit: FailureLimit, count: number, now: number): number {
  let admitted = 0;
  for (let low = 0; low < count; low++) if (limit.take({ high: 0x20010db8, low }, now) === 0) admitted++;
  return admitted;
}

describe('the limit of failures', () => {
  it('admits 100 of a network at once, then one each second, and says how long to wait', () => {
    const limit = new FailureLimit(SEED);
    expect(drainBucket(limit, HERE, 5_000)).toBe(100);
    expect(limit.take(HERE, 5_000)).toBe(1_000);
    expect(limit.take(HERE, 5_400)).toBe(600);
    expect(limit.take(HERE, 6_000)).toBe(0);
    expect(limit.take(HERE, 6_000)).toBe(1_000);
    expect(drainBucket(limit, HERE, 16_000)).toBe(10);
    expect(drainBucket(limit, HERE, 10_000_000)).toBe(100);
  });

  it('counts the addresses of one /24 or /64 together, and networks apart', () => {
    const limit = new FailureLimit(SEED);
    for (const [one, same, other] of [
      ['192.0.2.7', '192.0.2.8', '192.0.3.7'],
      ['2001:db8:0:1::1', '2001:db8:0:1:9::', '2001:db8:0:2::1'],
    ] as const) {
      expect(drainBucket(limit, networkOf(one), 0)).toBe(FAILURES_BURST);
      expect(limit.take(networkOf(same), 0)).toBeGreaterThan(0);
      expect(limit.take(networkOf(other), 0)).toBe(0);
    }
  });

  it('admits no network more than its burst and one for each second, however the failures are spread', () => {
    const waits = fc.array(fc.nat(3_000), { minLength: 1, maxLength: 600 });
    fc.assert(
      fc.property(waits, fc.integer(), (pauses, seed) => {
        const limit = new FailureLimit(seed);
        let now = 1_000;
        let admitted = 0;
        for (const pause of pauses) {
          now += pause;
          if (limit.take(HERE, now) === 0) admitted++;
        }
        expect(admitted).toBeLessThanOrEqual(FAILURES_BURST + (now - 1_000) / 1_000);
        expect(admitted).toBeGreaterThanOrEqual(Math.min(pauses.length, FAILURES_BURST));
      }),
    );
  });

  it('gives nobody an emptied bucket back who comes from many other networks meanwhile', () => {
    const limit = new FailureLimit(SEED, FEW_NETWORKS);
    drainBucket(limit, HERE, 0);
    failFromNetworks(limit, 20 * FEW_NETWORKS, 0);
    expect(limit.take(HERE, 0)).toBeGreaterThan(0);
  });

  it('bounds what all networks together may fail, also where each failure comes from another one', () => {
    const limit = new FailureLimit(SEED, FEW_NETWORKS);
    const boundOfAll = FEW_NETWORKS * FAILURES_BURST;
    const admitted = failFromNetworks(limit, 2 * boundOfAll, 0);
    expect(admitted).toBeLessThanOrEqual(boundOfAll);
    expect(admitted).toBeGreaterThan(0.9 * boundOfAll);
  });

  it('gives almost every network a bucket of its own while a quarter of the table is in use', () => {
    const networks = 1_024;
    const limit = new FailureLimit(SEED, 4 * networks);
    let whole = 0;
    for (let low = 0; low < networks; low++) {
      if (drainBucket(limit, { high: 7, low }, 0) === FAILURES_BURST) whole++;
    }
    expect(whole).toBeGreaterThan(0.99 * networks);
  });
});
