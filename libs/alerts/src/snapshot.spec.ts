import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Detector, type DetectorSnapshot } from './detector.js';
import { KEY_STATE_BYTES_MAX } from './key-state.js';
import { ResolvedSettings } from './settings.js';
import { DAY, MINUTE, MONDAY, refusal, REGISTRY, use } from './testing/usage.js';
import type { UsageInput } from './usage-input.js';

const settings = new ResolvedSettings();

const fact = fc.record({
  pause: fc.constantFrom(0, MINUTE, 7 * MINUTE, 50 * MINUTE, 9 * 60 * MINUTE, 2 * DAY, 35 * DAY),
  key: fc.constantFrom('drk_1', 'drk_2'),
  pulls: fc.constantFrom(0, 1, 4, 300),
  pushes: fc.constantFrom(0, 1, 60),
  deletes: fc.constantFrom(0, 0, 20),
  bytes: fc.constantFrom(0, 2 ** 20, 2 ** 36),
  place: fc.constantFrom(
    { network: '203.0.113.0/24', country: 'DE', asn: 64500 },
    { network: '198.51.100.0/24', country: 'BR', asn: 64999 },
    { network: '2001:db8:1::/48', country: 'JP', asn: 64501 },
    { network: null, country: null, asn: null },
  ),
  client: fc.constantFrom('docker', 'crane', 'helm'),
  repositories: fc
    .integer({ min: 0, max: 25 })
    .map((count) => Array.from({ length: count }, (_, at) => `team/r${at}`)),
  refusal: fc.option(fc.constantFrom('revoked', 'not_permitted', 'unknown'), { freq: 5, nil: undefined }),
});
const history = fc.array(fact, { maxLength: 120, size: 'max' }).map((all): UsageInput[] => {
  let time = MONDAY;
  return all.map(({ pause, refusal: reason, ...one }) => {
    time += pause;
    if (reason === undefined) return use(time, one);
    const isStranger = reason === 'unknown';
    return refusal(time, {
      key: isStranger ? null : one.key,
      reason,
      proven: !isStranger,
      count: 9,
      credentials: 9,
      ...one.place,
    });
  });
});

function play(detector: Detector, facts: readonly UsageInput[]) {
  return facts.flatMap((one) => detector.apply(one, settings));
}

const asJson = (snapshot: DetectorSnapshot) => JSON.parse(JSON.stringify(snapshot)) as DetectorSnapshot;

describe('a snapshot', () => {
  it('restored goes on exactly as if nothing had been: the same findings, the same state', () =>
    fc.assert(
      fc.property(history, fc.nat(), (facts, cut) => {
        const at = cut % (facts.length + 1);
        const [first, rest] = [facts.slice(0, at), facts.slice(at)];
        const going = new Detector(REGISTRY);
        play(going, first);
        const restored = new Detector(REGISTRY, asJson(going.snapshot(0)));
        expect(play(restored, rest)).toEqual(play(going, rest));
        expect(restored.snapshot(0)).toEqual(going.snapshot(0));
      }),
      { numRuns: 150 },
    ));

  it('of a key stays below its limit, whatever the key does', () => {
    const detector = new Detector(REGISTRY);
    for (let at = 0; at < 4000; at += 1) {
      const place = { network: `10.${at % 250}.${(at * 7) % 250}.0/24`, country: ['DE', 'BR', 'JP', 'US', 'ZA', 'FR', 'IN', 'AU', 'CA', 'SE', 'IT', 'ES', 'PL'][at % 13]!, asn: 4_200_000_000 + (at % 40) };
      const repositories = Array.from({ length: 30 }, (_, name) => `team/r${(at * 11 + name) % 900}`);
      play(detector, [
        use(MONDAY + at * 53 * MINUTE, { pulls: at % 900, pushes: (at * 3) % 500, deletes: at % 77, bytes: 2 ** 40 + at, place, client: `client-${at % 20}`, repositories }),
        refusal(MONDAY + at * 53 * MINUTE, { reason: ['revoked', 'expired', 'not_permitted'][at % 3]!, ...place }),
      ]);
    } // prettier-ignore
    const [[, state]] = detector.snapshot(0).keys as [[string, unknown]];
    expect(JSON.stringify(state).length).toBeLessThan(KEY_STATE_BYTES_MAX);
  });

  it('keeps no window that is over', () => {
    const detector = new Detector(REGISTRY);
    play(detector, [refusal(MONDAY, {}), use(MONDAY + 30 * DAY, { pulls: 1 })]);
    expect(detector.snapshot(MONDAY + 30 * DAY).keys[0]![1].raised).toEqual([]);
  });
});
