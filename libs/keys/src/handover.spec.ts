import { describe, expect, it } from '@jest/globals';
import { handover, type HandoverFacts, type KeyUse } from './handover.js';

const hour = (number: number) => new Date(Date.UTC(2026, 0, 1, number)).toISOString();
const use = (at: number, client = 'docker', network = '10.0.0.0/24'): KeyUse => ({
  at: hour(at),
  client,
  network,
});
const asked = (facts: Partial<HandoverFacts>) =>
  handover({ rotatedAt: hour(10), ofKey: [], ofSuccessor: [], successorStatus: 'active', ...facts });

describe('the old key of a rotation', () => {
  it('is safe to retire once each of its users has used the successor later', () => {
    const moved = [use(12), use(13, 'podman')];
    expect(asked({ ofKey: [use(11)], ofSuccessor: moved }).safeToRetire).toBe(true);
    expect(asked({ ofKey: [use(11), use(12, 'podman')], ofSuccessor: moved })).toMatchObject({
      safeToRetire: true,
      users: [],
    });
    expect(asked({ ofKey: [use(13)], ofSuccessor: moved })).toMatchObject({
      safeToRetire: false,
      users: [use(13)],
    });
  });
  it('is not as long as somebody else uses it, who is named, the last first', () => {
    const ofKey = [use(11, 'crane'), use(12), use(14, 'docker', '192.0.2.0/24')];
    expect(asked({ ofKey, ofSuccessor: [use(13)] })).toMatchObject({
      safeToRetire: false,
      verdict: expect.stringContaining('2 users'),
      users: [ofKey[2], ofKey[0]],
    });
  });
  it('is when nobody ever used it, and is not when only the time before the rotation is known', () => {
    expect(asked({}).safeToRetire).toBe(true);
    expect(asked({ ofKey: [use(9)] }).safeToRetire).toBe(false);
    expect(asked({ ofKey: [use(9)], ofSuccessor: [use(11)] }).safeToRetire).toBe(true);
  });
  it('is not when one user has moved and another, who used it in the week before, has not', () => {
    const ofKey = [use(8), use(9, 'podman'), use(-8 * 24, 'helm')];
    expect(asked({ ofKey, ofSuccessor: [use(11)] })).toMatchObject({
      safeToRetire: false,
      users: [ofKey[1]],
    });
  });
  it('is not when uses are not known, or the successor is of no use', () => {
    expect(asked({ ofKey: undefined }).safeToRetire).toBe(false);
    expect(asked({ ofSuccessor: undefined }).safeToRetire).toBe(false);
    for (const successorStatus of ['suspended', 'expired', 'revoked'] as const) {
      expect(asked({ ofSuccessor: [use(12)], successorStatus }).safeToRetire).toBe(false);
    }
    expect(asked({ successorStatus: 'rotating' }).safeToRetire).toBe(true);
  });
});
