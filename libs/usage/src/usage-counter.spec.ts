import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { countDistinct } from '#libs/kernel';
import type { DeniedUse } from './denial-count.js';
import {
  acceptedOf,
  type KeyUsageRecorded,
  type KeyUseDenied,
  USAGE_ACTIONS,
  type UsageFact,
} from './facts.js';
import { type AcceptedUse, FACT_BYTES_MAX } from './key-minute.js';
import { TOGETHER_MS, UsageCounter } from './usage-counter.js';

const MINUTE = Date.parse('2026-03-02T10:15:00.000Z');
const USE: AcceptedUse = {
  registry: 'reg_1',
  key: 'drk_1',
  action: 'push',
  repository: 'team/api',
  network: '203.0.113.0/24',
  country: 'DE',
  asn: 64500,
  client: 'docker',
};
const DENIED: DeniedUse = {
  ...USE,
  reason: 'revoked',
  proven: true,
  denied: undefined,
  credential: 1,
};

const take = (counter: UsageCounter, now: number, all = false): UsageFact[] =>
  counter.take(now, all).flatMap(({ facts }) => facts);
const uses = (facts: readonly UsageFact[]) =>
  facts.filter((fact): fact is KeyUsageRecorded => fact.type === 'KeyUsageRecorded').map(({ data }) => data);
const denials = (facts: readonly UsageFact[]) =>
  facts.filter((fact): fact is KeyUseDenied => fact.type === 'KeyUseDenied').map(({ data }) => data);
const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

describe('the counter of usage', () => {
  it('has the first use of a key in a minute due after half a second, with what came with it, and the rest when the minute is over', () => {
    const counter = new UsageCounter();
    counter.accept({ ...USE, action: 'login' }, MINUTE, 7n);
    counter.accept(USE, MINUTE + 200, 8n);
    expect(take(counter, MINUTE + TOGETHER_MS - 1)).toEqual([]);
    expect(uses(take(counter, MINUTE + TOGETHER_MS))).toMatchObject([
      {
        part: 0,
        minute: '2026-03-02T10:15:00.000Z',
        actions: { login: { accepted: 1, failed: 0 }, push: { accepted: 1, failed: 0 } },
        applied: '7',
      },
    ]);
    counter.accept({ ...USE, action: 'pull' }, MINUTE + TOGETHER_MS + 100, 8n);
    expect(take(counter, MINUTE + 59_999)).toEqual([]);
    expect(uses(take(counter, MINUTE + 60_000))).toMatchObject([
      { part: 1, actions: { pull: { accepted: 1, failed: 0 } }, applied: '8' },
    ]);
    expect(take(counter, MINUTE + 180_000)).toEqual([]);
    expect(counter.size).toEqual({ keys: 0, denials: 0 });
  });

  it('does not wait for the end of the minute when a place is new or the key takes off', () => {
    const counter = new UsageCounter();
    counter.accept(USE, MINUTE, 1n);
    take(counter, MINUTE + 1_000);
    counter.accept({ ...USE, country: 'KP', network: '192.0.2.0/24', asn: 64666 }, MINUTE + 1_000, 1n);
    expect(uses(take(counter, MINUTE + 2_000))).toMatchObject([
      { part: 1, places: [{ country: 'KP', pushes: 1 }] },
    ]);
    for (let count = 0; count < 40; count += 1) counter.accept(USE, MINUTE + 2_000, 1n);
    expect(uses(take(counter, MINUTE + 3_000))).toMatchObject([
      { part: 2, actions: { push: { accepted: 40 } } },
    ]);
  });

  it('writes at most four parts of a minute with ten thousand requests from one place', () => {
    const counter = new UsageCounter();
    const facts: UsageFact[] = [];
    for (let count = 0; count < 10_000; count += 1) {
      counter.accept(USE, MINUTE + count * 5, 1n);
      if (count % 50 === 0) facts.push(...take(counter, MINUTE + count * 5));
    }
    facts.push(...take(counter, MINUTE + 60_000));
    expect(facts.length).toBeLessThanOrEqual(5);
    expect(sum(uses(facts).map(({ actions }) => acceptedOf(actions)))).toBe(10_000);
  });

  it('loses and doubles no request: the parts add up to what was counted', () => {
    const request = fc.record({
      key: fc.constantFrom('drk_1', 'drk_2'),
      action: fc.constantFrom(...USAGE_ACTIONS),
      repository: fc.option(
        fc.integer({ max: 60, min: 0 }).map((number) => `r${number}`),
        { nil: undefined },
      ),
      network: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
      client: fc.constantFrom('docker', 'helm', 'crane', 'skopeo', 'trivy', 'oras'),
      pause: fc.constantFrom(0, 0, 0, 1, 1, 900, 900, 4000),
      isRefused: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 200, size: 'max' }), (requests) => {
        const counter = new UsageCounter();
        const facts: UsageFact[] = [];
        let now = MINUTE;
        for (const { pause, isRefused, ...one } of requests) {
          now += pause;
          if (isRefused) counter.deny({ ...DENIED, ...one }, now, 1n);
          else counter.accept({ ...USE, ...one }, now, 1n);
          if (pause > 0) facts.push(...take(counter, now));
        }
        facts.push(...take(counter, now, true));
        const accepted = uses(facts);
        expect(sum(denials(facts).map(({ count }) => count))).toBe(
          requests.filter((one) => one.isRefused).length,
        );
        expect(sum(accepted.map(({ actions }) => acceptedOf(actions)))).toBe(
          requests.filter((one) => !one.isRefused).length,
        );
        for (const { actions, places, clients, repositories, unaccounted } of accepted) {
          const all = acceptedOf(actions);
          const inPlaces = sum(places.map(({ pulls, pushes, others }) => pulls + pushes + others));
          expect(inPlaces + unaccounted.places).toBe(all);
          expect(sum(clients.map(({ count }) => count)) + unaccounted.clients).toBe(all);
          const named = sum(repositories.map(({ pulls, pushes, others }) => pulls + pushes + others));
          expect(named + unaccounted.repositories).toBeLessThanOrEqual(all);
        }
        expect(counter.dropped).toBe(0);
      }),
    );
  });

  it('adds the bytes of a long transfer to the minute in which it ended', () => {
    const counter = new UsageCounter();
    counter.accept(USE, MINUTE, 1n);
    take(counter, MINUTE + 60_000);
    counter.finish({ ...USE, bytesUp: 900, bytesDown: 4, failed: true }, MINUTE + 150_000, 2n);
    expect(uses(take(counter, MINUTE + 240_000))).toMatchObject([
      {
        minute: '2026-03-02T10:17:00.000Z',
        bytesUp: 900,
        bytesDown: 4,
        actions: { push: { accepted: 0, failed: 1 } },
      },
    ]);
  });

  it('keeps a fact below its limit where every list is full of the longest names', () => {
    const counter = new UsageCounter();
    for (let number = 0; number < 3000; number += 1) {
      counter.accept(
        {
          registry: 'reg_2Xb7Qm4TzR0aKd9P',
          key: 'drk_5Tg9Xc3Lm7Qa1Wz4',
          action: USAGE_ACTIONS[number % USAGE_ACTIONS.length]!,
          repository: `${number}`.padEnd(number % 2 ? 255 : 37, 'x'),
          network: `2001:db8:${1000 + (number % 9000)}::/48`,
          country: 'DE',
          asn: 4_200_000_000 + number,
          client: `client-name-${number}`,
        },
        MINUTE + number,
        123_456_789_012n,
      );
    }
    for (const action of USAGE_ACTIONS) {
      counter.finish({ ...USE, registry: 'reg_2Xb7Qm4TzR0aKd9P', key: 'drk_5Tg9Xc3Lm7Qa1Wz4', action, bytesUp: 9e14, bytesDown: 9e14, failed: true }, MINUTE, 1n); // prettier-ignore
    }
    const [fact] = uses(take(counter, MINUTE + 60_000));
    expect(JSON.stringify(fact).length).toBeLessThan(FACT_BYTES_MAX);
    expect(acceptedOf(fact!.actions)).toBe(3000);
  });

  it('lists few repositories by name, and tells how many different ones there are of many', () => {
    const counter = new UsageCounter();
    for (let number = 0; number < 6; number += 1) {
      counter.accept({ ...USE, key: 'drk_few', repository: `r${number}` }, MINUTE, 1n);
    }
    for (let number = 0; number < 200; number += 1) {
      counter.accept({ ...USE, key: 'drk_many', repository: `r${number}` }, MINUTE, 1n);
    }
    const [few, many] = uses(take(counter, MINUTE, true));
    expect([few!.repositories.length, few!.repositorySet]).toEqual([6, null]);
    const counted = countDistinct(Buffer.from(many!.repositorySet!, 'base64'));
    expect(Math.abs(counted - 200)).toBeLessThan(20);
  });

  it('drops and counts what is more than it may keep, and a flood on one registry leaves the others room', () => {
    const counter = new UsageCounter({ keys: 10, denials: 100, denialsOfRegistry: 5 });
    for (let number = 0; number < 30; number += 1) {
      counter.accept({ ...USE, key: `drk_${number}` }, MINUTE, 1n);
      counter.deny({ ...DENIED, network: `10.0.${number}.0/24` }, MINUTE, 1n);
    }
    counter.deny({ ...DENIED, registry: 'reg_2' }, MINUTE, 1n);
    expect(counter.size).toEqual({ keys: 10, denials: 6 });
    expect(counter.dropped).toBe(20 + 25);
    take(counter, MINUTE + 60_000);
    expect(counter.size).toEqual({ keys: 0, denials: 0 });
  });

  it('writes refusals of one kind as one fact, the first at once', () => {
    const counter = new UsageCounter();
    counter.deny(DENIED, MINUTE + 10, 3n);
    expect(denials(take(counter, MINUTE + 20))).toMatchObject([
      { key: 'drk_1', reason: 'revoked', count: 1 },
    ]);
    for (let count = 0; count < 9; count += 1)
      counter.deny({ ...DENIED, repository: 'x' }, MINUTE + 30 + count, 4n);
    expect(take(counter, MINUTE + 50)).toEqual([]);
    expect(denials(take(counter, MINUTE + 60_000))).toMatchObject([
      { count: 9, repository: 'x', first: '2026-03-02T10:15:00.030Z', last: '2026-03-02T10:15:00.038Z' },
    ]);
  });

  it('tells a client with an old secret from somebody who guesses', () => {
    const counter = new UsageCounter();
    for (let count = 0; count < 50; count += 1) {
      counter.deny({ ...DENIED, reason: 'wrong_secret', network: 'pods' }, MINUTE, 1n);
      counter.deny({ ...DENIED, reason: 'unknown', key: undefined, credential: count }, MINUTE, 1n);
    }
    expect(denials(take(counter, MINUTE))).toMatchObject([
      { key: 'drk_1', count: 50, credentials: 1 },
      { key: null, count: 50, credentials: 32 },
    ]);
  });

  it('hands over everything when the process ends, one group for each registry and day', () => {
    const counter = new UsageCounter();
    const midnight = Date.parse('2026-03-03T00:00:00.000Z');
    counter.accept(USE, midnight - 1, 1n);
    counter.accept(USE, midnight, 1n);
    counter.accept({ ...USE, registry: 'reg_2', key: 'drk_2' }, midnight, 1n);
    const groups = counter
      .take(midnight + 1, true)
      .map(({ registry, day, facts }) => [registry, day, facts.length]);
    expect(groups).toEqual([
      ['reg_1', '2026-03-02', 1],
      ['reg_1', '2026-03-03', 1],
      ['reg_2', '2026-03-03', 1],
    ]);
  });

  it('counts a refusal of whoever has the secret, whatever noise strangers make', () => {
    const counter = new UsageCounter();
    const noise = { ...DENIED, key: undefined, reason: 'unknown', proven: false } as const;
    for (let number = 0; number < 10_000; number += 1)
      counter.deny({ ...noise, registry: `reg_${number % 40}`, network: `10.0.${number}.0/24` }, MINUTE, 1n);
    counter.deny({ ...noise, registry: 'reg_1', key: 'drk_1', reason: 'revoked', proven: true }, MINUTE, 1n);
    const proven = denials(take(counter, MINUTE, true)).filter((one) => one.proven);
    expect(proven).toMatchObject([{ key: 'drk_1', reason: 'revoked' }]);
  });
});
