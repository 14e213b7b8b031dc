import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HealthyAnswers } from './healthy-answers.js';
import { percentiles } from './report.js';

let system: HealthyAnswers;

beforeAll(async () => {
  system = await HealthyAnswers.start();
}, 60_000);
afterAll(() => system.remove(), 30_000);

/** W for the default lease of 3 s is 3.12 s; the rest is what a busy machine adds. */
const LEASE_WAIT_MAX_MS = 4_000;
/** The aim is 50 ms at p99, on idle cores; half of all must come near to it on busy ones. */
const HEALTHY_P50_MAX_MS = 100;

const median = (durations: readonly number[]) =>
  durations.toSorted((one, other) => one - other)[Math.floor(durations.length / 2)]!;

describe('a revocation while all are well', () => {
  it('is answered within milliseconds', async () => {
    await system.revoke(20);
    const durations = await system.revoke(100);
    process.stdout.write(`revocation, three gates under 100 requests/s: ${percentiles(durations)}\n`);
    expect(median(durations)).toBeLessThan(HEALTHY_P50_MAX_MS);
  }, 60_000);

  it('waits for the lease of a gate that was killed once, and is answered within milliseconds again', async () => {
    await system.slots.at(-1)!.node.server.stop('SIGKILL');
    const [first] = await system.revoke(1);
    const durations = await system.revoke(50);
    process.stdout.write(
      `after kill -9 of a gate: first ${first!.toFixed(0)} ms, then ${percentiles(durations)}\n`,
    );
    expect(first).toBeLessThan(LEASE_WAIT_MAX_MS);
    expect(median(durations)).toBeLessThan(HEALTHY_P50_MAX_MS);
  }, 60_000);
});
