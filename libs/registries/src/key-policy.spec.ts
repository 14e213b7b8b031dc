import { describe, expect, it } from '@jest/globals';
import { policyCheck, type PolicedKey } from './key-policy.js';
import { DEFAULT_POLICY, type RegistryPolicy } from './policy.js';

const key: PolicedKey = {
  name: 'ci-1',
  createdAt: '2026-01-01T00:00:00.000Z',
  expiresAt: '2026-01-31T00:00:00.000Z',
  networks: ['10.1.0.0/16'],
};
const endless = { ...key, expiresAt: null };
/** Enough for the networks of this spec; libs/access has the real one. */
const includes = (outer: string, inner: string) => inner.startsWith(outer.slice(0, 3));
const faults = (policy: Partial<RegistryPolicy>, of: PolicedKey = key) =>
  policyCheck({ ...DEFAULT_POLICY, ...policy }, includes)(of).map(({ field }) => field);

describe('a key', () => {
  it('of a registry without a policy may be as it likes', () => {
    expect([faults({}), faults({}, endless)]).toEqual([[], []]);
  });
  it('has an expiry where the policy demands one, or a greatest lifetime', () => {
    expect(faults({ requireExpiry: true }, endless)).toEqual(['expiresAt']);
    expect(faults({ maxLifetime: 'P900D' }, endless)).toEqual(['expiresAt']);
    expect(faults({ requireExpiry: true })).toEqual([]);
  });
  it('lives as long as the policy lets it from its birth, and not a millisecond longer', () => {
    expect(faults({ maxLifetime: 'P30D' })).toEqual([]);
    expect(faults({ maxLifetime: 'P30D' }, { ...key, expiresAt: '2026-01-31T00:00:00.001Z' })).toEqual([
      'expiresAt',
    ]);
  });
  it('has a name that matches', () => {
    expect([faults({ namePattern: '^ci-' }), faults({ namePattern: '^cd-' })]).toEqual([[], ['name']]);
  });
  it('has no networks beyond those of the registry; it may have none of its own', () => {
    const allowedNetworks = ['10.0.0.0/8'];
    expect(faults({ allowedNetworks })).toEqual([]);
    expect(faults({ allowedNetworks }, { ...key, networks: [] })).toEqual([]);
    expect(faults({ allowedNetworks }, { ...key, networks: ['10.1.0.0/16', '192.0.2.0/24'] })).toEqual([
      'networks',
    ]);
  });
  it('is told everything at once', () => {
    const policy = { requireExpiry: true, namePattern: '^cd-', allowedNetworks: ['192.0.2.0/24'] };
    expect(faults(policy, endless)).toEqual(['expiresAt', 'name', 'networks']);
  });
});
