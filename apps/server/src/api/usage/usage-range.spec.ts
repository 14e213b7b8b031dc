import { describe, expect, it } from '@jest/globals';
import { usageRange, type UsageRangeQuery } from './usage-range.js';

const NOW = Date.parse('2026-03-02T12:34:56.789Z');
const range = (query: UsageRangeQuery, keptDays = 400) => {
  const { from, to } = usageRange(query, keptDays, NOW);
  return [from, to];
};
const code = (query: UsageRangeQuery, keptDays?: number) => {
  try {
    return range(query, keptDays);
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('the range of usage that is shown', () => {
  it('is a day by the hour unless told, and contains the moment of the question', () => {
    expect(range({})).toEqual(['2026-03-01T12:00:00.000Z', '2026-03-02T12:35:00.000Z']);
    expect(range({ interval: 'PT1M' })).toEqual(['2026-03-02T11:35:00.000Z', '2026-03-02T12:35:00.000Z']);
    expect(range({ interval: 'P1D' })).toEqual(['2026-01-31T00:00:00.000Z', '2026-03-02T12:35:00.000Z']);
  });

  it('ends now at the latest: of what has not come there are no uses', () =>
    expect(range({ to: '9999-12-31T23:59:59Z' })).toEqual(range({})));

  it('begins with the step that its beginning lies in', () =>
    expect(range({ from: '2026-03-02T10:59:59.999Z', to: '2026-03-02T11:00:00Z' })).toEqual([
      '2026-03-02T10:00:00.000Z',
      '2026-03-02T11:00:00.000Z',
    ]));

  it.each<[string, UsageRangeQuery, unknown]>([
    [
      'ends before it begins',
      { from: '2026-03-02T11:00:00Z', to: '2026-03-02T10:00:00Z' },
      'invalid-parameter',
    ],
    ['is empty', { from: '2026-03-02T11:00:00Z', to: '2026-03-02T11:00:00Z' }, 'invalid-parameter'],
    ['begins in the future', { from: '2026-03-03T00:00:00Z' }, 'invalid-parameter'],
    ['has too many minutes', { from: '2026-02-01T00:00:00Z', interval: 'PT1M' }, 'invalid-parameter'],
    [
      'asks for old minutes',
      { from: '2026-02-01T00:00:00Z', to: '2026-02-01T01:00:00Z', interval: 'PT1M' },
      'usage-not-kept',
    ],
    ['ends when usage was not kept', { to: '0000-01-01T00:00:00Z' }, 'usage-not-kept'],
    ['asks for old hours', { from: '2025-11-01T00:00:00Z', to: '2025-11-02T00:00:00Z' }, 'usage-not-kept'],
  ])('is refused when it %s', (_, query, refusal) => expect(code(query)).toBe(refusal));

  it('reaches back as far as the installation keeps usage, and 48 hours of minutes', () => {
    expect(code({ from: '2026-01-01T00:00:00Z', interval: 'P1D' }, 31)).toBe('usage-not-kept');
    expect(code({ from: '2026-01-31T00:00:00Z', interval: 'P1D' }, 31)).toBeInstanceOf(Array);
    expect(code({ from: '2026-02-28T12:34:56.789Z', interval: 'PT1M' })).toBeInstanceOf(Array);
  });
});
