import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { RecordedFact } from '#libs/kernel';
import { Database } from '#libs/sqlite';
import type { KeyUsageRecorded, KeyUseDenied, UsageFact } from '#libs/usage';
import { DENIALS_OF_REGISTRY_KEPT, listDenials } from './denials.js';
import { lastUses } from './last-uses.js';
import { sumUsage, usageSeries, usageTops, usersOf, usesKnownFrom } from './usage-reads.js';
import { forgetUsage, MINUTE_MS, NAMES_PER_DAY_MAX, usageKeptFrom, usageTable } from './usage-table.js';

const NOON = Date.parse('2026-03-02T12:00:00.000Z');
const minuteOf = (time: number) => Math.floor(time / MINUTE_MS);
const iso = (time: number) => new Date(time).toISOString();
const NONE = { places: 0, repositories: 0, clients: 0 };

function use(time: number, changes: Partial<KeyUsageRecorded['data']> = {}): KeyUsageRecorded {
  return {
    type: 'KeyUsageRecorded',
    data: {
      at: iso(time + 200),
      registry: 'reg_1',
      key: 'drk_1',
      minute: iso(time - (time % MINUTE_MS)),
      part: 0,
      actions: { push: { accepted: 2, failed: 1 }, login: { accepted: 1, failed: 0 } },
      bytesUp: 100,
      bytesDown: 10,
      repositories: [{ name: 'team/api', pulls: 0, pushes: 2, others: 0 }],
      repositorySet: null,
      places: [{ network: '192.0.2.0/24', country: 'DE', asn: 64500, pulls: 0, pushes: 2, others: 1 }],
      clients: [{ client: 'docker', count: 3 }],
      unaccounted: NONE,
      last: {
        at: iso(time),
        action: 'push',
        repository: 'team/api',
        client: 'docker',
        network: '192.0.2.0/24',
        country: 'DE',
        asn: 64500,
      },
      applied: '1',
      ...changes,
    },
  };
}

function denial(time: number, changes: Partial<KeyUseDenied['data']> = {}): KeyUseDenied {
  return {
    type: 'KeyUseDenied',
    data: {
      at: iso(time),
      registry: 'reg_1',
      key: 'drk_1',
      reason: 'revoked',
      proven: true,
      denied: null,
      action: 'pull',
      repository: 'team/api',
      network: '192.0.2.0/24',
      country: 'DE',
      asn: 64500,
      client: 'docker',
      count: 2,
      credentials: 1,
      first: iso(time),
      last: iso(time),
      applied: '1',
      ...changes,
    },
  };
}

describe('the tables of usage', () => {
  const database = new Database(':memory:');
  database.exec(usageTable.schema);
  database.exec(usageTable.indexes);
  let position = 1n;

  const happens = (...facts: readonly UsageFact[]): void => {
    for (const fact of facts) {
      usageTable.apply(database, {
        ...fact,
        position: position++,
        category: 'usage',
      } as unknown as RecordedFact);
    }
  };
  const series = (subject: string, interval: 'PT1M' | 'PT1H' | 'P1D', from: number, to: number) =>
    usageSeries(database, subject, interval, { from: minuteOf(from), to: minuteOf(to) });
  const DAY = 86_400_000;
  const noonDay = { from: minuteOf(NOON), to: minuteOf(NOON) + 1 };

  beforeEach(() => {
    for (const table of usageTable.aging!) database.exec(`DELETE FROM ${table}`);
    position = 1n;
  });
  afterAll(() => {
    database.close();
  });

  it('add up the parts of a minute, by minute, hour and day, for the key and for its registry', () => {
    happens(use(NOON), use(NOON + 1_000), use(NOON + MINUTE_MS), use(NOON, { key: 'drk_2' }));
    expect(series('drk_1', 'PT1M', NOON, NOON + 3_600_000)).toEqual([
      {
        start: iso(NOON),
        actions: {
          push: { accepted: 4, failed: 2, denied: 0 },
          login: { accepted: 2, failed: 0, denied: 0 },
        },
        bytesUp: 200,
        bytesDown: 20,
      },
      expect.objectContaining({ start: iso(NOON + MINUTE_MS), bytesUp: 100 }),
    ]);
    expect(series('drk_1', 'PT1H', NOON, NOON + 3_600_000)).toMatchObject([
      { start: iso(NOON), bytesUp: 300 },
    ]);
    const days = series('reg_1', 'P1D', NOON, NOON + DAY);
    expect(days).toMatchObject([{ start: '2026-03-02T00:00:00.000Z', bytesUp: 400 }]);
    expect(sumUsage(series('drk_1', 'PT1M', NOON, NOON + 3_600_000)).actions.push?.accepted).toBe(6);
  });

  it('count refusals under the key and its registry, and those of no key under the registry alone, once', () => {
    happens(denial(NOON), denial(NOON, { key: null, reason: 'unknown', count: 5 }));
    expect(series('drk_1', 'P1D', NOON, NOON + DAY)[0]?.actions.pull?.denied).toBe(2);
    expect(series('reg_1', 'P1D', NOON, NOON + DAY)[0]?.actions.pull?.denied).toBe(7);
  });

  it('keep minutes for two days and hours for a hundred, counted from the newest minute of the log', () => {
    happens(use(NOON), use(NOON + 2 * DAY + MINUTE_MS));
    expect(series('drk_1', 'PT1M', NOON, NOON + 3 * DAY)).toHaveLength(1);
    expect(series('drk_1', 'PT1H', NOON, NOON + 3 * DAY)).toHaveLength(2);
    happens(use(NOON + 101 * DAY));
    expect(series('drk_1', 'PT1H', NOON, NOON + 102 * DAY)).toHaveLength(2);
    expect(series('drk_1', 'P1D', NOON, NOON + 102 * DAY)).toHaveLength(3);
  });

  it('name at most so many repositories of a key and day, and count the others together', () => {
    for (let number = 0; number < 150; number += 1) {
      happens(use(NOON, { repositories: [{ name: `r${number}`, pulls: 1, pushes: 0, others: 0 }] }));
    }
    happens(use(NOON, { repositories: [{ name: 'r0', pulls: 9, pushes: 0, others: 0 }] }));
    const tops = usageTops(database, 'drk_1', 'repository', noonDay, 1_000);
    expect(tops).toHaveLength(NAMES_PER_DAY_MAX + 1);
    expect(tops[0]).toMatchObject({ name: '', pulls: 50 });
    expect(tops[1]).toMatchObject({ name: 'r0', pulls: 10 });
    expect(tops.reduce((sum, { pulls }) => sum + pulls, 0)).toBe(159);
  });

  it('stay readable when sums are beyond all numbers', () => {
    for (let count = 0; count < 3; count += 1) happens(use(NOON, { bytesDown: 9.2e18, bytesUp: 1e30 }));
    const row = database.get('SELECT max(bytes_up) AS up, max(bytes_down) AS down FROM usage_counts');
    expect(row).toEqual({ up: Number.MAX_SAFE_INTEGER, down: Number.MAX_SAFE_INTEGER });
  });

  it('tell the last use of a key, and no older fact that comes late takes its place', () => {
    const late = { network: '198.51.100.0/24', country: 'NL', asn: 1, pulls: 0, pushes: 0, others: 1 };
    happens(use(NOON + MINUTE_MS), use(NOON, { places: [late] }));
    happens(use(NOON + 2 * MINUTE_MS, { actions: {}, bytesDown: 900, places: [], clients: [], last: null }));
    expect(lastUses(database, ['drk_1', 'drk_2'])).toEqual(
      new Map([
        [
          'drk_1',
          {
            at: iso(NOON + MINUTE_MS),
            network: '192.0.2.0/24',
            country: 'DE',
            client: 'docker',
            repository: 'team/api',
            action: 'push',
          },
        ],
      ]),
    );
  });

  it('tell which program in which network used a key since a time', () => {
    const helm = { clients: [{ client: 'helm', count: 1 }] };
    happens(use(NOON), use(NOON + 60 * MINUTE_MS, helm));
    expect(usersOf(database, 'drk_1', iso(NOON + 60 * MINUTE_MS), iso(NOON + DAY))).toEqual([
      { network: '192.0.2.0/24', client: 'helm', at: iso(NOON + 60 * MINUTE_MS + 200) },
    ]);
    expect(usersOf(database, 'drk_1', iso(NOON), iso(NOON + DAY))).toHaveLength(2);
  });

  it('show refusals of one kind in one hour as one, and keep the newest kinds of a registry', () => {
    happens(denial(NOON), denial(NOON + MINUTE_MS, { repository: 'team/web' }));
    expect(listDenials(database, { registry: 'reg_1', limit: 9 })).toEqual([
      expect.objectContaining({
        count: 4,
        repository: 'team/web',
        first: iso(NOON),
        last: iso(NOON + MINUTE_MS),
        born: 1n,
      }),
    ]);
    for (let number = 0; number < DENIALS_OF_REGISTRY_KEPT + 5; number += 1) {
      happens(denial(NOON, { network: `10.${number >> 8}.${number & 255}.0/24` }));
    }
    happens(denial(NOON, { registry: 'reg_2' }));
    const kept = listDenials(database, { registry: 'reg_1', limit: 9_999 });
    expect(kept).toHaveLength(DENIALS_OF_REGISTRY_KEPT);
    expect(kept.some(({ network }) => network === '192.0.2.0/24')).toBe(false);
    expect(listDenials(database, { registry: 'reg_2', limit: 9 })).toHaveLength(1);
  });

  it('forget what the log no longer has', () => {
    happens(use(NOON), denial(NOON), use(NOON + 40 * DAY, { key: 'drk_2' }));
    forgetUsage(database, minuteOf(NOON + 20 * DAY));
    expect(series('reg_1', 'P1D', NOON, NOON + 41 * DAY)).toHaveLength(1);
    expect(lastUses(database, ['drk_1', 'drk_2']).size).toBe(1);
    expect(listDenials(database, { registry: 'reg_1', limit: 9 })).toEqual([]);
  });

  describe('know from when on every use is in them', () => {
    const knownFrom = (keptDays: number, now: number) => {
      const minute = usesKnownFrom(database, keptDays, now);
      return minute === undefined ? undefined : iso(minute * MINUTE_MS);
    };

    it('never, before anything was counted', () => {
      expect(knownFrom(400, NOON)).toBeUndefined();
    });

    it('from the minute of the first use or refusal that was counted', () => {
      happens(denial(NOON), use(NOON + DAY, { key: 'drk_2' }));
      expect(knownFrom(400, NOON + DAY)).toBe(iso(NOON));
    });

    it('not from before it when its minute is gone, nor when its hour is', () => {
      happens(use(NOON), use(NOON + 4 * DAY));
      expect(knownFrom(400, NOON + 4 * DAY)).toBe('2026-03-02T13:00:00.000Z');
      happens(use(NOON + 150 * DAY));
      expect(knownFrom(400, NOON + 150 * DAY)).toBe('2026-03-03T00:00:00.000Z');
    });

    it('from the first whole day that is kept, once retention has let earlier ones go', () => {
      happens(use(NOON), use(NOON + 40 * DAY));
      const now = NOON + 40 * DAY;
      expect(knownFrom(31, now)).toBe('2026-03-12T00:00:00.000Z');
      forgetUsage(database, usageKeptFrom(31, now));
      expect(knownFrom(31, now)).toBe('2026-04-11T12:00:00.000Z');
      expect(knownFrom(400, now)).toBe('2026-04-11T12:00:00.000Z');
    });
  });
});
