import { describe, expect, it } from '@jest/globals';
import { given } from '../../../test/support/given.js';
import { keys, type ExistingKey, type KeyFact } from './key.js';
import type { KeyRotationScheduled, RotationSchedule } from './rotation-schedule.js';
import { changeKey } from './decisions.js';
import {
  endSchedule,
  failRotation,
  firstRotation,
  generateSuccessor,
  isRotationDue,
  rotateDelivered,
  scheduleRotation,
  unscheduleRotation,
} from './schedule-rotation.js';
import { data, during, endings, expiresAt, generated, registry, suspended } from './testing/facts.js';

const dueAt = '2026-01-20T00:00:00.000Z';
const target = { subject: 'rot_a', iv: 'iv', ciphertext: 'c', commitment: 'd' };
const wanted: KeyRotationScheduled['data'] = {
  at: during, registry, schedule: 'rot_a', every: 'P10D', gracePeriod: 'PT24H', kind: 'vault', target, dueAt,
}; // prettier-ignore
const scheduled: KeyFact = { type: 'KeyRotationScheduled', data: wanted };
const unscheduled: KeyFact = {
  type: 'KeyRotationUnscheduled',
  data: { at: dueAt, registry, schedule: 'rot_a' },
};
const rotated: KeyFact = {
  type: 'KeyRotated',
  data: { at: dueAt, registry, successor: 'drk_next', graceEndsAt: '2026-01-21T00:00:00.000Z' },
};
const failed = (at: string, nextAttemptAt: string): KeyFact => ({
  type: 'RotationFailed',
  data: { at, registry, kind: 'vault', error: 'the target answered 503', nextAttemptAt, recipients: ['usr_a', 'usr_o'] },
}); // prettier-ignore
const stateOf = (...facts: KeyFact[]) => given(keys, [generated, ...facts]).state as ExistingKey;
const scheduleOf = (...facts: KeyFact[]) => stateOf(...facts).schedule!;
const after = (time: string, minutes: number) => new Date(Date.parse(time) + minutes * 60_000).toISOString();

describe('scheduling the rotation of a key', () => {
  it('says when, how and where to', () =>
    given(keys, [generated]).when(scheduleRotation(wanted)).then([scheduled]));
  it('again replaces what was said, and forgets failures', () => {
    const next = { ...wanted, every: 'P20D' };
    given(keys, [generated, scheduled]).when(scheduleRotation(next)).then([{ type: 'KeyRotationScheduled', data: next }]);
    expect(scheduleOf(scheduled, failed(dueAt, expiresAt), scheduled)).toMatchObject({ failures: 0, dueAt, lastFailure: null });
  }); // prettier-ignore
  it.each([
    ['less than an hour', { every: 'PT59M' }],
    ['as long as a successor lives', { every: 'P31D', gracePeriod: 'PT0S' }],
    ['more than a year', { every: 'P367D' }],
    ['a grace of more than 30 days', { every: 'P60D', gracePeriod: 'P31D' }],
    ['a grace beyond the next rotation', { every: 'P1D', gracePeriod: 'P2D' }],
    ['a first rotation at or after the expiry', { dueAt: expiresAt }],
  ])('refuses %s', (_, more) =>
    given(keys, [generated]).when(scheduleRotation({ ...wanted, ...more })).refuses('invalid-value')); // prettier-ignore
  it.each(endings)('refuses %s', (_, facts, code) =>
    given(keys, facts).when(scheduleRotation(wanted)).refuses(code)); // prettier-ignore
  it('refuses a suspended key, and one that has a successor', () => {
    given(keys, [generated, suspended]).when(scheduleRotation(wanted)).refuses('key-suspended');
    given(keys, [generated, rotated]).when(scheduleRotation(wanted)).refuses('key-rotating');
  });
  it('counts from the birth of the key, and never from the past', () => {
    expect(firstRotation(data.at, 'P10D', during)).toBe('2026-01-11T00:00:00.000Z');
    expect(firstRotation(data.at, 'P1D', during)).toBe(during);
  });
});

describe('a rotation that is due', () => {
  const now = dueAt;
  it('is due from that moment on, for a living key without a successor', () => {
    expect(isRotationDue(stateOf(scheduled), now)).toBe(true);
    expect(isRotationDue(stateOf(scheduled), after(now, -1))).toBe(false);
    expect(isRotationDue(stateOf(scheduled, suspended), now)).toBe(false);
    expect(isRotationDue(stateOf(scheduled, rotated), now)).toBe(false);
    expect(isRotationDue(stateOf(scheduled, unscheduled), now)).toBe(false);
    expect(isRotationDue(stateOf(), now)).toBe(false);
  });

  const link = (schedule: RotationSchedule, more: object = {}) =>
    rotateDelivered(
      {
        registry, at: now, successor: 'drk_next', graceEndsAt: '2026-01-21T00:00:00.000Z', bornAt: now, version: '2',
        ...more,
      },
      schedule,
    ); // prettier-ignore
  it('says that the target has the secret, and links the successor, in one', () =>
    given(keys, [generated, scheduled]).when(link(scheduleOf(scheduled))).then([
      { type: 'RotationDelivered', data: { at: now, registry, successor: 'drk_next', kind: 'vault', version: '2' } },
      rotated,
    ])); // prettier-ignore
  it('again adds nothing', () =>
    given(keys, [generated, scheduled, rotated])
      .when(link(scheduleOf(scheduled)))
      .quiet());
  it('is refused when the schedule has ended or changed since', () => {
    const before = scheduleOf(scheduled);
    given(keys, [generated, scheduled, unscheduled]).when(link(before)).refuses('conflict');
    const changed: KeyFact = { type: 'KeyRotationScheduled', data: { ...wanted, dueAt: after(dueAt, 60) } };
    given(keys, [generated, scheduled, changed]).when(link(before)).refuses('conflict');
  });
  it('is refused for a key that has another successor', () =>
    given(keys, [generated, scheduled, rotated])
      .when(link(scheduleOf(scheduled), { successor: 'drk_other' }))
      .refuses('key-rotating'));

  it('hands the schedule to the successor from its birth on', () => {
    const born = { ...data, at: now, expiresAt: null, rotates: 'drk_old' };
    given(keys, []).when(generateSuccessor(stateOf(scheduled), born)).then([
      { type: 'KeyGenerated', data: born },
      { type: 'KeyRotationScheduled', data: { ...wanted, at: now, dueAt: '2026-01-30T00:00:00.000Z' } },
    ]); // prettier-ignore
    given(keys, [])
      .when(generateSuccessor(stateOf(), born))
      .then([{ type: 'KeyGenerated', data: born }]);
    expect(stateOf(scheduled, rotated).schedule).toBeNull();
  });
  it('is due before the successor ends, with its grace', () => {
    const short = { ...data, at: during, expiresAt: '2026-01-15T00:00:00.000Z', rotates: 'drk_old' };
    const [, schedule] = generateSuccessor(stateOf(scheduled), short)(keys.initial);
    expect(schedule).toMatchObject({ data: { dueAt: '2026-01-14T00:00:00.000Z' } });
  });
});

describe('a rotation that failed', () => {
  const fail = (at: string, tried: RotationSchedule) =>
    failRotation({ at, error: 'the target answered 503' }, tried, ['usr_o', 'usr_a']);
  it('is said to its creator and the owners, and tried again after a pause that grows up to a day', () => {
    const facts: KeyFact[] = [scheduled];
    let at = dueAt;
    for (const pause of [15, 60, 240, 720, 1_440, 1_440]) {
      const expected = failed(at, after(at, pause));
      given(keys, [generated, ...facts])
        .when(fail(at, scheduleOf(...facts)))
        .then([expected]);
      facts.push(expected);
      at = after(at, pause);
      expect(isRotationDue(stateOf(...facts), at)).toBe(true);
      expect(isRotationDue(stateOf(...facts), after(at, -1))).toBe(false);
    }
  });
  it('is tried again before the key expires, as long as there is time', () => {
    const day = { at: dueAt, nextAttemptAt: dueAt };
    const worn = [0, 1, 2, 3].map(() => failed(day.at, day.nextAttemptAt));
    for (const [left, next] of [[1_000, 500], [3, 1.5], [1.5, 1], [0.5, 1]] as const) {
      const end: KeyFact = { type: 'KeyChanged', data: { at: during, registry, changes: { expiresAt: after(dueAt, left) } } };
      const facts = [scheduled, end, ...worn];
      given(keys, [generated, ...facts]).when(fail(dueAt, scheduleOf(...facts))).then([failed(dueAt, after(dueAt, next))]);
    }
  }); // prettier-ignore
  it('is said once, and of no other schedule than the one that was tried', () => {
    const tried = scheduleOf(scheduled);
    given(keys, [generated, scheduled, failed(dueAt, expiresAt)])
      .when(fail(dueAt, tried))
      .quiet();
    given(keys, [generated, scheduled, rotated]).when(fail(dueAt, tried)).quiet();
    given(keys, [generated, scheduled, unscheduled]).when(fail(dueAt, tried)).quiet();
  });
});

describe('a schedule whose key expires earlier than it was to', () => {
  const change = (to: string | null, at = during) => changeKey({ registry, at, changes: { expiresAt: to } });
  const moved = (to: string | null, dueTo: string): KeyFact[] => [
    { type: 'KeyChanged', data: { at: during, registry, changes: { expiresAt: to } } },
    { type: 'KeyRotationScheduled', data: { ...wanted, dueAt: dueTo } },
  ];
  it('is due while the grace still fits', () => {
    const end = '2026-01-20T12:00:00.000Z';
    given(keys, [generated, scheduled]).when(change(end)).then(moved(end, '2026-01-19T12:00:00.000Z'));
    given(keys, [generated, suspended, scheduled])
      .when(change(end))
      .then(moved(end, '2026-01-19T12:00:00.000Z'));
  });
  it('is due halfway to an end that is nearer than the grace is long', () =>
    given(keys, [generated, scheduled])
      .when(change(after(during, 10)))
      .then(moved(after(during, 10), after(during, 5))));
  it('stays as it is where there is time, where there is no expiry, and when something else changes', () => {
    const alone = (changes: object): KeyFact[] => [
      { type: 'KeyChanged', data: { at: during, registry, changes } },
    ];
    for (const to of ['2026-01-25T00:00:00.000Z', null])
      given(keys, [generated, scheduled])
        .when(change(to))
        .then(alone({ expiresAt: to }));
    const late: KeyFact = { type: 'KeyRotationScheduled', data: { ...wanted, dueAt: after(expiresAt, -1) } };
    given(keys, [generated, late])
      .when(changeKey({ registry, at: during, changes: { name: 'CD' } }))
      .then(alone({ name: 'CD' }));
    given(keys, [generated, scheduled, unscheduled])
      .when(change(dueAt))
      .then(alone({ expiresAt: dueAt }));
  });
});

describe('the end of a schedule', () => {
  it('is said to its creator and the owners when the key expired first, with why it was not rotated', () => {
    const over: KeyFact = { type: 'KeyExpired', data: { at: expiresAt, registry } };
    const told = {
      at: expiresAt,
      registry,
      schedule: 'rot_a',
      kind: 'vault',
      recipients: ['usr_a', 'usr_o'],
    } as const;
    const lapse = endSchedule({ at: expiresAt, schedule: 'rot_a' }, ['usr_o', 'usr_a']);
    const lapsed = (error: string | null): KeyFact => ({
      type: 'KeyRotationLapsed',
      data: { ...told, error },
    });
    given(keys, [generated, scheduled, over])
      .when(lapse)
      .then([lapsed(null)]);
    const facts = [generated, scheduled, failed(dueAt, expiresAt), over];
    given(keys, facts)
      .when(lapse)
      .then([lapsed('the target answered 503')]);
    given(keys, [...facts, lapsed(null)])
      .when(lapse)
      .quiet();
    given(keys, [generated, scheduled]).when(lapse).quiet();
  });
  it('needs no word when somebody revoked the key', () => {
    const revoked: KeyFact = {
      type: 'KeyRevoked',
      data: { at: dueAt, registry, cause: 'requested', reason: null },
    };
    given(keys, [generated, scheduled, revoked])
      .when(endSchedule({ at: dueAt, schedule: 'rot_a' }, []))
      .then([unscheduled]);
  });
  const end = unscheduleRotation('rot_a', { registry, at: dueAt });
  it('is said of a key that has ended, too', () => {
    given(keys, [generated, scheduled]).when(end).then([unscheduled]);
    const over: KeyFact = { type: 'KeyExpired', data: { at: expiresAt, registry } };
    given(keys, [generated, scheduled, over]).when(end).then([unscheduled]);
  });
  it('adds nothing where there is none, or another one', () => {
    given(keys, [generated]).when(end).quiet();
    given(keys, [generated, scheduled])
      .when(unscheduleRotation('rot_b', { registry, at: dueAt }))
      .quiet();
  });
  it('is refused for a key of another registry', () =>
    given(keys, [generated, scheduled])
      .when(unscheduleRotation('rot_a', { registry: 'reg_b', at: dueAt }))
      .refuses('not-found'));
});
