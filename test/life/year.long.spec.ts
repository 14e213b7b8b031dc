import { describe, expect, it } from '@jest/globals';
import { expectYear } from './year-of.js';

const [KEYS, DAYS] = [1_000, 365];
const LIMIT_MS = 60_000;

describe('a year of a thousand keys on a virtual clock', () => {
  it('has every reminder, expiry, rotation and end of a grace once and at its time, in less than a minute', () => {
    const startedAt = performance.now();
    const facts = expectYear(20_260_101, KEYS, DAYS);
    const ms = Math.round(performance.now() - startedAt);
    process.stdout.write(`a year of ${KEYS} keys: ${facts} facts of workers in ${ms} ms\n`);
    expect(facts).toBeGreaterThan(2 * KEYS);
    expect(ms).toBeLessThan(LIMIT_MS);
  }, 90_000);
});
