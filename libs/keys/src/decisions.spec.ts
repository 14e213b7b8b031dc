import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { given } from '../../../test/support/given.js';
import { expireKey, generateKey, revokeKey } from './decisions.js';
import { keys, type KeyFact, type KeyGenerated } from './key.js';

const born = '2026-01-01T00:00:00.000Z';
const expiresAt = '2026-02-01T00:00:00.000Z';
const later = '2026-03-01T00:00:00.000Z';
const data: KeyGenerated['data'] = {
  at: born,
  registry: 'reg_a',
  registryRevision: '0',
  createdBy: 'usr_a',
  name: 'CI',
  permission: 'read',
  secretHash: 'ab'.repeat(32),
  expiresAt,
  description: null,
  labels: {},
};
const generated: KeyFact = { type: 'KeyGenerated', data };
const revoked: KeyFact = { type: 'KeyRevoked', data: { at: later, registry: 'reg_a' } };
const expired: KeyFact = { type: 'KeyExpired', data: { at: expiresAt, registry: 'reg_a' } };

describe('generating a key', () => {
  it('records what was asked for', () => given(keys, []).when(generateKey(data)).then([generated]));
  it('refuses an id that is taken', () =>
    given(keys, [generated]).when(generateKey(data)).refuses('conflict'));
  it.each([born, '2025-01-01T00:00:00.000Z'])(
    'refuses an expiry at %s for a key born then or later',
    (past) =>
      given(keys, [])
        .when(generateKey({ ...data, expiresAt: past }))
        .refuses('expiry-in-past'),
  );
  it('takes a key without an expiry', () => {
    const endless = { ...data, expiresAt: null };
    given(keys, [])
      .when(generateKey(endless))
      .then([{ type: 'KeyGenerated', data: endless }]);
  });
});

describe('revoking a key', () => {
  const revoke = revokeKey({ registry: 'reg_a', at: later });
  it('ends it', () => given(keys, [generated]).when(revoke).then([revoked]));
  it('ends an expired key too, since its holder may still have it', () =>
    given(keys, [generated, expired]).when(revoke).then([revoked]));
  it('twice adds nothing', () => given(keys, [generated, revoked]).when(revoke).quiet());
  it('refuses a key that does not exist', () => given(keys, []).when(revoke).refuses('not-found'));
  it('refuses a key of another registry as if it did not exist', () =>
    given(keys, [generated])
      .when(revokeKey({ registry: 'reg_b', at: later }))
      .refuses('not-found'));
});

describe('expiring a key', () => {
  it('records the moment of the expiry, whenever the sweep comes', () =>
    given(keys, [generated]).when(expireKey(later)).then([expired]));
  it('happens at the very millisecond', () =>
    given(keys, [generated]).when(expireKey(expiresAt)).then([expired]));
  it('does not happen a millisecond before', () =>
    given(keys, [generated]).when(expireKey('2026-01-31T23:59:59.999Z')).quiet());
  it('twice adds nothing', () => given(keys, [generated, expired]).when(expireKey(later)).quiet());
  it('adds nothing to a revoked key', () => given(keys, [generated, revoked]).when(expireKey(later)).quiet());
  it('adds nothing to a key without expiry', () => {
    const endless: KeyFact = { type: 'KeyGenerated', data: { ...data, expiresAt: null } };
    given(keys, [endless]).when(expireKey(later)).quiet();
  });
});

describe('the state of a key', () => {
  it('is revoked for ever once it was revoked, whatever follows', () => {
    const anyFact = fc.constantFrom(generated, revoked, expired);
    fc.assert(
      fc.property(fc.array(anyFact), fc.array(anyFact), (before, after) => {
        const { state } = given(keys, [generated, ...before, revoked, ...after]);
        expect(state.status).toBe('revoked');
      }),
    );
  });

  it('is not changed by an event type of a later release', () => {
    const unknown = { type: 'KeyPolished', data: { at: later } } as unknown as KeyFact;
    expect(given(keys, [generated, unknown]).state).toEqual(given(keys, [generated]).state);
  });
});
