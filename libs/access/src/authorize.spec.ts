import { beforeEach, describe, expect, it } from '@jest/globals';
import { formatKey, hashSecret } from '#libs/kernel';
import { AccessModel } from './access-model.js';
import type { Action, Asked, Decision, Verdict } from './authorize.js';
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
  happens('KeyGenerated', ID, { ...data, repositories: [], networks: [], ...changes });
}

function asking(action: Action): Asked {
  return { action, repository: action === 'login' || action === 'catalog' ? undefined : 'team/api' };
}

function decide(asked: Asked, address?: string): Decision {
  return model.authorize(KEY, REGISTRY, asked, address, NOW);
}

function verdict(action: Action = 'pull', now = NOW, registry = REGISTRY): Verdict {
  return model.authorize(KEY, registry, asking(action), undefined, now).verdict;
}

beforeEach(() => {
  model = new AccessModel({ registryDomain: 'registry.example' });
  position = 0n;
});

describe('authorize', () => {
  it.each([
    ['read', ['login', 'catalog', 'pull']],
    ['read-write', ['login', 'catalog', 'pull', 'push']],
    ['read-write-delete', ['login', 'catalog', 'pull', 'push', 'delete']],
  ])('lets a %s key do %j and nothing else', (permission, allowed) => {
    generated({ permission });
    for (const action of ['login', 'pull', 'push', 'delete', 'catalog'] as const) {
      expect(verdict(action)).toBe(allowed.includes(action) ? 'allowed' : 'not_permitted');
    }
  });

  it('names the key only to whoever proved its secret', () => {
    generated();
    const proven = { proven: true, keyId: ID, permission: 'read' };
    expect(decide(asking('pull'))).toEqual({ verdict: 'allowed', ...proven });
    expect(decide(asking('push'))).toEqual({ verdict: 'not_permitted', denied: 'permission', ...proven });
    const strangers: [Credentials, Verdict][] = [
      [{ kind: 'none' }, 'no_credentials'],
      [{ kind: 'malformed' }, 'malformed'],
      [{ kind: 'not_a_key' }, 'not_a_key'],
      [credentialsOf('drk_zzzzzzzzzzzzzzzz', SECRET), 'unknown'],
      [credentialsOf(ID, 'T'.repeat(43)), 'wrong_secret'],
    ];
    for (const [credentials, expected] of strangers) {
      expect(model.authorize(credentials, REGISTRY, asking('pull'), '10.0.0.1', NOW)).toEqual({
        verdict: expected,
        proven: false,
      });
    }
  });

  it('refuses a wrong secret before it says anything about a revoked, expired or foreign key', () => {
    generated({ expiresAt: AT });
    happens('KeyRevoked', ID, { registry: REGISTRY });
    const wrong = credentialsOf(ID, 'T'.repeat(43));
    expect(model.authorize(wrong, 'reg_b', asking('pull'), undefined, NOW)).toEqual({
      verdict: 'wrong_secret',
      proven: false,
    });
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
      repositories: [],
      networks: [],
      state: 'suspended',
      revokedAt: null,
    });
    expect(verdict()).toBe('suspended');
    expect(verdict('pull', NOW + 1)).toBe('expired');
  });

  it('decides by registry, state, network, permission and repository, in this order', () => {
    generated({ repositories: ['team/*'], networks: ['10.0.0.0/8'] });
    const outside: Asked = { action: 'push', repository: 'other' };
    expect(decide(outside, '192.0.2.1')).toMatchObject({ verdict: 'network_refused' });
    expect(decide(outside, '10.1.2.3')).toMatchObject({ verdict: 'not_permitted', denied: 'permission' });
    expect(decide({ action: 'pull', repository: 'other' }, '10.1.2.3')).toEqual({
      verdict: 'not_permitted',
      denied: 'repository',
      proven: true,
      keyId: ID,
      permission: 'read',
    });
    happens('KeySuspended', ID, { registry: REGISTRY });
    expect(decide(outside, '192.0.2.1')).toMatchObject({ verdict: 'suspended' });
    expect(model.authorize(KEY, 'reg_b', outside, '192.0.2.1', NOW)).toMatchObject({
      verdict: 'wrong_registry',
    });
  });

  it('lets a key that is restricted to repositories sign in and list what it reaches, and use nothing else', () => {
    generated({ repositories: ['team/*', 'base'] });
    const pull = (repository: string | undefined) => decide({ action: 'pull', repository }).verdict;
    expect([verdict('login'), verdict('catalog'), pull('team/api'), pull('base')]).toEqual(
      Array(4).fill('allowed'),
    );
    expect([pull('team'), pull('team/a/b'), pull('bases'), pull(undefined)]).toEqual(
      Array(4).fill('not_permitted'),
    );
  });

  it('refuses a key with networks from everywhere else, and where the address is not known', () => {
    generated({ networks: ['10.0.0.0/8', '2001:db8::/32'] });
    const from = (address?: string) => decide(asking('login'), address).verdict;
    expect(['10.255.0.1', '::ffff:10.0.0.1', '2001:db8::1'].map(from)).toEqual(Array(3).fill('allowed'));
    expect(
      [undefined, '', '11.0.0.1', '2001:db9::1', '::1', 'unknown', '10.0.0.1, 10.0.0.2'].map(from),
    ).toEqual(Array(7).fill('network_refused'));
  });

  it('refuses an action that it does not know', () => {
    generated({ permission: 'read-write-delete' });
    expect(decide({ action: 'mount' as Action, repository: 'team/api' })).toMatchObject({
      verdict: 'not_permitted',
    });
  });
});
