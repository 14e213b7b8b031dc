import { describe, expect, it } from '@jest/globals';
import { DEFAULT_CONFIGURATION, type AlertConfiguration } from './configuration.js';
import { digestAlerts, digests, isDigestDue, isHeld } from './digest.js';

const at = (time: string) => Date.parse(`2026-01-${time}:00.000Z`);
const configuration = (timeZone = 'UTC', quiet = true): AlertConfiguration => ({
  ...DEFAULT_CONFIGURATION,
  timeZone,
  settings: {
    ...DEFAULT_CONFIGURATION.settings,
    quietHours: quiet ? { from: '22:00', until: '07:00' } : null,
  },
});

describe('an alert', () => {
  it.each([
    ['low', '05T12:00', true],
    ['medium', '05T12:00', false],
    ['medium', '05T23:00', true],
    ['high', '05T23:00', false],
  ] as const)('of severity %s at %s is held back: %p', (severity, time, held) =>
    expect(isHeld(severity, configuration(), at(time))).toBe(held),
  );

  it('is held back by the clock of the registry', () => {
    const night = at('05T22:30');
    const held = ['UTC', 'America/New_York'].map((zone) => isHeld('medium', configuration(zone), night));
    expect(held).toEqual([true, false]);
  });
});

describe('the digest', () => {
  const due = (oldest: string, now: string, isGrave = false, of = configuration()) =>
    isDigestDue(of, { oldest: at(oldest), isGrave }, at(now));

  it('is never due in quiet hours, and right after them with an alert that is not low', () =>
    expect([due('05T23:00', '06T06:59', true), due('05T23:00', '06T07:00', true)]).toEqual([false, true]));

  it('of low alerts is due once the clock has come past its time', () => {
    expect([due('05T07:59', '05T08:00'), due('05T08:00', '05T21:00')]).toEqual([true, false]);
    expect([due('05T09:00', '06T07:59'), due('05T09:00', '06T08:00')]).toEqual([false, true]);
    expect(due('05T21:00', '06T20:00')).toBe(true);
  });

  it('goes by the clock of the registry', () => {
    const tokyo = configuration('Asia/Tokyo', false);
    expect([due('05T22:00', '05T22:59', false, tokyo), due('05T22:00', '05T23:00', false, tokyo)]).toEqual([
      false,
      true,
    ]);
  });

  it('waits no longer than a day, quiet hours apart', () => expect(due('05T12:00', '06T12:00')).toBe(true));

  it('is made once', () => {
    const data = { at: '2026-01-06T08:00:00.000Z', registry: 'reg_1', alerts: [], total: 1, until: '7' };
    const [made] = digestAlerts(data)(digests.initial);
    expect(made).toEqual({ type: 'AlertsDigested', data });
    expect(digestAlerts(data)(digests.evolve(digests.initial, made!))).toEqual([]);
  });
});
