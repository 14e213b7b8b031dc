import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { epochMilliseconds } from './instant.js';

describe('the time of a fact', () => {
  it('is read to the millisecond, in every year from 0 to 9999', () => {
    const date = fc.date({
      min: new Date('0000-01-01T00:00:00.000Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(date, (at) => {
        expect(epochMilliseconds(at.toISOString())).toBe(at.getTime());
      }),
      { numRuns: 2000, examples: [[new Date('2024-02-29T12:00:00.000Z')], [new Date(0)]] },
    );
  });

  it.each(['', '2026-01-01', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000+01:00', 'now'])(
    'is refused when written as %j',
    (text) => {
      expect(() => epochMilliseconds(text)).toThrow('RFC 3339');
    },
  );
});
