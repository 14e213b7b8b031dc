import { describe, expect, it } from '@jest/globals';
import { DEFAULT_ALERT_SETTINGS, isQuiet, ResolvedSettings } from './settings.js';

const at = (time: string) => Date.parse(time);

describe('quiet hours', () => {
  const night = { from: '22:00', until: '07:00' };

  it.each([
    ['2026-01-05T22:30:00.000Z', 'UTC', true],
    ['2026-01-05T06:59:00.000Z', 'UTC', true],
    ['2026-01-05T07:00:00.000Z', 'UTC', false],
    ['2026-01-05T21:30:00.000Z', 'Europe/Berlin', true],
    ['2026-07-05T05:30:00.000Z', 'Europe/Berlin', false],
    ['2026-01-05T00:30:00.000Z', 'Asia/Tokyo', false],
  ])('over midnight: %s in %s is quiet: %p', (time, zone, quiet) =>
    expect(isQuiet(night, zone, at(time))).toBe(quiet),
  );

  it('within a day end at their end', () => {
    const noon = { from: '12:00', until: '13:00' };
    const times = ['11:59', '12:00', '12:59', '13:00'].map((time) =>
      isQuiet(noon, 'UTC', at(`2026-01-05T${time}:00.000Z`)),
    );
    expect(times).toEqual([false, true, true, false]);
  });

  it('refuse a time zone that there is not', () =>
    expect(() => isQuiet(night, 'Mars/Base', 0)).toThrow(RangeError));
});

describe('the settings of a key', () => {
  const registry = {
    ...DEFAULT_ALERT_SETTINGS,
    expectedCountries: ['DE'],
    expectedNetworks: ['10.0.0.0/8', 'nonsense', '2001:db8::/32'],
  };

  it('expect what the registry declared, unless the key declares its own', () => {
    const [ofRegistry, own] = [
      new ResolvedSettings(registry),
      new ResolvedSettings(registry, { expectedCountries: ['FR'] }),
    ];
    const asked = (settings: ResolvedSettings) =>
      ['DE', 'FR'].map((country) => settings.expects({ country, network: null, asn: null }));
    expect(asked(ofRegistry)).toEqual([true, false]);
    expect(asked(own)).toEqual([false, true]);
  });

  it('expect networks of both families, and nothing of one that cannot be read', () => {
    const settings = new ResolvedSettings(registry);
    const networks = ['10.7.0.0/24', '11.7.0.0/24', '2001:db8:5::/48', '2001:db9:5::/48'];
    const expected = networks.map((network) => settings.expects({ network, country: null, asn: null }));
    expect(expected).toEqual([true, false, true, false]);
  });

  it('say nothing of a private address when they name countries alone', () => {
    const countries = new ResolvedSettings({ ...DEFAULT_ALERT_SETTINGS, expectedCountries: ['DE'] });
    const networks = new ResolvedSettings(registry);
    const declared = (settings: ResolvedSettings, network: string, country: string | null = null) =>
      settings.declares({ network, country, asn: null });
    for (const network of ['10.7.0.0/24', '127.0.0.0/24', '100.64.3.0/24', '::/48', 'fd12:3456:789a::/48'])
      expect([network, declared(countries, network), declared(networks, network)]).toEqual([network, false, true]); // prettier-ignore
    expect(declared(countries, '198.51.100.0/24')).toBe(true);
    // The operator's own database may know where a private network stands.
    expect(declared(countries, '10.7.0.0/24', 'BR')).toBe(true);
  });

  it('without a word about a rule have its default, and of a muted rule nothing until the time', () => {
    const muted = { rules: { enumeration: { mutedUntil: '2026-02-01T00:00:00.000Z' } } };
    const settings = new ResolvedSettings(DEFAULT_ALERT_SETTINGS, muted);
    expect(settings.threshold('stuffing', 0)).toBe(20);
    expect(settings.threshold('enumeration', at('2026-01-31T23:59:59.999Z'))).toBeUndefined();
    expect(settings.threshold('enumeration', at('2026-02-01T00:00:00.000Z'))).toBe(10);
  });
});
