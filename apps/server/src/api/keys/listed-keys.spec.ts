import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RecordedFact } from '#libs/kernel';
import type { Settings } from '#libs/platform';
import { API_PROJECTIONS, keyTable, type KeyQuery, type ReadModels } from '#libs/read-models';
import { Database } from '#libs/sqlite';
import { ListedKeys } from './listed-keys.js';

const DAY_MS = 86_400_000;
const KEPT_DAYS = 31;
const ago = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();

let database: Database;
let keys: ListedKeys;
beforeAll(() => {
  database = new Database(':memory:');
  for (const { schema } of API_PROJECTIONS) database.exec(schema);
  const generated = {
    type: 'KeyGenerated', category: 'key', id: 'drk_old', position: 1n, revision: 0n,
    data: {
      at: ago(100), registry: 'reg_a', registryRevision: '0', createdBy: 'usr_a', name: 'CI', permission: 'read',
      secretHash: 'ab'.repeat(32), expiresAt: null, description: null, labels: {}, repositories: [], networks: [],
      expectedCountries: [], rotates: null, canary: false,
    },
  }; // prettier-ignore
  database.transaction(() => keyTable.apply(database, generated as unknown as RecordedFact));
  keys = new ListedKeys({ database } as ReadModels, { usageKeptDays: KEPT_DAYS } as Settings);
});
afterAll(() => database.close());

const unusedSince = (since: string) => {
  const query: KeyQuery = { registry: 'reg_a', now: ago(0), sort: 'createdAt', limit: 9, unusedSince: since };
  return keys.rows(query, { parameter: 'unusedSince' }).map(({ id }) => id);
};

describe('keys that were not used since a moment', () => {
  it('are listed where all uses since then are kept', () => {
    expect(unusedSince(ago(KEPT_DAYS - 2))).toEqual(['drk_old']);
  });

  it('are refused where uses may have been let go, with the day from which on they are kept', () => {
    const day = `${ago(KEPT_DAYS - 1).slice(0, 10)}T00:00:00.000Z`;
    for (const days of [KEPT_DAYS, KEPT_DAYS + 1, 99]) {
      expect(() => unusedSince(ago(days))).toThrow(
        expect.objectContaining({ code: 'usage-not-kept', message: expect.stringContaining(day) }),
      );
    }
  });

  it('are none, and nothing is refused, where no key is that old', () => {
    expect(unusedSince(ago(101))).toEqual([]);
  });
});
