import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeOutage, GateUnderLoad, type Outage } from './outage.js';

const TIMES = 5;

let gate: GateUnderLoad;

beforeAll(async () => {
  gate = await GateUnderLoad.start();
}, 60_000);
afterAll(() => gate.remove(), 30_000);

async function outage(kind: Outage, awayMs: number) {
  const seen = await gate.suffer(kind, awayMs);
  process.stdout.write(describeOutage(kind, awayMs, seen));
  return seen;
}

describe('a gate whose event store is away', () => {
  it.each<Outage>(['cut', 'freeze'])(
    'for 2 s fails no request, time after time (%s)',
    async (kind) => {
      for (let time = 0; time < TIMES; time++) {
        const { statuses } = await outage(kind, 2_000);
        expect(Object.keys(statuses)).toEqual(['200']);
      }
    },
    120_000,
  );

  it.each<Outage>(['cut', 'freeze'])(
    'for 20 s refuses with 503 and Retry-After, and serves again within a second of the return (%s)',
    async (kind) => {
      const seen = await outage(kind, 20_000);
      expect(Object.keys(seen.statuses)).toEqual(['200', '503']);
      expect(seen.withoutLease).toBeGreaterThan(1_000);
      expect(seen).toMatchObject({
        refusalsWithoutRetryAfter: 0,
        failedUnderLease: 0,
        servedWithoutLease: 0,
        failedLater: 0,
      });
    },
    60_000,
  );
});
