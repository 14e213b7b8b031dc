import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { given } from '../../../test/support/given.js';
import { changeKey, expireKey, resumeKey, revokeKey, suspendKey } from './decisions.js';
import { keys, type ExistingKey, type KeyFact } from './key.js';
import { endOf, shownStatus } from './lifetimes.js';
import { endGrace, rotateKey } from './rotation.js';
import {
  born,
  changed,
  data,
  during,
  endings,
  expiresAt,
  generated,
  registry,
  resumed,
  revoked,
  suspended,
} from './testing/facts.js';

const graceEndsAt = '2026-01-11T00:00:00.000Z';
const rotated: KeyFact = {
  type: 'KeyRotated',
  data: { at: during, registry, successor: 'drk_next', graceEndsAt },
};
const rotate = (more: object = {}) =>
  rotateKey({ registry, at: during, successor: 'drk_next', graceEndsAt, bornAt: during, ...more });
const retired: KeyFact = {
  type: 'KeyRevoked',
  data: { at: graceEndsAt, registry, cause: 'rotated', reason: null },
};
const before = (time: string) => new Date(Date.parse(time) - 1).toISOString();

describe('rotating a key', () => {
  it('links it to its successor, and gives it a grace', () => {
    given(keys, [generated]).when(rotate()).then([rotated]);
    expect(given(keys, [generated, rotated]).state).toMatchObject({
      status: 'active',
      rotation: { at: during, successor: 'drk_next', graceEndsAt },
    });
  });
  it('again adds nothing', () => given(keys, [generated, rotated]).when(rotate()).quiet());
  it('to another successor is refused: of two rotations one wins', () =>
    given(keys, [generated, rotated])
      .when(rotate({ successor: 'drk_other' }))
      .refuses('key-rotating'));
  it('refuses a suspended key, which is resumed first', () => {
    given(keys, [generated, suspended]).when(rotate()).refuses('key-suspended');
    given(keys, [generated, suspended, resumed]).when(rotate()).then([rotated]);
  });
  it.each(endings)('refuses %s', (_, facts, code) => given(keys, facts).when(rotate()).refuses(code));
  it('refuses a key of another registry as if it did not exist', () =>
    given(keys, [generated])
      .when(rotate({ registry: 'reg_b' }))
      .refuses('not-found'));
  it('links no successor that has what was taken away from the key meanwhile', () => {
    const copied = given(keys, [generated]).state as ExistingKey;
    given(keys, [generated]).when(rotate({ copied })).then([rotated]);
    for (const changes of [
      { permission: 'read-write-delete' },
      { networks: ['192.0.2.0/24'] },
      { name: 'other' },
    ] as const)
      given(keys, [generated, changed(changes)])
        .when(rotate({ copied }))
        .refuses('conflict');
  });
  it('links no successor that may be discarded soon', () => {
    const bornAt = (ago: number) => ({ bornAt: new Date(Date.parse(during) - ago).toISOString() });
    given(keys, [generated])
      .when(rotate(bornAt(30_000)))
      .then([rotated]);
    given(keys, [generated])
      .when(rotate(bornAt(30_001)))
      .refuses('unavailable');
  });
});

describe('a key that was rotated', () => {
  const key = [generated, rotated];
  it('is changed, suspended, resumed and revoked like any other, until its grace ends', () => {
    given(keys, key)
      .when(changeKey({ registry, at: during, changes: { name: 'CD' } }))
      .then([changed({ name: 'CD' })]);
    given(keys, key)
      .when(suspendKey({ registry, at: during }))
      .then([suspended]);
    given(keys, [...key, suspended])
      .when(resumeKey({ registry, at: during }))
      .then([resumed]);
    given(keys, key)
      .when(revokeKey({ registry, at: during }))
      .then([{ type: 'KeyRevoked', data: { at: during, registry, cause: 'requested', reason: null } }]);
  });
  it('is over in the very millisecond, recorded or not', () => {
    for (const decide of [
      changeKey({ registry, at: graceEndsAt, changes: { name: 'CD' } }),
      suspendKey({ registry, at: graceEndsAt }),
      rotate({ at: graceEndsAt, bornAt: graceEndsAt }),
    ])
      given(keys, key).when(decide).refuses('key-revoked');
    given(keys, key)
      .when(suspendKey({ registry, at: before(graceEndsAt) }))
      .then([{ type: 'KeySuspended', data: { at: before(graceEndsAt), registry } }]);
  });
  it('is shown as rotating, then as revoked; a suspension is the stronger', () => {
    const shown = (facts: KeyFact[], now: string) => {
      const { state } = given(keys, facts);
      return state.status === 'none' ? 'none' : shownStatus(state, now);
    };
    expect([shown(key, during), shown(key, before(graceEndsAt)), shown(key, graceEndsAt)]).toEqual([
      'rotating', 'rotating', 'revoked',
    ]); // prettier-ignore
    expect([shown([...key, suspended], during), shown([...key, suspended], graceEndsAt)]).toEqual([
      'suspended',
      'revoked',
    ]);
    expect(shown([...key, suspended, resumed], during)).toBe('rotating');
    expect(shown([...key, revoked], during)).toBe('revoked');
  });
  it('keeps its first successor, whatever follows', () => {
    const again: KeyFact = {
      type: 'KeyRotated',
      data: { at: during, registry, successor: 'drk_other', graceEndsAt: expiresAt },
    };
    expect(given(keys, [...key, again]).state).toEqual(given(keys, key).state);
  });
});

describe('the end of a grace', () => {
  it('is recorded at the moment when it was, whenever the worker comes', () => {
    given(keys, [generated, rotated]).when(endGrace(graceEndsAt)).then([retired]);
    given(keys, [generated, rotated]).when(endGrace(expiresAt)).then([retired]);
    given(keys, [generated, rotated, suspended]).when(endGrace(graceEndsAt)).then([retired]);
  });
  it('is not recorded a millisecond before, twice, after a revocation or without a rotation', () => {
    given(keys, [generated, rotated])
      .when(endGrace(before(graceEndsAt)))
      .quiet();
    given(keys, [generated, rotated, retired]).when(endGrace(graceEndsAt)).quiet();
    given(keys, [generated, rotated, revoked]).when(endGrace(graceEndsAt)).quiet();
    given(keys, [generated]).when(endGrace(graceEndsAt)).quiet();
    given(keys, []).when(endGrace(graceEndsAt)).quiet();
  });
  it('and an expiry never both end a key: the first of them does', () => {
    const time = fc
      .integer({ min: 1, max: 20 })
      .map((hour) => new Date(Date.parse(born) + hour * 3_600_000).toISOString());
    fc.assert(
      fc.property(fc.option(time), time, time, (expiry, grace, now) => {
        const facts: KeyFact[] = [
          { type: 'KeyGenerated', data: { ...data, expiresAt: expiry } },
          { type: 'KeyRotated', data: { at: born, registry, successor: 'drk_next', graceEndsAt: grace } },
        ];
        const { state } = given(keys, facts);
        if (state.status === 'none') throw new Error('the key is there');
        const ends = [...expireKey(now)(state), ...endGrace(now)(state)];
        const end = endOf(state)!;
        const isOver = end.at <= now;
        expect(ends.map(({ type, data: { at } }) => [type, at])).toEqual(
          isOver ? [[end.as === 'expired' ? 'KeyExpired' : 'KeyRevoked', end.at]] : [],
        );
        expect(end.at).toBe(expiry !== null && expiry <= grace ? expiry : grace);
      }),
    );
  });
});
