import { describe, expect, it } from '@jest/globals';
import { RegistryWatch, registryOf, type WatchedFact, type WatchSnapshot } from './alert-watch.js';
import type { Finding } from './finding.js';
import { RuleReplay } from './replay.js';
import { DAY, FAR, HOME, HOUR, KEY, MINUTE, MONDAY, refusal, REGISTRY, use } from './testing/usage.js';
import type { UsageInput } from './usage-input.js';

const usage = (fact: UsageInput): WatchedFact => ({ ...fact, category: 'usage', id: 'one' });
const key = (type: string, data: object, id = KEY): WatchedFact => ({
  type,
  category: 'key',
  id,
  data: { registry: REGISTRY, ...data },
});
const generated = (more: object = {}, id = KEY) =>
  key('KeyGenerated', { expectedCountries: [], canary: false, ...more }, id);
const registry = (type: string, data: object): WatchedFact => ({
  type,
  category: 'registry',
  id: REGISTRY,
  data,
});
const rulesOf = (found: readonly Finding[]) => found.map(({ rule }) => rule);
const push = (time: number, place = FAR, pushes = 5) => usage(use(time, { pushes, place }));

describe('a registry that is watched', () => {
  it('expects what its keys declare, from the first use on, and one alert stands for all that is strange about it', () => {
    const watch = new RegistryWatch(REGISTRY);
    watch.apply(generated({ expectedCountries: ['DE'] }));
    expect(rulesOf(watch.apply(push(MONDAY, HOME)))).toEqual([]);
    expect(rulesOf(watch.apply(push(MONDAY + HOUR)))).toEqual(['push-from-unexpected-place']);
  });

  it('expects what a change of the key declares', () => {
    const watch = new RegistryWatch(REGISTRY);
    watch.apply(generated({ expectedCountries: ['DE'] }));
    watch.apply(key('KeyChanged', { changes: { expectedCountries: ['DE', 'BR'] } }));
    watch.apply(push(MONDAY, HOME));
    expect(rulesOf(watch.apply(push(MONDAY + HOUR)))).not.toContain('push-from-unexpected-place');
  });

  it('raises an alert at any touch of a canary, proven or not, and at none of another key by a stranger', () => {
    const watch = new RegistryWatch(REGISTRY);
    watch.apply(generated({ canary: true }));
    const stranger = { reason: 'unknown', proven: false };
    expect(rulesOf(watch.apply(usage(refusal(MONDAY, stranger))))).toEqual(['canary-touched']);
    expect(watch.apply(usage(refusal(MONDAY, { ...stranger, key: 'drk_2' })))).toEqual([]);
  });

  it('goes by what is laid down as of each fact', () => {
    const watch = new RegistryWatch(REGISTRY);
    const off = registry('AlertRuleChanged', {
      rule: 'revoked-key-used', enabled: false, threshold: null, keys: { drk_2: { enabled: true, threshold: null } },
    }); // prettier-ignore
    watch.apply(off);
    const touch = (id: string) =>
      rulesOf(watch.apply(usage(refusal(MONDAY, { key: id, reason: 'revoked' }))));
    expect([touch(KEY), touch('drk_2')]).toEqual([[], ['revoked-key-used']]);
    watch.apply(registry('AlertRuleChanged', { ...off.data, enabled: true }));
    expect(touch(KEY)).toEqual(['revoked-key-used']);
  });

  it('finds after a restart just what it would have found without, wherever it is', () => {
    const facts = story();
    const whole = new RegistryWatch(REGISTRY);
    const expected = facts.map((fact) => whole.apply(fact));
    expect(expected.flat().length).toBeGreaterThan(3);
    let watch = new RegistryWatch(REGISTRY);
    const kept = new Kept();
    facts.forEach((fact, index) => {
      expect(watch.apply(fact)).toEqual(expected[index]);
      if (index % 7 !== 0) return;
      kept.save(watch.takeChanges());
      watch = new RegistryWatch(REGISTRY, kept.load());
    });
  });

  it('gives to be kept only the keys that have changed', () => {
    const watch = new RegistryWatch(REGISTRY);
    for (const id of [KEY, 'drk_2', 'drk_3']) watch.apply(usage(use(MONDAY, { key: id, pulls: 1 })));
    expect(watch.takeChanges().keys).toHaveLength(3);
    watch.apply(usage(use(MONDAY + HOUR, { key: 'drk_2', pulls: 1 })));
    expect(watch.takeChanges().keys.map(({ key: id }) => id)).toEqual(['drk_2']);
  });
});

/** What the file of a worker does, through JSON. */
class Kept {
  readonly #keys = new Map<string, WatchSnapshot['keys'][number]>();
  #snapshot: WatchSnapshot | undefined;

  save(snapshot: WatchSnapshot): void {
    this.#snapshot = snapshot;
    for (const one of snapshot.keys) this.#keys.set(one.key, one);
  }

  load(): WatchSnapshot {
    const whole = { ...this.#snapshot, keys: [...this.#keys.values()] };
    return JSON.parse(JSON.stringify(whole)) as WatchSnapshot;
  }
}

/** Three weeks of a key with a place of its own, strange uses, refusals, a canary, and rules that are changed. */
function story(): WatchedFact[] {
  const facts = [
    generated({ expectedCountries: ['DE'] }),
    generated({ canary: true }, 'drk_2'),
    registry('RegistryPolicyChanged', { policy: { timeZone: 'Europe/Berlin' } }),
  ];
  for (let day = 0; day < 21; day++)
    for (const hour of [8, 12, 16]) facts.push(push(MONDAY + day * DAY + hour * HOUR, HOME, 3));
  const end = MONDAY + 21 * DAY;
  facts.push(usage(refusal(end, { key: 'drk_2', reason: 'unknown', proven: false })));
  for (let minute = 0; minute < 10; minute++) facts.push(push(end + minute * MINUTE, FAR, 30));
  facts.push(
    registry('RuleMuted', { rule: 'revoked-key-used', key: KEY, until: '2026-02-01T00:00:00.000Z' }),
  );
  const refused = (time: number) => usage(refusal(time, { reason: 'revoked' }));
  facts.push(refused(end + HOUR), refused(MONDAY + 40 * DAY), refused(MONDAY + 40 * DAY + HOUR));
  return facts;
}

describe('a replay of a rule', () => {
  const found = (rule: Finding['rule'], from = 0, to = Infinity) => {
    const replay = new RuleReplay({ registry: REGISTRY, rule, from, to });
    return story().flatMap((fact) => replay.apply(fact));
  };

  it('finds what the live run found of this rule', () => {
    const live = new RegistryWatch(REGISTRY);
    const all = story().flatMap((fact) => live.apply(fact));
    for (const rule of new Set(rulesOf(all)))
      expect(found(rule)).toEqual(all.filter((finding) => finding.rule === rule));
  });

  it('tells only of the time that is asked about, with the habits of before', () => {
    const end = MONDAY + 21 * DAY;
    expect(found('volume-from-unexpected-place', end, end + DAY)).not.toEqual([]);
    expect(found('volume-from-unexpected-place', end + DAY)).toEqual([]);
  });

  it('tries settings from the beginning, and facts of other registries change nothing', () => {
    const asked = { registry: REGISTRY, rule: 'canary-touched', from: 0, to: Infinity } as const;
    const replay = new RuleReplay({
      ...asked,
      override: (laidDown) => ({
        ...laidDown,
        settings: { ...laidDown.settings, rules: { 'canary-touched': { enabled: false } } },
      }),
    });
    expect(story().flatMap((fact) => replay.apply(fact))).toEqual([]);
    const other = new RuleReplay({ ...asked, registry: 'reg_2' });
    expect(story().flatMap((fact) => other.apply(fact))).toEqual([]);
  });
});

describe('a fact', () => {
  it('is of the registry that it names, or whose stream it stands in', () => {
    expect(registryOf(generated())).toBe(REGISTRY);
    expect(registryOf(registry('RegistryRenamed', {}))).toBe(REGISTRY);
    expect(registryOf({ type: 'X', category: 'key', id: KEY, data: {} })).toBeUndefined();
  });
});
