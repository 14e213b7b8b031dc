import { beforeEach, describe, expect, it } from '@jest/globals';
import { formatKey, hashSecret } from '#libs/kernel';
import { AccessModel, ENDED_KEYS_KEPT_MS } from './access-model.js';
import type { Action, Verdict } from './authorize.js';
import { parseCredentials } from './credentials.js';
import type { Grant } from './grants.js';

const ID = 'drk_0123456789abcdef';
const SECRET = 'S'.repeat(43);
const AT = '2026-01-01T00:00:00.000Z';
const NOW = Date.parse(AT);
const REGISTRY = 'reg_a';
const DAY_MS = 86_400_000;
const KEY = parseCredentials(`Basic ${Buffer.from(`${ID}:${formatKey(ID, SECRET)}`).toString('base64')}`);

let model: AccessModel;
let position: bigint;

function happens(type: string, id: string, data: object): void {
  model.apply({ type, id, data: { at: AT, ...data }, position: ++position });
}

function generated(changes: object = {}): void {
  const data = { registry: REGISTRY, permission: 'read', secretHash: hashSecret(SECRET), expiresAt: null };
  happens('KeyGenerated', ID, { ...data, repositories: [], networks: [], ...changes });
}

function changed(changes: object): void {
  happens('KeyChanged', ID, { registry: REGISTRY, changes });
}

function verdict(action: Action = 'pull', now = NOW, address = '10.0.0.1', repository = 'team/api'): Verdict {
  return model.authorize(KEY, REGISTRY, { action, repository }, address, now).verdict;
}

beforeEach(() => {
  model = new AccessModel({ registryDomain: 'registry.example' });
  position = 0n;
});

const other = { id: 'reg_b', slug: 'other', upstream: undefined, serveReadsForMs: 0, allowedNetworks: [] };

describe('the access model', () => {
  it('knows a registry by its slug and by its added hosts', () => {
    happens('RegistryCreated', REGISTRY, { slug: 'myapp' });
    happens('HostAdded', REGISTRY, { host: '127.0.0.1' });
    model.loadRegistry(other);
    model.loadHost({ host: 'images.example', registry: 'reg_b' });
    expect(model.registryOfHost('myapp.registry.example:5000')).toBe(REGISTRY);
    expect(model.registryOfHost('127.0.0.1:5000')).toBe(REGISTRY);
    expect(model.registryOfHost('other.registry.example')).toBe('reg_b');
    expect(model.registryOfHost('images.example')).toBe('reg_b');
    expect(model.registryOfHost('unknown.example')).toBeUndefined();
  });

  it('knows under which prefix the repositories of a registry stand, and fails for one that it does not know', () => {
    happens('RegistryCreated', REGISTRY, { slug: 'myapp' });
    model.loadRegistry(other);
    expect(model.repositoryPrefixOf(REGISTRY)).toBe('myapp/');
    expect(model.repositoryPrefixOf('reg_b')).toBe('other/');
    expect(() => model.repositoryPrefixOf('reg_c')).toThrow('slug');
  });

  it('does not apply again what was loaded, so that a forgotten key never comes back', () => {
    generated();
    const generation = { at: AT, registry: REGISTRY, permission: 'read', secretHash: hashSecret(SECRET) };
    const unrestricted = { repositories: [], networks: [] };
    happens('KeyRevoked', ID, { registry: REGISTRY });
    expect(model.forgetEnded(NOW + ENDED_KEYS_KEPT_MS)).toBe(1);
    model.startAt(2n);
    for (const replayed of [1n, 2n]) {
      model.apply({
        type: 'KeyGenerated',
        id: ID,
        data: { ...generation, ...unrestricted, expiresAt: null },
        position: replayed,
      });
    }
    expect(verdict()).toBe('unknown');
    expect(model.position).toBe(2n);
  });

  it('tells the holder of an ended key the true reason for 90 days, then forgets the key', () => {
    generated();
    happens('KeyRevoked', ID, { registry: REGISTRY });
    expect(model.forgetEnded(NOW + 90 * DAY_MS - 1)).toBe(0);
    expect(verdict()).toBe('revoked');
    expect(model.forgetEnded(NOW + 90 * DAY_MS)).toBe(1);
    expect(verdict()).toBe('unknown');
  });

  it('moves its position over types that it does not know, and changes nothing', () => {
    generated();
    happens('KeyPainted', ID, { at: 'not a time' });
    expect(model.position).toBe(position);
    expect(verdict()).toBe('allowed');
  });

  it('stops at a malformed fact instead of skipping it', () => {
    const before = model.position;
    expect(() => generated({ permission: 'admin' })).toThrow('permission');
    expect(() => generated({ networks: undefined })).toThrow('restrictions');
    expect(() => happens('KeyRevoked', ID, { at: 'yesterday' })).toThrow('RFC 3339');
    expect(() => happens('RegistryUpstreamChanged', REGISTRY, {})).toThrow('upstream');
    for (const serveReadsFor of ['10 minutes', 'P1M', 600, undefined]) {
      const policy = { serveReadsFor, allowedNetworks: [] };
      expect(() => happens('RegistryPolicyChanged', REGISTRY, { policy })).toThrow();
    }
    for (const allowedNetworks of ['10.0.0.0/8', [10], null, undefined]) {
      const policy = { serveReadsFor: null, allowedNetworks };
      expect(() => happens('RegistryPolicyChanged', REGISTRY, { policy })).toThrow('malformed');
    }
    expect(model.position).toBe(before);
    expect(model.grants.size).toBe(0);
  });
});

describe('a registry in the access model', () => {
  beforeEach(() => happens('RegistryCreated', REGISTRY, { slug: 'myapp' }));

  it('with a registry behind the gate to itself has no prefix there, and has one again when it shares', () => {
    expect(model.upstreamOf(REGISTRY)).toBeUndefined();
    happens('RegistryUpstreamChanged', REGISTRY, { upstream: 'http://own:5000' });
    expect([model.upstreamOf(REGISTRY), model.repositoryPrefixOf(REGISTRY)]).toEqual(['http://own:5000', '']);
    happens('RegistryUpstreamChanged', REGISTRY, { upstream: null });
    expect([model.upstreamOf(REGISTRY), model.repositoryPrefixOf(REGISTRY)]).toEqual([undefined, 'myapp/']);
    model.loadRegistry({ ...other, upstream: 'http://b:5000', serveReadsForMs: 60_000 });
    expect([model.upstreamOf('reg_b'), model.repositoryPrefixOf('reg_b')]).toEqual(['http://b:5000', '']);
    expect(model.serveReadsForOf('reg_b')).toBe(60_000);
  });

  it('serves reads without a lease for as long as its newest policy says, and never for more than 15 minutes', () => {
    const lasts = (serveReadsFor: string | null): number => {
      happens('RegistryPolicyChanged', REGISTRY, { policy: { serveReadsFor, allowedNetworks: [] } });
      return model.serveReadsForOf(REGISTRY);
    };
    expect(model.serveReadsForOf(REGISTRY)).toBe(0);
    expect([lasts('PT10M'), lasts('PT30S'), lasts('P1D'), lasts(null)]).toEqual([
      600_000, 30_000, 900_000, 0,
    ]);
    model.loadRegistry({ ...other, id: REGISTRY, slug: 'myapp', serveReadsForMs: 86_400_000 });
    expect(model.serveReadsForOf(REGISTRY)).toBe(900_000);
  });

  it('answers no more on a host that was removed, which another registry may have then', () => {
    happens('HostAdded', REGISTRY, { host: 'images.example' });
    happens('HostRemoved', 'reg_b', { host: 'images.example' });
    expect(model.registryOfHost('images.example')).toBe(REGISTRY);
    happens('HostRemoved', REGISTRY, { host: 'images.example' });
    expect(model.registryOfHost('images.example')).toBeUndefined();
    happens('HostAdded', 'reg_b', { host: 'images.example' });
    expect(model.registryOfHost('images.example')).toBe('reg_b');
  });
});

describe('a key in the access model', () => {
  it('has the rights that were changed last, and keeps those that were not named', () => {
    generated({ repositories: ['team/*'] });
    changed({ permission: 'read-write' });
    expect([verdict('push'), verdict('push', NOW, '10.0.0.1', 'other')]).toEqual([
      'allowed',
      'not_permitted',
    ]);
    changed({ networks: ['10.0.0.0/8'] });
    expect(verdict('push', NOW, '192.0.2.1')).toBe('network_refused');
    expect(verdict('push', NOW, '10.0.0.1', 'other')).toBe('not_permitted');
    changed({ repositories: [] });
    expect(verdict('push', NOW, '10.0.0.1', 'other')).toBe('allowed');
    expect(verdict('push', NOW, '192.0.2.1', 'other')).toBe('network_refused');
    changed({ networks: [], permission: 'read' });
    expect([verdict('pull', NOW, '192.0.2.1'), verdict('push')]).toEqual(['allowed', 'not_permitted']);
  });

  it('is not changed by another name, description or labels', () => {
    generated({ repositories: ['team/*'], networks: ['10.0.0.0/8'], expiresAt: '2026-01-02T00:00:00.000Z' });
    changed({ name: 'CD', description: null, labels: { permission: 'read-write' } });
    expect([verdict(), verdict('push'), verdict('pull', NOW, '192.0.2.1')]).toEqual([
      'allowed',
      'not_permitted',
      'network_refused',
    ]);
    expect(verdict('pull', NOW + DAY_MS)).toBe('expired');
  });

  it('expires when its newest expiry says so', () => {
    generated({ expiresAt: '2026-01-02T00:00:00.000Z' });
    changed({ expiresAt: '2026-01-03T00:00:00.000Z' });
    expect([verdict('pull', NOW + 2 * DAY_MS - 1), verdict('pull', NOW + 2 * DAY_MS)]).toEqual([
      'allowed',
      'expired',
    ]);
    changed({ expiresAt: null });
    expect(verdict('pull', NOW + 1000 * DAY_MS)).toBe('allowed');
  });

  it('is refused while it is suspended, and accepted again with the rights it has then', () => {
    generated();
    happens('KeyResumed', ID, { registry: REGISTRY });
    expect(verdict()).toBe('allowed');
    happens('KeySuspended', ID, { registry: REGISTRY });
    happens('KeySuspended', ID, { registry: REGISTRY });
    changed({ permission: 'read-write' });
    expect(verdict()).toBe('suspended');
    happens('KeyResumed', ID, { registry: REGISTRY });
    expect(verdict('push')).toBe('allowed');
  });

  it.each([
    ['revoked', 'KeyRevoked'],
    ['expired', 'KeyExpired'],
  ])('that is %s stays so, whatever is changed, suspended or resumed after', (state, type) => {
    generated({ repositories: ['team/*'], expiresAt: AT });
    happens(type, ID, { registry: REGISTRY });
    happens('KeySuspended', ID, { registry: REGISTRY });
    happens('KeyResumed', ID, { registry: REGISTRY });
    changed({ expiresAt: null, permission: 'read-write', repositories: [] });
    expect(verdict()).toBe(state);
    expect(model.reaches(ID, 'other')).toBe(false);
    expect(model.forgetEnded(NOW + ENDED_KEYS_KEPT_MS)).toBe(1);
  });

  it('that is suspended ends by expiry and by revocation as any other', () => {
    generated({ expiresAt: '2026-01-02T00:00:00.000Z' });
    happens('KeySuspended', ID, { registry: REGISTRY });
    happens('KeyExpired', ID, { at: '2026-01-02T00:00:00.000Z', registry: REGISTRY });
    happens('KeyResumed', ID, { registry: REGISTRY });
    expect(verdict()).toBe('expired');
    happens('KeyRevoked', ID, { registry: REGISTRY });
    expect(verdict()).toBe('revoked');
  });

  it('that is not there is not made by a change', () => {
    for (const type of ['KeyChanged', 'KeySuspended', 'KeyResumed']) happens(type, ID, { changes: {} });
    expect(model.grants.size).toBe(0);
  });

  it('keeps all its rights when a change of one of them is malformed', () => {
    generated({ repositories: ['team/*'], networks: ['10.0.0.0/8'] });
    const malformed: object[] = [
      { permission: 'admin', repositories: [], networks: [] },
      { permission: null },
      { permission: 'read-write', repositories: 'team' },
      { permission: 'read-write', networks: [10] },
      { permission: 'read-write', networks: null },
      { permission: 'read-write', repositories: [], expiresAt: 'soon' },
    ];
    for (const changes of malformed) expect(() => changed(changes)).toThrow();
    expect([verdict('push'), verdict('pull', NOW, '192.0.2.1')]).toEqual([
      'not_permitted',
      'network_refused',
    ]);
    expect(verdict('pull', NOW, '10.0.0.1', 'other')).toBe('not_permitted');
  });

  it('with restrictions that nobody can read reaches nothing, from nowhere', () => {
    generated({ repositories: ['Team/**', '**/api'], networks: [] });
    expect(verdict()).toBe('not_permitted');
    changed({ repositories: [], networks: ['10.0.0.0/33', 'everywhere'] });
    expect(verdict()).toBe('network_refused');
  });

  it('loaded from a row is as restricted as one that was generated', () => {
    const row: Grant = {
      id: ID,
      registry: REGISTRY,
      permission: 'read',
      secretHash: hashSecret(SECRET),
      expiresAt: null,
      repositories: ['team/*'],
      networks: ['10.0.0.0/8'],
      state: 'active',
      revokedAt: null,
    };
    model.loadKey(row);
    expect([verdict(), verdict('pull', NOW, '10.0.0.1', 'other'), verdict('pull', NOW, '192.0.2.1')]).toEqual(
      ['allowed', 'not_permitted', 'network_refused'],
    );
  });

  it('reaches what its patterns have, whatever its permission; an unknown one reaches nothing', () => {
    generated({ repositories: ['team/**'] });
    expect(['team/a/b', 'team', 'other'].map((name) => model.reaches(ID, name))).toEqual([
      true,
      false,
      false,
    ]);
    changed({ repositories: [] });
    expect(model.reaches(ID, 'other')).toBe(true);
    expect(model.reaches('drk_zzzzzzzzzzzzzzzz', 'other')).toBe(false);
  });
});
