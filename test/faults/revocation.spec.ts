import { describe, expect, it } from '@jest/globals';
import { FAULTS } from './gate-slot.js';
import { seededRandom } from './random.js';
import { describeDrill } from './report.js';
import { revocationDrill } from './revocation-drill.js';

describe('revocation on an API node, three gates and a worker', () => {
  it('holds while gates are stopped, cut off, killed and doubled: nothing is accepted after the answer', async () => {
    const report = await revocationDrill({ revocations: 36, faultEvery: 6, random: seededRandom(1) });
    process.stdout.write(describeDrill('revocation under faults', report));
    expect(report.figures.acceptedLater).toBe(0);
    expect(report.figures.acceptedBefore).toBeGreaterThan(36);
    expect(report.figures.refusedLater).toBeGreaterThan(36);
    expect(Object.keys(report.faults).toSorted()).toEqual([...FAULTS].toSorted());
  }, 120_000);
});
