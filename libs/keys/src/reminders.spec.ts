import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { given } from '../../../test/support/given.js';
import { keys, type ExistingKey, type KeyFact } from './key.js';
import {
  dueOf,
  reminderDueAt,
  remindKey,
  snoozeReminders,
  timesAfter,
  timesOf,
  type KeyTimes,
} from './reminders.js';
import {
  changed,
  data,
  endings,
  expired,
  generated,
  registry,
  resumed,
  revoked,
  suspended,
} from './testing/facts.js';

const BORN = '2026-01-01T00:00:00.000Z';
const day = (number: number, more = 0) =>
  new Date(Date.parse(BORN) + number * 86_400_000 + more).toISOString();
const rules = { rotationPeriod: 'P90D', reminders: ['P30D', 'P14D', 'P7D', 'P1D'] };
const owners = ['usr_b', 'usr_c'];
const recipients = ['usr_a', ...owners];
const key = (expiresAt: string | null): KeyFact => ({
  type: 'KeyGenerated',
  data: { ...data, at: BORN, expiresAt },
});
/** Expires after 60 days, before it should be rotated. */
const mortal = key(day(60));
const endless = key(null);
const ofExpiry = (step: string, at: string, expiresAt = day(60)): KeyFact => ({
  type: 'KeyExpiryReminded',
  data: { at, registry, step, expiresAt, recipients },
});
const ofRotation = (step: string, at: string, rotateBy = day(90)): KeyFact => ({
  type: 'KeyRotationReminded',
  data: { at, registry, step, rotateBy, recipients },
});
const snoozed = (until: string): KeyFact => ({
  type: 'ReminderSnoozed',
  data: { at: day(1), registry, until },
});
const rotated = (graceEndsAt: string): KeyFact => ({
  type: 'KeyRotated',
  data: { at: day(5), registry, successor: 'drk_next', graceEndsAt },
});
const remind = (now: string) => remindKey(now, rules, owners);
const stateOf = (facts: readonly KeyFact[]) => given(keys, facts).state as ExistingKey;
const dueAt = (...facts: KeyFact[]) => reminderDueAt(timesOf(stateOf(facts)), rules);

describe('reminding people of a key', () => {
  it('happens at each step before its expiry, from the very moment on', () => {
    given(keys, [mortal])
      .when(remind(day(30, -1)))
      .quiet();
    given(keys, [mortal])
      .when(remind(day(30)))
      .then([ofExpiry('P30D', day(30))]);
    const first = ofExpiry('P30D', day(30));
    given(keys, [mortal, first])
      .when(remind(day(46, -1)))
      .quiet();
    given(keys, [mortal, first])
      .when(remind(day(46)))
      .then([ofExpiry('P14D', day(46))]);
    const last = [mortal, first, ofExpiry('P1D', day(59))];
    given(keys, last)
      .when(remind(day(59, 1)))
      .quiet();
  });
  it('happens before the date of its rotation too', () => {
    given(keys, [endless])
      .when(remind(day(60)))
      .then([ofRotation('P30D', day(60))]);
    given(keys, [key(day(200))])
      .when(remind(day(60)))
      .then([ofRotation('P30D', day(60))]);
    given(keys, [key(day(100))])
      .when(remind(day(76)))
      .then([ofExpiry('P30D', day(76), day(100)), ofRotation('P14D', day(76))]);
  });
  it('says nothing of a rotation when the key expires before, or on the very day', () => {
    given(keys, [mortal, ofExpiry('P30D', day(30))])
      .when(remind(day(40)))
      .quiet();
    given(keys, [key(day(90))])
      .when(remind(day(60)))
      .then([ofExpiry('P30D', day(60), day(90))]);
  });
  it('says each step of a date once, also when the date was another one meanwhile', () => {
    const said = [mortal, ofExpiry('P30D', day(30))];
    given(keys, said)
      .when(remind(day(31)))
      .quiet();
    const moved = [...said, changed({ expiresAt: day(80) })];
    given(keys, moved)
      .when(remind(day(50)))
      .then([ofExpiry('P30D', day(50), day(80))]);
    const back = [...moved, ofExpiry('P30D', day(50), day(80)), changed({ expiresAt: day(60) })];
    given(keys, back)
      .when(remind(day(45)))
      .quiet();
    given(keys, back)
      .when(remind(day(46)))
      .then([ofExpiry('P14D', day(46))]);
  });
  it('says after an outage only the most urgent of what was missed', () => {
    given(keys, [mortal])
      .when(remind(day(54)))
      .then([ofExpiry('P7D', day(54))]);
    given(keys, [mortal, ofExpiry('P7D', day(54))])
      .when(remind(day(58)))
      .quiet();
    given(keys, [endless])
      .when(remind(day(120)))
      .then([ofRotation('P1D', day(120))]);
  });
  it('says nothing of an expiry that is over, nor of a key that has ended', () => {
    given(keys, [mortal])
      .when(remind(day(60)))
      .quiet();
    given(keys, [mortal])
      .when(remind(day(60, -1)))
      .then([ofExpiry('P1D', day(60, -1))]);
    for (const end of [expired, revoked])
      given(keys, [mortal, end])
        .when(remind(day(59)))
        .quiet();
    given(keys, [])
      .when(remind(day(59)))
      .quiet();
  });
  it('skips steps that are as long as the life of the key', () => {
    given(keys, [key(day(7))])
      .when(remind(day(0, 1)))
      .quiet();
    given(keys, [key(day(7))])
      .when(remind(day(6)))
      .then([ofExpiry('P1D', day(6), day(7))]);
    given(keys, [key(day(7, 1))])
      .when(remind(day(0, 1)))
      .then([ofExpiry('P7D', day(0, 1), day(7, 1))]);
  });
  it('goes on for a suspended key, and ends with its rotation', () => {
    given(keys, [mortal, suspended])
      .when(remind(day(30)))
      .then([ofExpiry('P30D', day(30))]);
    given(keys, [mortal, rotated(day(35))])
      .when(remind(day(30)))
      .quiet();
  });
  it('tells the creator once, who may be an owner', () => {
    const [fact] = remindKey(day(30), rules, ['usr_a', 'usr_z'])(stateOf([mortal]));
    expect(fact!.data).toMatchObject({ recipients: ['usr_a', 'usr_z'] });
  });
  it('follows the policy of now', () => {
    const none = { rotationPeriod: null, reminders: rules.reminders };
    given(keys, [endless])
      .when(remindKey(day(89), none, owners))
      .quiet();
    given(keys, [mortal])
      .when(remindKey(day(59), { ...rules, reminders: [] }, owners))
      .quiet();
    given(keys, [mortal, ofExpiry('P7D', day(53))])
      .when(remindKey(day(54), { ...rules, reminders: ['P10D', 'P7D'] }, owners))
      .quiet();
  });
});

describe('snoozing reminders', () => {
  const snooze = (until: string, at = day(1)) => snoozeReminders({ registry, at, until });
  it('holds them back, and then says the most urgent', () => {
    given(keys, [mortal])
      .when(snooze(day(50)))
      .then([snoozed(day(50))]);
    given(keys, [mortal, snoozed(day(50))])
      .when(remind(day(50, -1)))
      .quiet();
    given(keys, [mortal, snoozed(day(50))])
      .when(remind(day(50)))
      .then([ofExpiry('P14D', day(50))]);
  });
  it('again adds nothing; another time replaces it', () => {
    given(keys, [mortal, snoozed(day(50))])
      .when(snooze(day(50)))
      .quiet();
    given(keys, [mortal, snoozed(day(50))])
      .when(snooze(day(10)))
      .then([snoozed(day(10))]);
  });
  it.each([day(1), day(0), day(368)])('until %s is refused', (until) =>
    given(keys, [mortal]).when(snooze(until)).refuses('invalid-value'),
  );
  it.each(endings)('refuses %s', (_, facts, code) =>
    given(keys, facts).when(snooze('2026-01-20T00:00:00.000Z', '2026-01-10T00:00:00.000Z')).refuses(code),
  );
});

describe('when something is due', () => {
  it('is the next step, put off by a snooze; never after the expiry', () => {
    expect(dueAt(mortal)).toBe(day(30));
    expect(dueAt(mortal, ofExpiry('P30D', day(30)))).toBe(day(46));
    expect(dueAt(mortal, snoozed(day(50)))).toBe(day(50));
    expect(dueAt(mortal, snoozed(day(60)))).toBeNull();
    expect(dueAt(endless, snoozed(day(95)))).toBe(day(95));
    expect(dueAt(endless)).toBe(day(60));
    expect(dueAt(mortal, rotated(day(35)))).toBeNull();
  });
  it('is with the end of the key everything there is', () => {
    expect(dueOf(timesOf(stateOf([mortal])), rules)).toEqual([
      { what: 'reminder', at: day(30) },
      { what: 'expiry', at: day(60) },
    ]);
    expect(dueOf(timesOf(stateOf([mortal, rotated(day(35))])), rules)).toEqual([
      { what: 'grace-end', at: day(35) },
    ]);
    expect(dueOf(timesOf(stateOf([mortal, revoked])), rules)).toEqual([]);
  });

  const moment = fc.integer({ min: 0, max: 130 }).map((number) => day(number));
  const step = fc.constantFrom(...rules.reminders);
  const anyFact: fc.Arbitrary<KeyFact> = fc.oneof(
    fc.constantFrom(suspended, resumed, changed({ name: 'CD' })),
    fc.option(moment).map((expiresAt) => changed({ expiresAt })),
    fc.constantFrom(expired, revoked),
    moment.map(rotated),
    moment.map(snoozed),
    fc.tuple(step, moment).map(([one, at]) => ofExpiry(one, at)),
    fc.tuple(step, moment).map(([one, at]) => ofRotation(one, at)),
  );
  it('depends on the same times, however they are folded', () => {
    fc.assert(
      fc.property(fc.array(anyFact, { maxLength: 12 }), (facts) => {
        const all = [generated, ...facts];
        const folded = all.reduce<KeyTimes | undefined>(timesAfter, undefined);
        expect(folded).toEqual(timesOf(stateOf(all)));
      }),
    );
  });
  it('is when people are reminded: not a millisecond before, and never in vain', () => {
    fc.assert(
      fc.property(fc.array(anyFact, { maxLength: 8 }), moment, (facts, now) => {
        const state = stateOf([mortal, ...facts]);
        const due =
          state.status === 'active' || state.status === 'suspended' ? dueAt(mortal, ...facts) : null;
        const said = remind(now)(state);
        const isOver = state.expiresAt !== null && state.expiresAt <= now && due !== null;
        if (due === null || due > now) expect(said).toEqual([]);
        else if (!isOver) expect(said.length).toBeGreaterThan(0);
      }),
      { numRuns: 1_000 },
    );
  });
});
