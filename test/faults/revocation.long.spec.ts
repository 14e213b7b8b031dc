import { describe, expect, it } from '@jest/globals';
import { seededRandom } from './random.js';
import { describeDrill } from './report.js';
import { revocationDrill } from './revocation-drill.js';

const MINUTES = 60_000;

describe('revocation on an API node, three gates and a worker, 500 times', () => {
  it(
    'accepts nothing after the answer under random faults',
    async () => {
      const report = await revocationDrill({
        revocations: 500,
        faultEvery: 7,
        random: seededRandom(20_261_124),
      });
      process.stdout.write(describeDrill('500 revocations under faults', report));
      expect(report.figures.acceptedLater).toBe(0);
      for (const count of Object.values(report.faults)) expect(count).toBeGreaterThan(0);
    },
    15 * MINUTES,
  );

  it(
    'is answered within milliseconds while all are well',
    async () => {
      const report = await revocationDrill({
        revocations: 500,
        faultEvery: Infinity,
        random: seededRandom(1),
      });
      process.stdout.write(describeDrill('500 revocations, all well', report));
      expect(report.figures.acceptedLater).toBe(0);
    },
    5 * MINUTES,
  );
});
