import { describe, expect, it } from '@jest/globals';
import { Detector, type DetectorSnapshot } from './detector.js';
import type { Finding } from './finding.js';
import { RULE_NAMES, RULES, type RuleName } from './rules.js';
import {
  DEFAULT_ALERT_SETTINGS,
  ResolvedSettings,
  type AlertSettings,
  type KeyAlertSettings,
} from './settings.js';
import { DAY, FAR, habits, HOUR, KEY, MINUTE, MONDAY, refusal, REGISTRY, use } from './testing/usage.js';
import type { UsageInput } from './usage-input.js';

/** Five weeks of habits end on the Sunday before. */
const NOW = MONDAY + 35 * DAY + 10 * HOUR;

function settingsOf(registry: Partial<AlertSettings> = {}, key: KeyAlertSettings = {}): ResolvedSettings {
  return new ResolvedSettings({ ...DEFAULT_ALERT_SETTINGS, ...registry }, key);
}

/** Of a registry that nothing is known of, or of one that goes on from a snapshot. */
function find(facts: readonly UsageInput[], settings = settingsOf(), from?: DetectorSnapshot): Finding[] {
  const detector = new Detector(REGISTRY, from);
  return facts.flatMap((fact) => detector.apply(fact, settings));
}

function learn(facts: readonly UsageInput[]): DetectorSnapshot {
  const detector = new Detector(REGISTRY);
  for (const fact of facts) detector.apply(fact, settingsOf());
  return detector.snapshot(0);
}

const known = habits(35);
const learned = learn(known);
/** Of a key with five weeks of habits. */
const findMore = (facts: readonly UsageInput[], settings = settingsOf()) => find(facts, settings, learned);

const rulesOf = (found: readonly Finding[], severities = ['medium', 'high']): RuleName[] =>
  found.filter(({ isNew, severity }) => isNew && severities.includes(severity)).map(({ rule }) => rule);
const pushesFromAfar = Array.from({ length: 40 }, (_, minute) =>
  use(NOW + minute * MINUTE, {
    pushes: 4,
    place: FAR,
    client: 'skopeo',
    repositories: [`secret/r${minute % 9}`],
  }),
);
const spree = (count: number, change: Parameters<typeof use>[1] = {}) =>
  Array.from({ length: count }, (_, minute) => use(NOW + minute * MINUTE, { pulls: 1, ...change }));

describe('the exact rules', () => {
  it.each([
    ['revoked-key-used', refusal(NOW, { reason: 'revoked' })],
    ['expired-key-used', refusal(NOW, { reason: 'expired' })],
    ['read-key-pushes', refusal(NOW, { reason: 'not_permitted', denied: 'permission', action: 'push' })],
    ['read-key-pushes', refusal(NOW, { reason: 'not_permitted', denied: 'permission', action: 'delete' })],
  ] as const)('%s fires at the first case, also of a key that nothing is known of', (rule, fact) =>
    expect(find([fact])).toMatchObject([{ rule, key: KEY, count: 1, isNew: true }]),
  );

  it('say nothing of a caller who did not prove the secret: whoever knows an id could make alerts', () =>
    expect(find([refusal(NOW, { proven: false, reason: 'wrong_secret' })])).toEqual([]));

  it.each([
    refusal(NOW, { proven: false, reason: 'wrong_secret' }),
    refusal(NOW, { reason: 'not_permitted', denied: 'permission' }),
    use(NOW, {}),
  ])('canary-touched fires at any touch', (fact) =>
    expect(rulesOf(find([fact], settingsOf({}, { canary: true })))).toEqual(['canary-touched']),
  );

  it('stuffing fires on many different credentials, not on one wrong one in a hundred pods', () => {
    const wrong = (minute: number, credentials: number, key: string | null) =>
      refusal(NOW + minute * MINUTE, { key, reason: 'unknown', proven: false, count: 200, credentials });
    expect(find([0, 1, 2, 3, 4].map((minute) => wrong(minute, 1, KEY)))).toEqual([]);
    const found = find([wrong(0, 20, null), wrong(1, 20, null)]);
    expect(found).toMatchObject([{ rule: 'stuffing', key: null, registry: REGISTRY }]);
    const holder = refusal(NOW, { reason: 'not_permitted', denied: 'repository', credentials: 30 });
    expect(find([holder, holder])).toEqual([]);
  });
});

describe('the rules on habits', () => {
  it('keep quiet while the key does what it always did', () =>
    expect(findMore([...habits(14, MONDAY + 35 * DAY)])).toEqual([]));

  it('pushes in volume from an unexpected place are high, at once and once', () => {
    const found = findMore(pushesFromAfar);
    expect(rulesOf(found)[0]).toBe('push-from-unexpected-place');
    expect(new Set(rulesOf(found)).size).toBe(rulesOf(found).length);
    expect(found.find(({ rule }) => rule === 'push-from-unexpected-place')).toMatchObject({
      at: NOW,
      severity: 'high',
      evidence: {
        country: 'BR',
        asn: 64999,
        votes: expect.arrayContaining([{ vote: 'newClient', points: 5 }]),
      },
      baseline: { countries: ['DE'], asns: [64500] },
      next: ['suspend', 'rotate', 'revoke', 'keep'],
    });
    expect(rulesOf(found)).toContain('volume-from-unexpected-place');
  });

  it('a place that is new, and nothing else, is low', () => {
    const found = findMore([use(NOW + HOUR, { pulls: 1, place: FAR })]);
    expect(rulesOf(found)).toEqual([]);
    expect(rulesOf(found, ['low'])).toEqual(['new-country', 'new-asn', 'new-network']);
  });

  it('two countries within a minute are impossible travel', () => {
    const found = findMore([use(NOW, { pulls: 1 }), use(NOW + MINUTE, { pulls: 1, place: FAR })]);
    expect(rulesOf(found, ['low'])).toContain('impossible-travel');
  });

  it('a key that is used from ten operators meets the eleventh without an alert', () => {
    const roaming = habits(35).map((fact, index) => {
      const place = {
        network: `10.0.${index % 250}.0/24`,
        country: 'DE',
        asn: 64000 + Math.floor(index / 25),
      };
      return fact.type === 'KeyUsageRecorded'
        ? use(Date.parse(fact.data.minute), { pulls: 3, pushes: 1, place })
        : fact;
    });
    const eleventh = { network: '10.9.9.0/24', country: 'DE', asn: 65500 };
    expect(rulesOf(find([...roaming, use(NOW, { pushes: 1, place: eleventh, client: 'crane' })]))).toEqual(
      [],
    );
  });

  it('pushes far beyond the hour of the week are a volume alert, also from home', () => {
    const found = findMore([...spree(40, { pushes: 10, pulls: 0 })]);
    expect(rulesOf(found)).toEqual(['volume-pushes']);
    expect(found[0]).toMatchObject({ severity: 'medium', evidence: { pushes: expect.any(Number) } });
  });

  it.each([
    ['volume-pulls', { pulls: 30 }],
    ['volume-bytes', { bytes: 4 * 2 ** 30 }],
    ['volume-deletes', { pulls: 0, deletes: 3 }],
  ] as const)('%s fires', (rule, change) =>
    expect(rulesOf(findMore([...spree(40, change)]))).toContain(rule),
  );

  it('seven times the usual is no alert where pushes and pulls grow alike: a release day', () =>
    expect(rulesOf(findMore([...spree(35, { pushes: 1, pulls: 3 })]))).toEqual([]));

  it('going through many repositories in minutes is an enumeration, and by the hour a volume', () => {
    const tour = Array.from({ length: 8 }, (_, minute) =>
      use(NOW + minute * MINUTE, {
        pulls: 6,
        repositories: Array.from({ length: 6 }, (_, at) => `all/r${minute * 6 + at}`),
      }),
    );
    expect(rulesOf(findMore(tour))).toEqual(expect.arrayContaining(['enumeration', 'volume-repositories']));
  });

  it('a key that sleeps for a month and wakes is told', () => {
    const found = findMore([use(NOW + 40 * DAY, { pulls: 1 })]);
    expect(rulesOf(found, ['low'])).toEqual(['idle-key-wakes']);
  });

  it('refusals of a holder in a strange place are a burst; in his usual place they are not', () => {
    const probing = (place: object) =>
      Array.from({ length: 12 }, (_, at) =>
        refusal(NOW + at * 1000, { reason: 'not_permitted', denied: 'repository', ...place }),
      );
    expect(rulesOf(findMore([...probing(FAR)]))).toContain('refusal-burst');
    expect(findMore([...probing({})])).toEqual([]);
  });

  it('wait until the key has habits', () => {
    const young = habits(10, NOW - 12 * DAY);
    expect(find([...young, ...pushesFromAfar])).toEqual([]);
    expect(rulesOf(find([...young, ...pushesFromAfar], settingsOf({ learningDays: 5 })))).not.toEqual([]);
  });

  it('what other keys of the registry do every day is less strange', () => {
    const others = habits(35).map((fact) =>
      fact.type === 'KeyUsageRecorded'
        ? use(Date.parse(fact.data.minute), { key: 'drk_2', pulls: 1, place: FAR })
        : fact,
    );
    const atNight = use(NOW + 12 * HOUR, { pushes: 1, place: FAR });
    const among = find([atNight], settingsOf(), learn([...others, ...known]));
    const alone = findMore([atNight]);
    expect([rulesOf(alone), rulesOf(among)]).toEqual([['push-from-unexpected-place'], []]);
  });
});

describe('settings', () => {
  it('what was declared as expected raises nothing about the place', () => {
    for (const declared of [
      { expectedCountries: ['DE', 'BR'] },
      { expectedNetworks: ['198.51.100.0/22', '203.0.113.0/24'] },
    ]) {
      const found = findMore([use(NOW, { pushes: 1, place: FAR })], settingsOf({}, declared));
      expect(rulesOf(found)).toEqual([]);
      expect(rulesOf(found, ['low'])).toEqual([]);
    }
  });

  it('use outside of what was declared fires even while the key is young', () => {
    const found = find(
      [use(NOW, { pulls: 1 }), use(NOW + HOUR, { pushes: 1, place: FAR })],
      settingsOf({ expectedCountries: ['DE'] }),
    );
    expect(rulesOf(found)).toEqual(['push-from-unexpected-place']);
  });

  it('a key that may come from a country alone may come from a private network, which has none', () => {
    const inside = { network: '10.7.0.0/24', country: null, asn: null };
    const found = find([use(NOW, { pushes: 9, place: inside })], settingsOf({ expectedCountries: ['DE'] }));
    expect(rulesOf(found)).toEqual([]);
  });

  it.each(RULE_NAMES)('%s: off or muted it never fires', (rule) => {
    const facts = [
      ...pushesFromAfar, ...spree(40, { pushes: 9, deletes: 2 }), refusal(NOW + HOUR, {}), refusal(NOW + HOUR, { reason: 'expired' }),
      use(NOW + 60 * DAY, { pulls: 1, place: FAR }),
    ]; // prettier-ignore
    const off = findMore(facts, settingsOf({ rules: { [rule]: { enabled: false } } }));
    const muted = findMore(
      facts,
      settingsOf({ rules: { [rule]: { mutedUntil: '2027-01-01T00:00:00.000Z' } } }),
    );
    expect([off, muted].map((found) => found.filter((one) => one.rule === rule))).toEqual([[], []]);
  });

  it('a key has its own threshold before that of the registry', () => {
    const [low, high] = [{ 'volume-pushes': { threshold: 20 } }, { 'volume-pushes': { threshold: 5000 } }];
    const facts = spree(40, { pushes: 10, pulls: 0 });
    expect(rulesOf(findMore(facts, settingsOf({ rules: low }, { rules: high })))).toEqual([]);
    expect(rulesOf(findMore(facts, settingsOf({ rules: high }, { rules: low })))).toEqual(['volume-pushes']);
  });
});

describe('repeats', () => {
  it('fold into one alert, told each time that there are four times as many', () => {
    const uses = Array.from({ length: 70 }, (_, minute) => refusal(NOW + minute * MINUTE, {}));
    const found = find(uses);
    expect(found.map(({ count, isNew }) => [count, isNew])).toEqual([[1, true], [4, false], [16, false], [64, false]]); // prettier-ignore
    expect(new Set(found.map(({ alert }) => alert)).size).toBe(1);
  });

  it('are another alert once the window is over', () => {
    const found = find([refusal(NOW, {}), refusal(NOW + 23 * HOUR, {}), refusal(NOW + 25 * HOUR, {})]);
    expect(found.map(({ isNew }) => isNew)).toEqual([true, true]);
    expect(new Set(found.map(({ alert }) => alert)).size).toBe(2);
  });

  it('have the same id whenever they are computed, and another one for another key or rule', () => {
    const ids = [
      refusal(NOW, {}),
      refusal(NOW, {}),
      refusal(NOW, { key: 'drk_2' }),
      refusal(NOW, { reason: 'expired' }),
    ];
    const alerts = ids.map((fact) => find([fact])[0]!.alert);
    expect(alerts[0]).toMatch(/^alt_[0-9A-Za-z]{16}$/);
    expect(alerts[0]).toBe(alerts[1]);
    expect(new Set(alerts).size).toBe(3);
  });
});

it('every rule says what one can do', () => {
  for (const { next, title } of Object.values(RULES))
    expect([next.length > 0, title.length > 0]).toEqual([true, true]);
});
