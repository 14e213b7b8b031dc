import { describe, expect, it } from '@jest/globals';
import type { EventLogHealth, PartHealth } from '#libs/event-store';
import { troubleOf } from './event-log-checks.js';

const since = '2026-01-01T00:00:00.000Z';
const now = Date.parse(since);
const fine: PartHealth = { ok: true };
const down: PartHealth = { ok: false, since, error: 'grpc-14' };
const health = (parts: Partial<EventLogHealth>): EventLogHealth => ({
  append: fine,
  read: fine,
  subscription: fine,
  ...parts,
});

describe('the check of the event store', () => {
  it('is silent while all parts are in order', () => expect(troubleOf(health({}), now)).toBeUndefined());

  it('names each part that fails, since when and how', () => {
    expect(troubleOf(health({ append: down, read: { ...down, error: 'no-answer' } }), now)).toBe(
      `appends failed first at ${since}, last with grpc-14; reads failed first at ${since}, last with no-answer`,
    );
  });

  it('does not speak of a subscription that comes back within 5 s, and does of one that stays away', () => {
    expect(troubleOf(health({ subscription: down }), now + 5_000)).toBeUndefined();
    expect(troubleOf(health({ subscription: down }), now + 5_001)).toContain('the subscription is stale');
  });
});
