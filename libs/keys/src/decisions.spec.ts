import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { given } from '../../../test/support/given.js';
import { expireKey, generateKey, proveRevocation, revokeKey } from './decisions.js';
import { keys, REVOCATION_CAUSES, type KeyFact } from './key.js';
import {
  born,
  changed,
  data,
  expired,
  expiresAt,
  generated,
  later,
  proof,
  proven,
  registry,
  resumed,
  revoked,
  suspended,
} from './testing/facts.js';

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
  const reason = { subject: 'usr_a', iv: 'iv', ciphertext: 'ciphertext', commitment: 'ab'.repeat(32) };
  const revoke = revokeKey({ registry: 'reg_a', at: later });
  it('ends it', () => given(keys, [generated]).when(revoke).then([revoked]));
  it('says why: without a cause it was requested', () => {
    expect(revoked.data).toMatchObject({ cause: 'requested', reason: null });
    for (const cause of REVOCATION_CAUSES) {
      given(keys, [generated])
        .when(revokeKey({ registry: 'reg_a', at: later, cause, reason }))
        .then([{ type: 'KeyRevoked', data: { at: later, registry: 'reg_a', cause, reason } }]);
    }
  });
  it('again keeps the first cause and reason', () => {
    const again = revokeKey({ registry: 'reg_a', at: later, cause: 'leaked', reason });
    given(keys, [generated, revoked]).when(again).quiet();
    const twice: KeyFact = { type: 'KeyRevoked', data: { at: later, registry, cause: 'leaked', reason } };
    expect(given(keys, [generated, revoked, twice]).state).toMatchObject({
      revocation: { cause: 'requested', reason: null },
    });
  });
  it('ends an expired key too, since its holder may still have it', () =>
    given(keys, [generated, expired]).when(revoke).then([revoked]));
  it('ends a suspended key', () => given(keys, [generated, suspended]).when(revoke).then([revoked]));
  it('twice adds nothing', () => given(keys, [generated, revoked]).when(revoke).quiet());
  it('refuses a key that does not exist', () => given(keys, []).when(revoke).refuses('not-found'));
  it('refuses a key of another registry as if it did not exist', () =>
    given(keys, [generated])
      .when(revokeKey({ registry: 'reg_b', at: later }))
      .refuses('not-found'));
});

describe('proving a revocation', () => {
  it('records the proof', () =>
    given(keys, [generated, revoked]).when(proveRevocation(proof)).then([proven]));
  it('again adds nothing: the first proof counts', () => {
    const second = { ...proof, durationMs: 3_000 };
    given(keys, [generated, revoked, proven]).when(proveRevocation(second)).quiet();
    const again: KeyFact = { type: 'KeyRevocationProven', data: second };
    const { state } = given(keys, [generated, revoked, proven, again]);
    expect(state).toMatchObject({ proven: proof });
  });
  it.each<[string, KeyFact[]]>([
    ['that is active', [generated]],
    ['that is suspended', [generated, suspended]],
    ['that has expired', [generated, expired]],
  ])('refuses a key %s', (_, facts) => given(keys, facts).when(proveRevocation(proof)).refuses('conflict'));
  it('refuses a missing key and one of another registry', () => {
    given(keys, []).when(proveRevocation(proof)).refuses('not-found');
    given(keys, [generated, revoked])
      .when(proveRevocation({ ...proof, registry: 'reg_b' }))
      .refuses('not-found');
  });
});

describe('expiring a key', () => {
  it('records the moment of the expiry, whenever the sweep comes', () =>
    given(keys, [generated]).when(expireKey(later)).then([expired]));
  it('happens at the very millisecond', () =>
    given(keys, [generated]).when(expireKey(expiresAt)).then([expired]));
  it('happens to a suspended key too', () =>
    given(keys, [generated, suspended]).when(expireKey(later)).then([expired]));
  it('goes by the expiry that the key has now', () => {
    const longer = [generated, changed({ expiresAt: later })];
    given(keys, longer).when(expireKey(expiresAt)).quiet();
    given(keys, longer)
      .when(expireKey(later))
      .then([{ type: 'KeyExpired', data: { at: later, registry } }]);
  });
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
    const anyFact = fc.constantFrom(
      generated,
      revoked,
      expired,
      suspended,
      resumed,
      proven,
      changed({ name: 'CD' }),
    );
    fc.assert(
      fc.property(fc.array(anyFact), fc.array(anyFact), (before, after) => {
        const { state } = given(keys, [generated, ...before, revoked, ...after]);
        expect(state.status).toBe('revoked');
      }),
    );
  });

  it('is expired for ever once that was recorded, unless it is revoked', () => {
    const other = fc.constantFrom(
      generated,
      suspended,
      resumed,
      proven,
      changed({ expiresAt: null, name: 'CD' }),
    );
    fc.assert(
      fc.property(fc.array(other), fc.array(other), (before, after) => {
        const { state } = given(keys, [generated, ...before, expired]);
        expect(after.reduce(keys.evolve, state)).toEqual(state);
      }),
    );
  });

  it('is not passed over by a node of another release where it can have become less', () =>
    expect([...keys.critical!].sort()).toEqual([
      'KeyChanged', 'KeyExpired', 'KeyRevoked', 'KeyRotated', 'KeySuspended',
    ])); // prettier-ignore

  it('is none as long as no key was generated', () =>
    expect(given(keys, [changed({}), suspended, revoked, proven]).state).toEqual({ status: 'none' }));

  it('is not changed by an event type of a later release', () => {
    const unknown = { type: 'KeyPolished', data: { at: later } } as unknown as KeyFact;
    expect(given(keys, [generated, unknown]).state).toEqual(given(keys, [generated]).state);
  });
});
