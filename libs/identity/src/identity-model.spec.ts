import { beforeEach, describe, expect, it } from '@jest/globals';
import { IdentityModel, type Principal } from './identity-model.js';
import { RIGHTS, rightsOf, ROLES } from './rights.js';

const AT = '2026-01-01T00:00:00.000Z';
const NOW = Date.parse('2026-01-02T00:00:00.000Z');
const HASH = Buffer.alloc(32, 7);
const sealed = { subject: 's', iv: 'i', ciphertext: 'c', commitment: 'c' };

let model: IdentityModel;
let position: bigint;

function happens(category: string, id: string, type: string, data: object = {}): bigint {
  model.apply({ category, id, type, data: { at: AT, ...data }, position: ++position });
  return position;
}
const register = (id: string): bigint => {
  happens('user', id, 'UserRegistered', {
    email: sealed,
    name: sealed,
    emailIndex: `of ${id}`,
    createdBy: 'r',
  });
  return happens('user', id, 'UserPasswordChanged', { password: sealed });
};
const issue = (user: string, changes: object = {}): bigint =>
  happens('user', user, 'AccessTokenIssued', {
    token: 'drm_a', name: 'n', role: null, registry: null, expiresAt: null, secretHash: HASH.toString('hex'), ...changes,
  }); // prettier-ignore
const member = (registry: string, user: string, role: string): bigint =>
  happens('registry', registry, 'MemberAdded', { user, role });
const bearer = (now = NOW): Principal | undefined => model.byToken('drm_a', HASH, now);

beforeEach(() => {
  model = new IdentityModel();
  position = 0n;
  register('usr_a');
});

describe('a session', () => {
  it('is of the password that opened it: another one ends it', () => {
    const credential = model.credentialOf('usr_a')!;
    expect(model.bySession('usr_a', credential)).toEqual({ user: 'usr_a', token: undefined });
    happens('user', 'usr_a', 'UserPasswordChanged', { password: sealed });
    expect(model.bySession('usr_a', credential)).toBeUndefined();
  });

  it('of a user without a password is of the first identity, until there is a password', () => {
    happens('user', 'usr_b', 'UserRegistered', { emailIndex: 'of usr_b' });
    const link = () => happens('user', 'usr_b', 'UserIdentityLinked', { issuer: 'i', subjectIndex: 'x' });
    const first = link();
    link();
    expect(model.credentialOf('usr_b')).toBe(first);
    expect(model.bySession('usr_b', first)).toBeDefined();
    happens('user', 'usr_b', 'UserPasswordChanged', { password: sealed });
    expect(model.bySession('usr_b', first)).toBeUndefined();
  });

  it('outlives another identity of its user', () => {
    const credential = model.credentialOf('usr_a')!;
    happens('user', 'usr_a', 'UserIdentityLinked', { issuer: 'i', subjectIndex: 'x' });
    expect(model.bySession('usr_a', credential)).toBeDefined();
  });

  it.each(['UserDisabled', 'UserErased'])('is over with %s, and there is no new one', (type) => {
    const credential = model.credentialOf('usr_a')!;
    happens('user', 'usr_a', type);
    expect(model.bySession('usr_a', credential)).toBeUndefined();
    expect(model.credentialOf('usr_a')).toBeUndefined();
    expect(model.credentialOf('usr_unknown')).toBeUndefined();
  });

  it('holds again when the user is enabled', () => {
    const credential = model.credentialOf('usr_a')!;
    happens('user', 'usr_a', 'UserDisabled');
    happens('user', 'usr_a', 'UserEnabled');
    expect(model.bySession('usr_a', credential)).toBeDefined();
  });
});

describe('an access token', () => {
  it('acts for its user', () => {
    issue('usr_a');
    expect(bearer()).toEqual({ user: 'usr_a', token: { id: 'drm_a', role: null, registry: null } });
  });

  it('needs its secret, and an id that exists', () => {
    issue('usr_a');
    expect(model.byToken('drm_a', Buffer.alloc(32), NOW)).toBeUndefined();
    expect(model.byToken('drm_b', HASH, NOW)).toBeUndefined();
    expect(model.byToken('drm_b', Buffer.alloc(32), NOW)).toBeUndefined();
  });

  it('ends with its revocation, with its user, and at the millisecond of its expiry', () => {
    issue('usr_a', { expiresAt: new Date(NOW).toISOString() });
    expect(bearer(NOW - 1)).toBeDefined();
    expect(bearer(NOW)).toBeUndefined();
    happens('user', 'usr_a', 'UserDisabled');
    expect(bearer(NOW - 1)).toBeUndefined();
    happens('user', 'usr_a', 'UserEnabled');
    happens('user', 'usr_a', 'AccessTokenRevoked', { token: 'drm_a' });
    expect(bearer(NOW - 1)).toBeUndefined();
  });

  it('is known by its secret after its end too, until its user is erased', () => {
    issue('usr_a');
    const owner = (hash = HASH) => model.ownerOfToken('drm_a', hash);
    expect([owner(), owner(Buffer.alloc(32)), model.ownerOfToken('drm_b', Buffer.alloc(32))]).toEqual([
      'usr_a', undefined, undefined,
    ]); // prettier-ignore
    happens('user', 'usr_a', 'AccessTokenRevoked', { token: 'drm_a' });
    expect([owner(), bearer()]).toEqual(['usr_a', undefined]);
    happens('user', 'usr_a', 'UserErased');
    expect(owner()).toBeUndefined();
  });

  it('is expired when the newest fact is later than the clock says', () => {
    issue('usr_a', { expiresAt: new Date(NOW).toISOString() });
    happens('user', 'usr_b', 'UserDisabled', { at: new Date(NOW).toISOString() });
    register('usr_c');
    expect(bearer(NOW - 1)).toBeUndefined();
  });
});

describe('rights in a registry', () => {
  const user = { user: 'usr_a', token: undefined };

  it('are none, and it is not seen, without a membership', () => {
    expect(model.rightsIn('reg_a', user).size).toBe(0);
    expect(model.visibleRegistries(user)).toEqual(new Set());
  });

  it.each(ROLES)('are those of the role %s', (role) => {
    member('reg_a', 'usr_a', role);
    expect(model.rightsIn('reg_a', user)).toEqual(rightsOf(role));
    expect(model.rightsIn('reg_b', user).size).toBe(0);
    expect(model.visibleRegistries(user)).toEqual(new Set(['reg_a']));
  });

  it('follow the role and end with the membership', () => {
    member('reg_a', 'usr_a', 'owner');
    happens('registry', 'reg_a', 'MemberRoleChanged', { user: 'usr_a', role: 'viewer' });
    expect(model.rightsIn('reg_a', user)).toEqual(rightsOf('viewer'));
    happens('registry', 'reg_a', 'MemberRemoved', { user: 'usr_a' });
    expect(model.rightsIn('reg_a', user).size).toBe(0);
  });

  it('are all, everywhere, for an administrator, until that is withdrawn', () => {
    happens('administrators', 'installation', 'AdministratorGranted', { user: 'usr_a' });
    expect([...model.rightsIn('reg_a', user)]).toEqual([...RIGHTS]);
    expect(model.visibleRegistries(user)).toBeUndefined();
    expect(model.administers(user)).toBe(true);
    happens('administrators', 'installation', 'AdministratorWithdrawn', { user: 'usr_a' });
    expect(model.administers(user)).toBe(false);
    expect(model.rightsIn('reg_a', user).size).toBe(0);
  });

  it('of a token are narrowed by its role, and never widened', () => {
    member('reg_a', 'usr_a', 'developer');
    const as = (role: 'owner' | 'auditor') => ({ user: 'usr_a', token: { id: 't', role, registry: null } });
    expect(model.rightsIn('reg_a', as('owner'))).toEqual(rightsOf('developer'));
    expect([...model.rightsIn('reg_a', as('auditor'))].toSorted()).toEqual(['audit-own', 'see']);
  });

  it('of a token are narrowed to its registry, and administer nothing', () => {
    happens('administrators', 'installation', 'AdministratorGranted', { user: 'usr_a' });
    const scoped = { user: 'usr_a', token: { id: 't', role: null, registry: 'reg_a' } };
    expect(model.rightsIn('reg_b', scoped).size).toBe(0);
    expect(model.rightsIn('reg_a', scoped).has('administer')).toBe(false);
    expect(model.rightsIn('reg_a', scoped).has('members')).toBe(true);
    expect(model.administers(scoped)).toBe(false);
    expect(model.visibleRegistries(scoped)).toEqual(new Set(['reg_a']));
    const elsewhere = { user: 'usr_b', token: { id: 't', role: null, registry: 'reg_a' } };
    expect(model.visibleRegistries(elsewhere)).toEqual(new Set());
  });
});

describe('the users', () => {
  it('are found by the index of their address until they are erased', () => {
    expect(model.byEmail('of usr_a')).toBe('usr_a');
    happens('user', 'usr_a', 'UserErased');
    expect(model.byEmail('of usr_a')).toBeUndefined();
  });

  it('are listed page by page in the order of their registration, without the erased ones', () => {
    ['usr_d', 'usr_c', 'usr_b'].forEach(register);
    happens('user', 'usr_c', 'UserErased');
    const page = (after?: string) => model.usersAfter(after, 2).map(({ id }) => id);
    expect([page(), page('usr_d'), page('usr_b')]).toEqual([['usr_a', 'usr_d'], ['usr_b'], []]);
    expect(model.erasedUsers()).toEqual(['usr_c']);
  });

  it('a fact that was applied before changes nothing', () => {
    happens('user', 'usr_a', 'UserDisabled');
    const before = model.position;
    model.apply({ category: 'user', id: 'usr_a', type: 'UserEnabled', data: { at: AT }, position: before });
    expect(model.isActive('usr_a')).toBe(false);
    expect(model.position).toBe(before);
  });
});
