import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hashSecret } from '#libs/kernel';
import { Grants, type Grant, type GrantState } from './grants.js';

const HASH = hashSecret('s'.repeat(43));

function keyId(number: number): string {
  return `drk_${String(number).padStart(16, '0')}`;
}

function grant(number: number, changes: Partial<Grant> = {}): Grant {
  return {
    id: keyId(number),
    registry: `reg_${number % 7}`,
    permission: 'read',
    secretHash: HASH,
    expiresAt: null,
    repositories: [],
    networks: [],
    state: 'active',
    revokedAt: null,
    ...changes,
  };
}

describe('grants', () => {
  it('gives back each of 50,000 keys as it was added, at no more than 100 bytes a key', () => {
    const grants = new Grants();
    const permissions = ['read', 'read-write', 'read-write-delete'] as const;
    for (let number = 0; number < 50_000; number++) {
      const secretHash = hashSecret(`secret ${number}`);
      grants.add(grant(number, { permission: permissions[number % 3]!, secretHash, expiresAt: number }));
    }
    for (let number = 0; number < 50_000; number += 11) {
      const row = grants.find(keyId(number));
      expect(grants.registryOf(row)).toBe(`reg_${number % 7}`);
      expect(grants.permissionOf(row)).toBe(permissions[number % 3]);
      expect(grants.secretMatches(row, Buffer.from(hashSecret(`secret ${number}`), 'hex'))).toBe(true);
      expect(grants.secretMatches(row, Buffer.from(hashSecret(`secret ${number + 1}`), 'hex'))).toBe(false);
      expect(grants.stateAt(row, number - 1)).toBe('active');
      expect(grants.stateAt(row, number)).toBe('expired');
    }
    expect(grants.size).toBe(50_000);
    expect(grants.find(keyId(50_000))).toBe(-1);
    expect(grants.byteLength / 50_000).toBeLessThan(100);
  });

  it('finds no row for a text that is not a stored id, of whatever length and characters', () => {
    const grants = new Grants();
    grants.add(grant(1));
    const beyondAscii = keyId(1).slice(0, 19) + String.fromCharCode('1'.charCodeAt(0) + 256);
    for (const text of ['', 'drk_', keyId(1).slice(0, 19), `${keyId(1)}0`, beyondAscii, '\0'.repeat(20)]) {
      expect(grants.find(text)).toBe(-1);
    }
  });

  it('keeps a key revoked or expired, whatever is added, expired or loaded later', () => {
    const grants = new Grants();
    grants.add(grant(1));
    grants.revoke(keyId(1), 5);
    grants.add(grant(1));
    grants.expire(keyId(1), 6);
    expect(grants.stateAt(grants.find(keyId(1)), 0)).toBe('revoked');
    grants.add(grant(2, { state: 'expired', expiresAt: 4 }));
    grants.add(grant(2, { state: 'suspended' }));
    expect(grants.stateAt(grants.find(keyId(2)), 0)).toBe('expired');
    grants.revoke(keyId(2), 7);
    expect(grants.stateAt(grants.find(keyId(2)), 0)).toBe('revoked');
  });

  it('takes over an end that was loaded after the key', () => {
    const grants = new Grants();
    for (const number of [1, 2]) grants.add(grant(number));
    grants.add(grant(1, { state: 'revoked', revokedAt: 3 }));
    grants.add(grant(2, { state: 'expired', expiresAt: 3 }));
    expect(grants.stateAt(grants.find(keyId(1)), 0)).toBe('revoked');
    expect(grants.stateAt(grants.find(keyId(2)), 0)).toBe('expired');
  });

  it('refuses a permission, state, hash or id that it does not know', () => {
    const grants = new Grants();
    const bad: Partial<Record<keyof Grant, string>>[] = [
      { permission: 'admin' },
      { state: 'rotating' },
      { secretHash: 'abc' },
      { id: 'drk_short' },
    ];
    for (const changes of bad)
      expect(() => grants.add(grant(1, changes as unknown as Partial<Grant>))).toThrow();
    expect(grants.size).toBe(0);
  });

  it('behaves like a map under any sequence of additions, ends and removals', () => {
    const operation = fc.record({
      kind: fc.constantFrom('add', 'revoke', 'expire', 'forget'),
      key: fc.integer({ min: 0, max: 60 }),
      time: fc.integer({ min: 0, max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const grants = new Grants();
        const model = new Map<string, { state: GrantState; time: number }>();
        for (const { kind, key, time } of operations) applyBoth(grants, model, kind, keyId(key), time);
        expect(grants.size).toBe(model.size);
        for (let key = 0; key <= 60; key++) {
          const row = grants.find(keyId(key));
          const expected = model.get(keyId(key));
          expect(row === -1 ? undefined : grants.stateAt(row, -1)).toBe(expected?.state);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('forgets 20,000 of 40,000 keys, still finds the others, and reuses the room', () => {
    const grants = new Grants();
    for (let number = 0; number < 40_000; number++) grants.add(grant(number));
    for (let number = 0; number < 40_000; number += 2) grants.revoke(keyId(number), 10);
    const bytes = grants.byteLength;
    expect(grants.forgetEndedBefore(9)).toBe(0);
    expect(grants.forgetEndedBefore(10)).toBe(20_000);
    const found = Array.from({ length: 40_000 }, (_, number) => grants.find(keyId(number)) !== -1);
    expect(found.filter((there, number) => there !== (number % 2 === 1))).toEqual([]);
    for (let number = 40_000; number < 60_000; number++) grants.add(grant(number));
    expect(grants.byteLength).toBe(bytes);
    expect(grants.size).toBe(40_000);
  });
});

function applyBoth(
  grants: Grants,
  model: Map<string, { state: GrantState; time: number }>,
  kind: string,
  id: string,
  time: number,
): void {
  const known = model.get(id);
  if (kind === 'add') {
    grants.add({ ...grant(0), id });
    if (!known) model.set(id, { state: 'active', time: Infinity });
  } else if (kind === 'revoke') {
    grants.revoke(id, time);
    if (known && known.state !== 'revoked') model.set(id, { state: 'revoked', time });
  } else if (kind === 'expire') {
    grants.expire(id, time);
    if (known?.state === 'active') model.set(id, { state: 'expired', time });
  } else {
    const ended = [...model].filter(([, entry]) => entry.state !== 'active' && entry.time <= time);
    for (const [key] of ended) model.delete(key);
    expect(grants.forgetEndedBefore(time)).toBe(ended.length);
  }
}
