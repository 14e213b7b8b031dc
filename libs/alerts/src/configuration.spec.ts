import { describe, expect, it } from '@jest/globals';
import {
  choiceOf,
  configurationAfter,
  DEFAULT_CONFIGURATION,
  type AlertConfiguration,
  type ConfigurationFact,
} from './configuration.js';
import { DEFAULT_ALERT_SETTINGS, ResolvedSettings } from './settings.js';

const KEY = 'drk_1';
const UNTIL = '2026-02-01T00:00:00.000Z';
const changed = (
  more: Partial<Extract<ConfigurationFact, { type: 'AlertRuleChanged' }>['data']> = {},
): ConfigurationFact => ({
  type: 'AlertRuleChanged',
  data: { rule: 'volume-pushes', enabled: true, threshold: null, keys: {}, ...more },
});
const muted = (key: string | null, until: string | null): ConfigurationFact => ({
  type: 'RuleMuted',
  data: { rule: 'volume-pushes', key, until },
});
const after = (...facts: ConfigurationFact[]): AlertConfiguration =>
  facts.reduce(configurationAfter, DEFAULT_CONFIGURATION);
const choice = (configuration: AlertConfiguration) => choiceOf(configuration, 'volume-pushes');

describe('what is laid down for a rule', () => {
  it('is replaced as a whole, for the registry and for keys', () => {
    const first = after(changed({ threshold: 50, keys: { [KEY]: { enabled: false, threshold: null } } }));
    expect(choice(first)).toEqual({
      enabled: true, threshold: 50, mutedUntil: null,
      keys: [{ key: KEY, enabled: false, threshold: null, mutedUntil: null }],
    }); // prettier-ignore
    const second = configurationAfter(first, changed({ enabled: false }));
    expect(choice(second)).toEqual({ enabled: false, threshold: null, mutedUntil: null, keys: [] });
  });

  it('keeps mutes when it is changed, and ends a mute alone', () => {
    const both = after(muted(null, UNTIL), muted(KEY, UNTIL), changed({ threshold: 7 }));
    expect(choice(both)).toMatchObject({
      threshold: 7,
      mutedUntil: UNTIL,
      keys: [{ key: KEY, mutedUntil: UNTIL }],
    });
    const ended = configurationAfter(configurationAfter(both, muted(KEY, null)), muted(null, null));
    expect(choice(ended)).toEqual({ enabled: true, threshold: 7, mutedUntil: null, keys: [] });
  });

  it('that mutes the registry holds for a key with a threshold of its own', () => {
    const { settings, keys } = after(
      changed({ keys: { [KEY]: { enabled: true, threshold: 3 } } }),
      muted(null, UNTIL),
    );
    const resolved = new ResolvedSettings(settings, { rules: keys[KEY]! });
    const at = Date.parse(UNTIL);
    expect([at - 1, at].map((time) => resolved.threshold('volume-pushes', time))).toEqual([undefined, 3]);
  });

  it('by a later release for a rule of its own changes nothing', () =>
    expect(after(changed({ rule: 'not-yet' }))).toEqual(DEFAULT_CONFIGURATION));
});

describe('what is laid down for all rules', () => {
  it('leaves the rules as they are, and takes the time zone of the policy', () => {
    const { rules: _, ...settings } = { ...DEFAULT_ALERT_SETTINGS, learningDays: 21 };
    const configuration = after(
      changed({ threshold: 9 }),
      { type: 'AlertSettingsChanged', data: { settings } },
      { type: 'RegistryPolicyChanged', data: { policy: { timeZone: 'Asia/Tokyo' } } },
    );
    expect(configuration).toMatchObject({
      timeZone: 'Asia/Tokyo',
      settings: { learningDays: 21, rules: { 'volume-pushes': { threshold: 9 } } },
    });
  });
});
