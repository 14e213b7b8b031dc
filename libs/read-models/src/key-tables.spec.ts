import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { newestRevision } from '#libs/event-store';
import type { RecordedFact } from '#libs/kernel';
import {
  isSeenInKey,
  keys,
  shownStatus,
  type ExistingKey,
  type KeyFact,
  type KeyGenerated,
  type KeyTraits,
} from '#libs/keys';
import { Database } from '#libs/sqlite';
import { eachKey, grantTable } from './grant-table.js';
import { listKeys, type KeyQuery } from './key-list.js';
import { dueKeys, findKey, keyTable } from './key-table.js';

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const registry = 'reg_a';
const data: KeyGenerated['data'] = {
  at: at(0),
  registry,
  registryRevision: '0',
  createdBy: 'usr_a',
  name: 'CI',
  permission: 'read-write',
  secretHash: 'ab'.repeat(32),
  expiresAt: at(30),
  description: 'builds',
  labels: { env: 'prod' },
  repositories: ['team/*'],
  networks: ['10.0.0.0/8'],
  expectedCountries: ['DE'],
  rotates: null,
  canary: false,
};
const generated: KeyFact = { type: 'KeyGenerated', data };
const changed = (changes: Partial<KeyTraits>): KeyFact => ({
  type: 'KeyChanged',
  data: { at: at(1), registry, changes },
});
const suspended: KeyFact = { type: 'KeySuspended', data: { at: at(2), registry } };
const resumed: KeyFact = { type: 'KeyResumed', data: { at: at(3), registry } };
const expired: KeyFact = { type: 'KeyExpired', data: { at: at(30), registry } };
const rotated: KeyFact = {
  type: 'KeyRotated',
  data: { at: at(4), registry, successor: 'drk_next', graceEndsAt: at(20) },
};
const rotatedLate: KeyFact = {
  type: 'KeyRotated',
  data: { at: at(4), registry, successor: 'drk_next', graceEndsAt: at(35) },
};
const reason = { subject: 'usr_a', iv: 'iv', ciphertext: 'ciphertext', commitment: 'ab'.repeat(32) };
const revoked: KeyFact = { type: 'KeyRevoked', data: { at: at(5), registry, cause: 'leaked', reason } };
const revokedAgain: KeyFact = {
  type: 'KeyRevoked',
  data: { at: at(6), registry, cause: 'requested', reason: null },
};
const proven: KeyFact = {
  type: 'KeyRevocationProven',
  data: {
    at: at(7), registry, position: '5', members: [], durationMs: 1, complete: true, serveReadsFor: null,
  },
}; // prettier-ignore
const changes: Partial<KeyTraits>[] = [
  { name: 'Über' },
  { description: null },
  { labels: {} },
  { permission: 'read', expiresAt: null },
  { repositories: [], networks: ['2001:db8::/32', '192.0.2.1/32'] },
  { expiresAt: at(40), repositories: ['base', 'team/**'], networks: [] },
];

let database: Database;
let position: bigint;
beforeEach(() => {
  database = new Database(':memory:');
  for (const { schema, indexes } of [keyTable, grantTable]) database.exec(schema + indexes);
  position = 0n;
});

function happens(id: string, facts: readonly KeyFact[]): void {
  for (const [index, fact] of facts.entries()) {
    const revision = BigInt(index);
    const event = { ...fact, id, revision, position: ++position } as unknown as RecordedFact;
    for (const { apply } of [keyTable, grantTable]) apply(database, event);
  }
}

const placed = (facts: readonly KeyFact[]) =>
  facts.map((fact, index) => ({ ...fact, revision: BigInt(index) }));
const grantOf = (id: string) => [...eachKey(database)].find((grant) => grant.id === id);
const listed = (query: Partial<KeyQuery>): string[] =>
  listKeys(database, { registry, now: at(10), sort: 'createdAt', limit: 50, ...query }).map(({ id }) => id);

describe('the tables of keys and grants', () => {
  it('say of every key what its stream says, whatever has happened to it', () => {
    const anyFact = fc.constantFrom(
      suspended,
      resumed,
      rotated,
      expired,
      revoked,
      revokedAgain,
      proven,
      ...changes.map(changed),
    );
    let number = 0;
    fc.assert(
      fc.property(fc.array(anyFact, { maxLength: 8 }), (facts) => {
        const id = `drk_${++number}`;
        happens(id, [generated, ...facts]);
        const state = [generated, ...facts].reduce(keys.evolve, keys.initial) as ExistingKey;
        const {
          generated: _born,
          expiredAt: _at,
          proven: _proof,
          reminders: _said,
          snoozedUntil: _until,
          schedule: _schedule,
          leak: _leak,
          ...now
        } = state;
        expect(findKey(database, registry, id)).toEqual({
          ...now, id, registry, createdAt: at(0), createdBy: 'usr_a', rotates: null, canary: false,
          born: expect.anything(), revision: newestRevision(placed([generated, ...facts]), isSeenInKey),
        }); // prettier-ignore
        const { status, permission, expiresAt, revokedAt, repositories, networks, rotation } = now;
        expect(grantOf(id)).toEqual({
          id, registry, secretHash: data.secretHash, createdAt: at(0), status, permission, expiresAt, revokedAt,
          repositories, networks, graceEndsAt: rotation?.graceEndsAt ?? null, canary: false,
        }); // prettier-ignore
      }),
      { numRuns: 300 },
    );
  });

  it('give a key another version with every change that people see, and with no other', () => {
    const version = () => findKey(database, registry, 'drk_v')!.revision;
    const facts = [generated, changed({ name: 'Über' }), revoked, proven];
    const versions = facts.map((_, count) => {
      database.run('DELETE FROM keys');
      database.run('DELETE FROM grants');
      happens('drk_v', facts.slice(0, count + 1));
      return version();
    });
    expect(versions).toEqual([0n, 1n, 2n, 2n]);
  });

  it('list every key under the status that is shown of it, and under no other', () => {
    const anyFact = fc.constantFrom(
      suspended,
      resumed,
      rotated,
      rotatedLate,
      expired,
      revoked,
      ...changes.map(changed),
    );
    const statuses = ['active', 'rotating', 'suspended', 'expired', 'revoked'] as const;
    const moment = fc.integer({ min: 6, max: 45 }).map(at);
    let number = 0;
    fc.assert(
      fc.property(fc.array(anyFact, { maxLength: 6 }), moment, (facts, now) => {
        database.exec('DELETE FROM keys');
        const id = `drk_${++number}`;
        happens(id, [generated, ...facts]);
        const state = [generated, ...facts].reduce(keys.evolve, keys.initial) as ExistingKey;
        const under = statuses.filter((status) => listed({ status: [status], now }).includes(id));
        expect(under).toEqual([shownStatus(state, now)]);
      }),
      { numRuns: 300 },
    );
  });

  it('keep the hash of the secret from those who list keys, and what people wrote from a gate', () => {
    happens('drk_a', [generated, ...changes.map(changed)]);
    const columns = (table: string) => Object.keys(database.get(`SELECT * FROM ${table}`)!);
    expect(columns('keys')).not.toContain('secret_hash');
    expect(JSON.stringify(database.all('SELECT * FROM keys WHERE id = ?', ['drk_a']), text)).not.toContain(
      'abab',
    );
    for (const column of ['name', 'folded_name', 'description', 'labels', 'created_by', 'revocation'])
      expect(columns('grants')).not.toContain(column);
  });

  it('never let an older event undo a newer one', () => {
    happens('drk_a', [generated, suspended]);
    const before = [findKey(database, registry, 'drk_a'), grantOf('drk_a')];
    position -= 2n;
    happens('drk_a', [resumed, changed({ permission: 'read' })]);
    expect([findKey(database, registry, 'drk_a'), grantOf('drk_a')]).toEqual(before);
  });

  it('pass over types of a later release', () => {
    happens('drk_a', [generated]);
    const before = [findKey(database, registry, 'drk_a'), grantOf('drk_a')];
    happens('drk_a', [{ type: 'KeyPainted', data: { at: at(1) } } as unknown as KeyFact]);
    expect([findKey(database, registry, 'drk_a'), grantOf('drk_a')]).toEqual(before);
  });

  it('fill the memory of a gate with every key, in the order of birth, page by page', () => {
    const ids = Array.from({ length: 1_201 }, (_, index) => `drk_${String(1_201 - index).padStart(4, '0')}`);
    for (const id of ids) happens(id, [generated]);
    expect([...eachKey(database)].map(({ id }) => id)).toEqual(ids);
  });
});

describe('a key that was changed', () => {
  it('is listed under what it is now, and no more under what it was', () => {
    happens('drk_a', [generated, changed({ name: 'Übung', labels: { env: 'test' }, permission: 'read' })]);
    happens('drk_b', [generated]);
    expect(listed({ nameContains: 'übu' })).toEqual(['drk_a']);
    expect(listed({ nameContains: 'ci' })).toEqual(['drk_b']);
    expect(listed({ sort: 'name' })).toEqual(['drk_b', 'drk_a']);
    expect(listed({ labels: { env: 'test' } })).toEqual(['drk_a']);
    expect(listed({ permission: ['read'] })).toEqual(['drk_a']);
  });
});

describe('a suspended key', () => {
  it('is listed as suspended, until it is resumed or its time is over', () => {
    happens('drk_a', [generated, suspended]);
    happens('drk_b', [generated]);
    happens('drk_c', [generated, suspended, resumed]);
    happens('drk_d', [generated, suspended, revoked]);
    expect(listed({ status: ['suspended'] })).toEqual(['drk_a']);
    expect(listed({ status: ['active'] })).toEqual(['drk_b', 'drk_c']);
    expect(listed({ status: ['revoked'] })).toEqual(['drk_d']);
    expect(listed({ status: ['suspended', 'active'], now: at(30) })).toEqual([]);
    expect(listed({ status: ['expired'], now: at(30) })).toEqual(['drk_a', 'drk_b', 'drk_c']);
  });

  it('expires all the same, and so does one that was changed: by the expiry that it has now', () => {
    happens('drk_a', [generated, suspended]);
    happens('drk_b', [generated, changed({ expiresAt: at(20) })]);
    happens('drk_c', [generated, changed({ expiresAt: at(40) })]);
    happens('drk_d', [generated, changed({ expiresAt: null })]);
    happens('drk_e', [generated, suspended, expired]);
    const due = (second: number) => dueKeys(database, at(second), 10).map(({ id }) => id);
    expect([due(19), due(20), due(30), due(40)]).toEqual([
      [],
      ['drk_b'],
      ['drk_b', 'drk_a'],
      ['drk_b', 'drk_a', 'drk_c'],
    ]);
  });

  it('is found by an index when its time is over, however many keys there are', () => {
    let plan: unknown;
    const explained = new Proxy(database, {
      get: (target, name) =>
        name === 'all'
          ? (sql: string, values: string[]) => {
              plan = target.all(`EXPLAIN QUERY PLAN ${sql}`, values);
              return [];
            }
          : (Reflect.get(target, name) as unknown),
    });
    dueKeys(explained, at(30), 10);
    expect(plan).toMatchObject([{ detail: expect.stringMatching(/^SEARCH keys USING INDEX keys_due/) }]);
  });
});

/** Integers of 64 bits are no JSON. */
function text(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
