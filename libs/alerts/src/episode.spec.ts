import { describe, expect, it } from '@jest/globals';
import { Detector, type DetectorSnapshot } from './detector.js';
import type { Vote } from './episode.js';
import { HourlyProfile } from './hourly-profile.js';
import { ResolvedSettings } from './settings.js';
import { DAY, FAR, habits, HOME, HOUR, KEY, MINUTE, MONDAY, REGISTRY, use } from './testing/usage.js';
import type { UsageInput } from './usage-input.js';

const settings = new ResolvedSettings();
const TEN = 10 * HOUR;
/** A Monday at ten, after five weeks of habits. */
const NOW = MONDAY + 35 * DAY + TEN;
/** In the morning of that day the key was used as ever. */
const thisMorning = [use(NOW - HOUR, { pulls: 3 }), use(NOW - 5 * MINUTE, { pulls: 3 })];

function learn(facts: readonly UsageInput[]): DetectorSnapshot {
  const detector = new Detector(REGISTRY);
  for (const fact of facts) detector.apply(fact, settings);
  return detector.snapshot(0);
}

const learned = learn(habits(35));

/** What speaks for or against a stranger after these facts. */
function votesAfter(facts: readonly UsageInput[], from = learned): Vote[] {
  const detector = new Detector(REGISTRY, from);
  for (const fact of facts) detector.apply(fact, settings);
  return detector.stateOf(KEY)?.episode?.votes ?? [];
}

describe('use from a new place', () => {
  it('after hours of work in which nobody used the key is rather its owner on the move', () => {
    const push = use(NOW, { pushes: 1, place: FAR });
    expect(votesAfter([...thisMorning, push])).not.toContain('ownerWasSilent');
    expect(votesAfter([use(NOW + 5 * HOUR, { pushes: 1, place: FAR })])).toContain('ownerWasSilent');
  });

  it('has use at home beside it only where the key was used before', () => {
    const far = use(NOW, { pulls: 1, place: FAR });
    const elsewhere = { network: '192.0.2.0/24', country: 'DE', asn: 64_777 };
    const another = use(NOW + MINUTE, { pulls: 1, place: elsewhere });
    const home = use(NOW + MINUTE, { pulls: 1, place: HOME });
    expect(votesAfter([...thisMorning, far, another])).not.toContain('usedAtHomeMeanwhile');
    expect(votesAfter([...thisMorning, far, home])).toContain('usedAtHomeMeanwhile');
  });

  it('goes on from an IPv6 network of the same operator, whatever country that is said to be in', () => {
    const far = use(NOW, { pulls: 1, place: FAR });
    const sixth = { network: '2001:db8:1::/48', country: 'DE', asn: FAR.asn };
    const detector = new Detector(REGISTRY, learned);
    for (const fact of [...thisMorning, far, use(NOW + MINUTE, { pulls: 2, place: sixth })])
      detector.apply(fact, settings);
    expect(detector.stateOf(KEY)?.episode).toMatchObject({ place: FAR, pulls: 3 });
    expect(detector.stateOf(KEY)?.episode?.votes).not.toContain('usedAtHomeMeanwhile');
  });

  it('says more where the operator is new to the whole registry', () => {
    const far = use(NOW, { pulls: 1, place: FAR });
    expect(votesAfter([...thisMorning, far])).toContain('newToRegistry');
    const other = [...habits(35), use(NOW - 2 * HOUR, { key: 'drk_2', pulls: 1, place: FAR })];
    expect(votesAfter([...thisMorning, far], learn(other))).not.toContain('newToRegistry');
  });

  it('with new repositories and programs says nothing of a key in its first days', () => {
    const [first, second] = [habits(35, MONDAY, 'drk_2'), habits(1, MONDAY + 35 * DAY)];
    const stranger = { pulls: 1, place: FAR, client: 'skopeo', repositories: ['team/a', 'team/b', 'team/c'] };
    const votes = (from: UsageInput[], time: number) => votesAfter([use(time, stranger)], learn(from));
    expect(votes([...first, ...second], NOW + DAY)).not.toEqual(expect.arrayContaining(['newRepository']));
    expect(votes(habits(35), NOW)).toEqual(expect.arrayContaining(['newClient', 'newRepository']));
  });
});

describe('the hours of work in a pause', () => {
  it('are those in which the key is usually used, and none of a key that is hardly ever', () => {
    const profile = new HourlyProfile();
    for (const fact of habits(35)) {
      profile.advance(Date.parse((fact.data as { minute: string }).minute));
      profile.add('pulls', 3);
    }
    profile.advance(NOW);
    expect(profile.busyHours(NOW, 2 * HOUR)).toBeCloseTo(2, 0);
    expect(profile.busyHours(NOW, HOUR - 1)).toBe(0);
    expect(profile.busyHours(MONDAY + 34 * DAY, 20 * HOUR)).toBeLessThan(0.5);
    const rare = new HourlyProfile();
    rare.advance(MONDAY);
    rare.add('pulls', 2);
    rare.advance(NOW);
    expect(rare.busyHours(NOW, 30 * DAY)).toBeLessThan(3);
  });
});
