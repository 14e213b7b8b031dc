import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { authorizeHash } from './authorize.js';
import { Grants } from './grants.js';
import { isNarrowing, type Rights } from './narrowing.js';

const SOON = '2026-01-02T00:00:00.000Z';
const LATER = '2026-01-03T00:00:00.000Z';
const BEFORE: Rights = {
  permission: 'read-write',
  expiresAt: SOON,
  repositories: ['team/api', 'apps/web-*'],
  networks: ['10.0.0.0/8', '2001:db8::/32'],
};
const UNRESTRICTED: Rights = { permission: 'read-write', expiresAt: null, repositories: [], networks: [] };

describe('a change of rights', () => {
  it.each<[string, Partial<Rights>]>([
    ['that changes nothing', {}],
    ['to a higher permission', { permission: 'read-write-delete' }],
    ['to a later expiry', { expiresAt: LATER }],
    ['to no expiry', { expiresAt: null }],
    ['to all repositories', { repositories: [] }],
    ['to more repositories', { repositories: ['apps/web-*', 'team/api', 'base'] }],
    ['to patterns that have those before', { repositories: ['team/*', 'apps/**'] }],
    ['to all networks', { networks: [] }],
    ['to larger networks', { networks: ['0.0.0.0/0', '2001::/16'] }],
    ['to networks that are written in another way', { networks: ['10.1.2.3/8', '2001:DB8::/32'] }],
  ])('%s does not narrow', (_, changes) => {
    expect(isNarrowing(BEFORE, { ...BEFORE, ...changes })).toBe(false);
  });

  it.each<[string, Rights, Partial<Rights>]>([
    ['to a lower permission', BEFORE, { permission: 'read' }],
    ['to an unknown permission', BEFORE, { permission: 'admin' as never }],
    ['to an earlier expiry', BEFORE, { expiresAt: '2026-01-01T23:59:59.999Z' }],
    ['to an expiry', UNRESTRICTED, { expiresAt: LATER }],
    ['to fewer repositories', BEFORE, { repositories: ['team/api'] }],
    ['to some repositories', UNRESTRICTED, { repositories: ['team/api'] }],
    ['to smaller patterns', BEFORE, { repositories: ['team/api', 'apps/web-a*'] }],
    ['to some networks', UNRESTRICTED, { networks: ['0.0.0.0/0', '::/0'] }],
    ['to smaller networks', BEFORE, { networks: ['10.0.0.0/9', '2001:db8::/32'] }],
    ['to two halves', BEFORE, { networks: ['10.0.0.0/9', '10.128.0.0/9', '2001:db8::/32'] }],
    ['to other networks', BEFORE, { networks: ['10.0.0.0/8'] }],
    ['that widens one right and narrows another', BEFORE, { networks: [], permission: 'read' }],
  ])('%s narrows', (_, before, changes) => {
    expect(isNarrowing(before, { ...before, ...changes })).toBe(true);
  });

  it('that does not count as narrowing refuses nothing that was accepted before (20,000 changes and requests)', () => {
    const rights = fc.record<Rights>({
      permission: fc.constantFrom('read', 'read-write', 'read-write-delete'),
      expiresAt: fc.constantFrom(null, SOON, LATER),
      repositories: fc.subarray(['team/api', 'team/*', 'team/**', '*', '**', 't*/a*'], { maxLength: 3 }),
      networks: fc.subarray(['10.0.0.0/8', '10.1.0.0/16', '10.1.1.1', '0.0.0.0/0', '::/0'], { maxLength: 3 }),
    });
    const request = fc.record({
      action: fc.constantFrom('login', 'pull', 'push', 'delete', 'catalog'),
      repository: fc.constantFrom('team', 'team/api', 'team/web', 'team/api/v1', 'base'),
      address: fc.constantFrom(undefined, '10.1.1.1', '10.1.2.3', '10.2.0.0', '192.0.2.1', '::1'),
      now: fc.constantFrom(0, Date.parse(SOON), Date.parse(LATER)),
    });
    let widened = 0;
    fc.assert(
      fc.property(
        rights,
        rights,
        fc.array(request, { minLength: 5, maxLength: 5 }),
        (before, after, requests) => {
          if (isNarrowing(before, after)) return;
          widened++;
          for (const one of requests) {
            if (verdictWith(before, one) === 'allowed') expect(verdictWith(after, one)).toBe('allowed');
          }
        },
      ),
      { numRuns: 20_000 },
    );
    expect(widened).toBeGreaterThan(1_000);
  });
});

interface Request {
  readonly action: 'login' | 'pull' | 'push' | 'delete' | 'catalog';
  readonly repository: string;
  readonly address: string | undefined;
  readonly now: number;
}

const ID = 'drk_0123456789abcdef';
const grants = new Grants();
const common = {
  id: ID,
  registry: 'reg_a',
  secretHash: '00'.repeat(32),
  state: 'active',
  revokedAt: null,
} as const;
grants.add({ ...common, ...UNRESTRICTED, expiresAt: null });

function verdictWith({ expiresAt, ...rights }: Rights, { address, now, ...asked }: Request): string {
  grants.change(ID, { ...rights, expiresAt: expiresAt === null ? null : Date.parse(expiresAt) });
  return authorizeHash(grants, ID, Buffer.alloc(32), 'reg_a', asked, address, now).verdict;
}
