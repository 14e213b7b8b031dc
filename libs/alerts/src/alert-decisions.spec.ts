import { describe, expect, it } from '@jest/globals';
import type { Decision } from '#libs/kernel';
import { acknowledgeAlert, resolveAlert, tellAlert } from './alert-decisions.js';
import { alerts, type AlertFact, type AlertState } from './alert.js';
import type { Finding } from './finding.js';

const AT = '2026-01-06T16:05:00.000Z';
const finding: Finding = {
  alert: 'alt_1',
  rule: 'revoked-key-used',
  severity: 'high',
  registry: 'reg_1',
  key: 'drk_1',
  at: Date.parse(AT),
  since: Date.parse(AT),
  count: 1,
  isNew: true,
  evidence: { country: 'NL' },
  baseline: {},
  next: ['update-client', 'keep'],
};
const person = { registry: 'reg_1', at: AT, by: 'usr_1' };

/** The facts of decisions taken one after the other, and the state that they lead to. */
function run(...decisions: Decision<AlertState, AlertFact>[]): { facts: AlertFact[]; state: AlertState } {
  let state = alerts.initial;
  const facts: AlertFact[] = [];
  for (const decision of decisions) {
    const more = decision(state);
    facts.push(...more);
    state = more.reduce(alerts.evolve, state);
  }
  return { facts, state };
}
const raise = tellAlert(finding, AT, 7n);
const typesOf = ({ facts }: { facts: AlertFact[] }) => facts.map(({ type }) => type);

describe('telling an alert', () => {
  it('raises it once, however often it is computed', () =>
    expect(run(raise, raise, tellAlert(finding, '2026-01-07T00:00:00.000Z', 7n)).facts).toEqual([
      {
        type: 'AlertRaised',
        data: {
          at: AT, registry: 'reg_1', key: 'drk_1', rule: 'revoked-key-used', severity: 'high', since: AT, count: 1,
          evidence: { country: 'NL' }, baseline: {}, next: ['update-client', 'keep'], position: '7', tells: true,
        },
      },
    ])); // prettier-ignore

  it('adds a repeat for a higher count only, also when the alert is resolved', () => {
    const four = tellAlert({ ...finding, count: 4, isNew: false }, AT, 9n);
    const all = run(
      raise,
      four,
      four,
      raise,
      resolveAlert(person, 'confirmed'),
      tellAlert({ ...finding, count: 16 }, AT, 11n),
    );
    expect(typesOf(all)).toEqual(['AlertRaised', 'AlertRepeated', 'AlertResolved', 'AlertRepeated']);
    expect(all.state).toMatchObject({ status: 'resolved', count: 16, resolved: { outcome: 'confirmed' } });
  });
});

describe('an alert', () => {
  it('is acknowledged once', () => {
    const all = run(raise, acknowledgeAlert(person), acknowledgeAlert({ ...person, by: 'usr_2' }));
    expect(typesOf(all)).toEqual(['AlertRaised', 'AlertAcknowledged']);
    expect(all.state).toMatchObject({ status: 'acknowledged', acknowledged: { by: 'usr_1', note: null } });
  });

  it('is resolved once, and the first outcome stays', () => {
    const all = run(
      raise,
      resolveAlert(person, 'expected'),
      resolveAlert(person, 'confirmed'),
      acknowledgeAlert(person),
    );
    expect(typesOf(all)).toEqual(['AlertRaised', 'AlertResolved']);
    expect(all.state).toMatchObject({ status: 'resolved', resolved: { outcome: 'expected' } });
  });

  it.each([acknowledgeAlert, (by: typeof person) => resolveAlert(by, 'confirmed')])(
    'of another registry looks like none',
    (decide) => {
      const other = { ...person, registry: 'reg_2' };
      expect(() => run(decide(person))).toThrow(expect.objectContaining({ code: 'not-found' }));
      expect(() => run(raise, decide(other))).toThrow(expect.objectContaining({ code: 'not-found' }));
    },
  );
});
