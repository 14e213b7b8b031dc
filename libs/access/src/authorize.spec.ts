import { beforeEach, describe, expect, it } from '@jest/globals';
import { formatKey, hashSecret } from '#libs/kernel';
import { AccessModel, ENDED_KEYS_KEPT_MS } from './access-model.js';
import type { Action, Verdict } from './authorize.js';
import { parseCredentials, type Credentials } from './credentials.js';

const ID = 'drk_0123456789abcdef';
const SECRET = 'S'.repeat(43);
const AT = '2026-01-01T00:00:00.000Z';
const NOW = Date.parse(AT);
const REGISTRY = 'reg_a';
const DAY_MS = 86_400_000;

function credentialsOf(id: string, secret: string): Credentials {
  return parseCredentials(`Basic ${Buffer.from(`${id}:${formatKey(id, secret)}`).toString('base64')}`);
}
const KEY = credentialsOf(ID, SECRET);

let model: AccessModel;
let position: bigint;

function happens(type: string, id: string, data: object): void {
  model.apply({ type, id, data: { at: AT, ...data }, position: ++position });
}

function generated(changes: object = {}): void {
  const data = { registry: REGISTRY, permission: 'read', secretHash: hashSecret(SECRET), expiresAt: null };
  happens('KeyGenerated', ID, { ...data, ...changes });
}

function verdict(action: Action = 'pull', now = NOW, registry = REGISTRY): Verdict {
  return model.authorize(KEY, registry, action, now).verdict;
}

beforeEach(() => {
  model = new AccessModel({ registryDomain: 'registry.example' });
  position = 0n;
});

describe('authorize', () => {
  it.each([
    ['read', ['login', 'pull']],
    ['read-write', ['login', 'pull', 'push']],
    ['read-write-delete', ['login', 'pull', 'push', 'delete']],
  ])('lets a %s key do %j and nothing else', (permission, allowed) => {
    generated({ permission });
    for (const action of ['login', 'pull', 'push', 'delete', 'catalog'] as const) {
      expect(verdict(action)).toBe(allowed.includes(action) ? 'allowed' : 'not_permitted');
    }
  });

  it('names the key only to whoever proved its secret', () => {
    generated();
    expect(model.authorize(KEY, REGISTRY, 'push', NOW)).toEqual({
      verdict: 'not_permitted',
      proven: true,
      keyId: ID,
      permission: 'read',
    });
    const strangers: [Credentials, Verdict][] = [
      [{ kind: 'none' }, 'no_credentials'],
      [{ kind: 'malformed' }, 'malformed'],
      [{ kind: 'not_a_key' }, 'not_a_key'],
      [credentialsOf('drk_zzzzzzzzzzzzzzzz', SECRET), 'unknown'],
      [credentialsOf(ID, 'T'.repeat(43)), 'wrong_secret'],
    ];
    for (const [credentials, expected] of strangers) {
      expect(model.authorize(credentials, REGISTRY, 'pull', NOW)).toEqual({
        verdict: expected,
        proven: false,
      });
    }
  });

  it('refuses a wrong secret before it says anything about a revoked, expired or foreign key', () => {
    generated({ expiresAt: AT });
    happens('KeyRevoked', ID, { registry: REGISTRY });
    const wrong = credentialsOf(ID, 'T'.repeat(43));
    expect(model.authorize(wrong, 'reg_b', 'pull', NOW)).toEqual({ verdict: 'wrong_secret', proven: false });
  });

  it('refuses a key on the host of another registry, whatever its state', () => {
    generated();
    expect(verdict('pull', NOW, 'reg_b')).toBe('wrong_registry');
    happens('KeyRevoked', ID, { registry: REGISTRY });
    expect(verdict('pull', NOW, 'reg_b')).toBe('wrong_registry');
  });

  it('refuses a key from the millisecond of its expiry on, before anyone has recorded it', () => {
    generated({ expiresAt: '2026-01-02T00:00:00.000Z' });
    expect(verdict('pull', NOW + DAY_MS - 1)).toBe('allowed');
    expect(verdict('pull', NOW + DAY_MS)).toBe('expired');
  });

  it('refuses an expired key also when the clock runs behind the newest fact', () => {
    generated({ expiresAt: '2026-01-02T00:00:00.000Z' });
    happens('RegistryCreated', 'reg_b', { at: '2026-01-02T00:00:00.000Z', slug: 'b' });
    expect(verdict('pull', NOW)).toBe('expired');
  });

  it('refuses a revoked key, for good: expiry, replay and reload change nothing', () => {
    generated({ expiresAt: '2026-01-02T00:00:00.000Z' });
    happens('KeyRevoked', ID, { registry: REGISTRY });
    expect(verdict('pull')).toBe('revoked');
    happens('KeyExpired', ID, { registry: REGISTRY, expiresAt: '2026-01-02T00:00:00.000Z' });
    generated();
    expect(verdict('pull')).toBe('revoked');
    expect(verdict('pull', NOW + 2 * DAY_MS)).toBe('revoked');
  });

  it('says suspended to the holder of a suspended key, and expired once it expires', () => {
    model.loadKey({
      id: ID,
      registry: REGISTRY,
      permission: 'read',
      secretHash: hashSecret(SECRET),
      expiresAt: NOW + 1,
      state: 'suspended',
      revokedAt: null,
    });
    expect(verdict()).toBe('suspended');
    expect(verdict('pull', NOW + 1)).toBe('expired');
  });
});

describe('the access model', () => {
  it('knows a registry by its slug and by its added hosts', () => {
    happens('RegistryCreated', REGISTRY, { slug: 'myapp' });
    happens('HostAdded', REGISTRY, { host: '127.0.0.1' });
    model.loadRegistry({ id: 'reg_b', slug: 'other' });
    model.loadHost({ host: 'images.example', registry: 'reg_b' });
    expect(model.registryOfHost('myapp.registry.example:5000')).toBe(REGISTRY);
    expect(model.registryOfHost('127.0.0.1:5000')).toBe(REGISTRY);
    expect(model.registryOfHost('other.registry.example')).toBe('reg_b');
    expect(model.registryOfHost('images.example')).toBe('reg_b');
    expect(model.registryOfHost('unknown.example')).toBeUndefined();
  });

  it('knows under which prefix the repositories of a registry stand, and fails for one that it does not know', () => {
    happens('RegistryCreated', REGISTRY, { slug: 'myapp' });
    model.loadRegistry({ id: 'reg_b', slug: 'other' });
    expect(model.repositoryPrefixOf(REGISTRY)).toBe('myapp/');
    expect(model.repositoryPrefixOf('reg_b')).toBe('other/');
    expect(() => model.repositoryPrefixOf('reg_c')).toThrow('slug');
  });

  it('does not apply again what was loaded, so that a forgotten key never comes back', () => {
    generated();
    const generation = { at: AT, registry: REGISTRY, permission: 'read', secretHash: hashSecret(SECRET) };
    happens('KeyRevoked', ID, { registry: REGISTRY });
    expect(model.forgetEnded(NOW + ENDED_KEYS_KEPT_MS)).toBe(1);
    model.startAt(2n);
    for (const replayed of [1n, 2n]) {
      model.apply({
        type: 'KeyGenerated',
        id: ID,
        data: { ...generation, expiresAt: null },
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
    expect(() => happens('KeyRevoked', ID, { at: 'yesterday' })).toThrow('RFC 3339');
    expect(model.position).toBe(before);
  });
});
