import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeOutage, GateUnderLoad, type Outage } from './outage.js';

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
  // The lease ends 2 s after the moment at which the store goes: in the longer outage requests are held.
  it.each<[Outage, number]>([
    ['cut', 2_000],
    ['freeze', 2_000],
    ['freeze', 2_600],
  ])('fails no request (%s, %i ms)', async (kind, awayMs) => {
    const { statuses, heldMs } = await outage(kind, awayMs);
    expect(Object.keys(statuses)).toEqual(['200']);
    if (awayMs > 2_000) expect(heldMs).toBeGreaterThan(300);
  });

  it.each<Outage>(['cut', 'freeze'])(
    'for longer than its lease refuses with 503 and Retry-After, and serves again within a second of the return (%s)',
    async (kind) => {
      const seen = await outage(kind, 6_000);
      expect(Object.keys(seen.statuses)).toEqual(['200', '503']);
      expect(seen.withoutLease).toBeGreaterThan(100);
      expect(seen).toMatchObject({
        refusalsWithoutRetryAfter: 0,
        failedUnderLease: 0,
        servedWithoutLease: 0,
        failedLater: 0,
      });
    },
  );
});
