import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RecordedFact } from '#libs/kernel';
import { keys, reminderDueAt, timesOf, type ExistingKey, type KeyFact, type ReminderRules } from '#libs/keys';
import { DEFAULT_POLICY } from '#libs/registries';
import { Database } from '#libs/sqlite';
import { dueReminders, reminderTable } from './reminder-table.js';

const day = (number: number) => new Date(Date.UTC(2026, 0, 1) + number * 86_400_000).toISOString();
const REGISTRIES = ['reg_a', 'reg_b'];
let database: Database;
let position: bigint;
beforeEach(() => {
  database = new Database(':memory:');
  database.exec(reminderTable.schema + reminderTable.indexes);
  position = 0n;
});

function happens(category: 'key' | 'registry', id: string, fact: { type: string; data: object }): void {
  const event = { ...fact, category, id, position: ++position } as unknown as RecordedFact;
  reminderTable.apply(database, event);
}
const born = (registry: string, expiresAt: string | null): KeyFact => ({
  type: 'KeyGenerated',
  data: {
    at: day(0), registry, registryRevision: '0', createdBy: 'usr_a', name: 'CI', permission: 'read', secretHash: 'ab'.repeat(32),
    expiresAt, description: null, labels: {}, repositories: [], networks: [], expectedCountries: [], rotates: null, canary: false,
  }, // prettier-ignore
});
const ruled = (rules: ReminderRules) => ({
  type: 'RegistryPolicyChanged',
  data: { at: day(1), policy: { ...DEFAULT_POLICY, ...rules }, changes: {} },
});

const at = fc.integer({ min: 0, max: 130 }).map(day);
const step = fc.constantFrom('P30D', 'P7D', 'P1D');
const common = { at: day(1), registry: 'reg_a' };
const recipients = ['usr_a'];
const keyFact: fc.Arbitrary<KeyFact> = fc.oneof(
  fc
    .option(at)
    .map((expiresAt) => ({ type: 'KeyChanged', data: { ...common, changes: { expiresAt } } }) as const),
  fc.constantFrom<KeyFact>(
    { type: 'KeySuspended', data: common },
    { type: 'KeyChanged', data: { ...common, changes: { name: 'CD' } } },
    { type: 'KeyExpired', data: common },
    { type: 'KeyRevoked', data: { ...common, cause: 'requested', reason: null } },
  ),
  at.map(
    (graceEndsAt) => ({ type: 'KeyRotated', data: { ...common, successor: 'drk_z', graceEndsAt } }) as const,
  ),
  at.map((until) => ({ type: 'ReminderSnoozed', data: { ...common, until } }) as const),
  fc
    .tuple(step, at)
    .map(
      ([one, date]) =>
        ({ type: 'KeyExpiryReminded', data: { ...common, step: one, expiresAt: date, recipients } }) as const,
    ),
  step.map(
    (one) =>
      ({
        type: 'KeyRotationReminded',
        data: { ...common, step: one, rotateBy: day(90), recipients },
      }) as const,
  ),
);
const rules = fc.record({
  rotationPeriod: fc.constantFrom(null, 'P90D', 'P30D'),
  reminders: fc.subarray(['P30D', 'P14D', 'P7D', 'P1D']),
});
const happening = fc.oneof(
  { weight: 5, arbitrary: fc.record({ key: fc.nat(3), fact: keyFact }) },
  { weight: 1, arbitrary: fc.record({ registry: fc.constantFrom(...REGISTRIES), rules }) },
);

describe('the table of reminders', () => {
  it('says of every living key when people are to be reminded, whatever has happened to it and to its registry', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(at), { minLength: 4, maxLength: 4 }),
        fc.array(happening, { maxLength: 20 }),
        (expiries, all) => {
          database.exec('DELETE FROM reminder_keys; DELETE FROM reminder_rules;');
          const registryOf = (key: number) => REGISTRIES[key % 2]!;
          const states = expiries.map((expiresAt, key) => {
            const fact = born(registryOf(key), expiresAt);
            happens('key', `drk_${key}`, fact);
            return keys.evolve(keys.initial, fact);
          });
          const ruleOf = new Map<string, ReminderRules>();
          for (const one of all) {
            if ('rules' in one) {
              ruleOf.set(one.registry, one.rules);
              happens('registry', one.registry, ruled(one.rules));
            } else {
              states[one.key] = keys.evolve(states[one.key]!, one.fact);
              happens('key', `drk_${one.key}`, one.fact);
            }
          }
          const expected = states.flatMap((state, key) => {
            const times = timesOf(state as ExistingKey);
            const due = reminderDueAt(times, ruleOf.get(registryOf(key)) ?? DEFAULT_POLICY);
            return times.ended || due === null
              ? []
              : [{ id: `drk_${key}`, registry: registryOf(key), dueAt: due }];
          });
          const shown = dueReminders(database, day(9_999), 100);
          expect([...shown].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(expected);
          expect(shown.map(({ dueAt }) => dueAt)).toEqual(shown.map(({ dueAt }) => dueAt).sort());
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is read by an index alone, so that a sweep costs what is due', () => {
    const plan = database.all(
      'EXPLAIN QUERY PLAN SELECT id, registry, due_at FROM reminder_keys WHERE due_at <= ? ORDER BY due_at LIMIT ?',
      [day(0), 1],
    );
    expect(plan.map((row) => row['detail'])).toEqual([
      expect.stringContaining('USING INDEX reminder_keys_due'),
    ]);
  });

  it('gives keys of a large registry another policy, part by part', () => {
    for (let key = 0; key < 2_500; key++) happens('key', `drk_${key}`, born('reg_a', day(100)));
    expect(dueReminders(database, day(70), 9_999)).toHaveLength(2_500);
    happens('registry', 'reg_a', ruled({ rotationPeriod: null, reminders: ['P1D'] }));
    const parts = [dueReminders(database, day(98), 9_999).length];
    while (reminderTable.later!.isLeft(database)) {
      reminderTable.later!.goOn(database);
      parts.push(dueReminders(database, day(98), 9_999).length);
    }
    expect(parts).toEqual([1_500, 500, 0]);
    expect(dueReminders(database, day(99), 9_999)).toHaveLength(2_500);
  });

  it('ends with what a replay without any part left gives, whatever happens between the parts', () => {
    for (let key = 0; key < 2_500; key++) happens('key', `drk_${key}`, born('reg_a', day(100)));
    for (const reminders of [['P1D'], ['P7D', 'P1D']]) {
      happens('registry', 'reg_a', ruled({ rotationPeriod: null, reminders }));
      reminderTable.later!.goOn(database);
      const until = day(96);
      happens('key', 'drk_2400', { type: 'ReminderSnoozed', data: { ...common, until } });
      happens('key', 'drk_0', { type: 'KeyChanged', data: { ...common, changes: { expiresAt: day(120) } } });
      happens('key', 'drk_1', { type: 'KeyExpired', data: common });
      happens('registry', 'reg_b', ruled({ rotationPeriod: null, reminders }));
      happens('key', `drk_new_${reminders.length}`, born('reg_a', day(100)));
    }
    while (reminderTable.later!.isLeft(database)) reminderTable.later!.goOn(database);
    const dueAt = new Map(dueReminders(database, day(9_999), 9_999).map((row) => [row.id, row.dueAt]));
    expect([dueAt.get('drk_0'), dueAt.get('drk_2400'), dueAt.get('drk_1')]).toEqual([
      day(113),
      day(96),
      undefined,
    ]);
    for (const id of ['drk_0', 'drk_2400']) dueAt.delete(id);
    expect([dueAt.size, new Set(dueAt.values())]).toEqual([2_499, new Set([day(93)])]);
  });

  it('finds what is left by an index alone', () => {
    const plan = database.all(
      'EXPLAIN QUERY PLAN SELECT registry, followed_to FROM reminder_rules WHERE followed_to IS NOT NULL LIMIT 1',
    );
    expect(plan.map((row) => row['detail'])).toEqual([
      expect.stringContaining('USING INDEX reminder_rules_left'),
    ]);
  });
});
