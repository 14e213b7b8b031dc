import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hashSecret } from '#libs/kernel';
import { Grants, type Grant, type GrantRights } from './grants.js';
import { RestrictionSets } from './restrictions.js';

const HASH = hashSecret('s'.repeat(43));

/** Bytes in use after a collection: objects, and the memory of typed arrays. */
function memory(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function keyId(number: number): string {
  return `drk_${String(number).padStart(16, '0')}`;
}

function grant(number: number, rights: Partial<GrantRights> = {}): Grant {
  return {
    id: keyId(number),
    registry: 'reg_a',
    permission: 'read',
    secretHash: HASH,
    expiresAt: null,
    repositories: [],
    networks: [],
    state: 'active',
    revokedAt: null,
    ...rights,
  };
}

describe('sets of restrictions', () => {
  it('are one where the lists say the same, in whatever order', () => {
    const sets = new RestrictionSets();
    const repositories = ['team/*', 'base'];
    const first = sets.acquire({ repositories, networks: ['10.0.0.0/8'] });
    const again = sets.acquire({ repositories: ['base', 'team/*', 'base'], networks: ['10.0.0.0/8'] });
    const other = sets.acquire({ repositories: ['10.0.0.0/8'], networks: ['base', 'team/*'] });
    expect([again, sets.size]).toEqual([first, 2]);
    expect(other).not.toBe(first);
    expect(sets.at(first)!.restrictions).toEqual({
      repositories: ['base', 'team/*'],
      networks: ['10.0.0.0/8'],
    });
  });

  it('are none for two empty lists', () => {
    const sets = new RestrictionSets();
    const number = sets.acquire({ repositories: [], networks: [] });
    sets.release(number);
    expect([sets.at(number), sets.size]).toEqual([undefined, 0]);
  });

  it('stay as long as a key has them, then go, and their numbers are given out again', () => {
    const sets = new RestrictionSets();
    const of = (name: string) => ({ repositories: [name], networks: [] });
    const number = sets.acquire(of('a'));
    sets.acquire(of('a'));
    sets.release(number);
    expect(sets.at(number)!.reaches('a')).toBe(true);
    sets.release(number);
    expect([sets.at(number), sets.size]).toEqual([undefined, 0]);
    expect(sets.acquire(of('b'))).toBe(number);
    expect(sets.at(number)!.reaches('a')).toBe(false);
  });

  it('do not grow in number when a key is changed 20,000 times, and are gone when it is forgotten', () => {
    const grants = new Grants();
    grants.add(grant(1, { repositories: ['always'] }));
    for (let round = 0; round < 20_000; round++) {
      grants.change(keyId(1), { repositories: [`team-${round}/*`], networks: [`10.0.${round % 256}.0/24`] });
    }
    expect(grants.restrictionSets).toBe(1);
    expect(grants.restrictionsOf(grants.find(keyId(1)))!.reaches('team-19999/api')).toBe(true);
    grants.revoke(keyId(1), 5);
    expect(grants.forgetEndedBefore(5)).toBe(1);
    expect(grants.restrictionSets).toBe(0);
  });

  it('leave 200,000 keys, every fifth of them restricted in one of 1,000 ways, within 100 bytes a key', () => {
    const before = memory();
    const grants = new Grants();
    for (let number = 0; number < 200_000; number++) {
      const way = (number / 5) % 1_000;
      const restricted = {
        repositories: [`base-${way}`, `team-${way}/*`],
        networks: [`10.${way >> 8}.${way & 255}.0/24`, '192.0.2.0/24', '2001:db8::/32'],
      };
      grants.add(grant(number, number % 5 === 0 ? restricted : {}));
    }
    expect([grants.size, grants.restrictionSets]).toEqual([200_000, 1_000]);
    expect((memory() - before) / 200_000).toBeLessThan(100);
    expect(grants.restrictionsOf(grants.find(keyId(5)))!.reaches('team-1/api')).toBe(true);
  });

  it('are not made by a key that cannot be added', () => {
    const grants = new Grants();
    const wrong: Partial<Grant>[] = [
      { id: 'drk_short' },
      { secretHash: 'abc' },
      { permission: 'admin' as never },
    ];
    for (const changes of wrong) {
      expect(() => grants.add({ ...grant(1, { repositories: ['a'] }), ...changes })).toThrow();
    }
    grants.add(grant(1));
    grants.add(grant(1, { repositories: ['a'] }));
    expect(grants.restrictionSets).toBe(0);
  });

  it('are exactly those that some key has, after any sequence of additions, changes, ends and removals', () => {
    const lists = fc.record({
      repositories: fc.subarray(['a', 'b/*', 'c/**'], { maxLength: 2 }),
      networks: fc.subarray(['10.0.0.0/8', '::/0'], { maxLength: 1 }),
    });
    const operation = fc.record({
      kind: fc.constantFrom('add', 'change', 'change', 'revoke', 'forget'),
      key: fc.nat(7),
      lists,
      time: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
        const grants = new Grants();
        const kept = new Map<string, { lists: object; endedAt: number }>();
        for (const { kind, key, lists, time } of operations) {
          const id = keyId(key);
          const known = kept.get(id);
          if (kind === 'add') grants.add(grant(key, lists));
          if (kind === 'add' && !known) kept.set(id, { lists, endedAt: Infinity });
          if (kind === 'change') grants.change(id, lists);
          if (kind === 'change' && known?.endedAt === Infinity) known.lists = lists;
          if (kind === 'revoke') grants.revoke(id, time);
          if (kind === 'revoke' && known?.endedAt === Infinity) known.endedAt = time;
          if (kind === 'forget') grants.forgetEndedBefore(time);
          if (kind === 'forget') for (const [one, { endedAt }] of kept) if (endedAt <= time) kept.delete(one);
        }
        const different = new Set([...kept.values()].map(({ lists }) => JSON.stringify(lists)));
        different.delete(JSON.stringify({ repositories: [], networks: [] }));
        expect(grants.restrictionSets).toBe(different.size);
        for (const [id, { lists }] of kept) {
          const restrictions = grants.restrictionsOf(grants.find(id))?.restrictions;
          expect(restrictions ?? { repositories: [], networks: [] }).toEqual(lists);
        }
      }),
      { numRuns: 500 },
    );
  });
});
