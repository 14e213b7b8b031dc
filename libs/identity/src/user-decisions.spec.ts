import { describe, expect, it } from '@jest/globals';
import { given } from '../../../test/support/given.js';
import {
  ADMINISTRATORS_ID,
  administrators,
  grantAdministrator,
  withdrawAdministrator,
  withdrawErased,
} from './administrators.js';
import { users, type SealedText, type UserFact } from './user.js';
import {
  acceptInvitation,
  changePassword,
  disableUser,
  enableUser,
  eraseUser,
  inviteAgain,
  issueToken,
  linkIdentity,
  recordSignIn,
  registerUser,
  revokeToken,
  TOKENS_MAX,
} from './user-decisions.js';

const at = '2026-01-01T00:00:00.000Z';
const later = '2026-01-02T00:00:00.000Z';
const latest = '2026-03-01T00:00:00.000Z';
const sealed = (text: string): SealedText => ({
  subject: 'usr_a',
  iv: text,
  ciphertext: text,
  commitment: text,
});
const data = { at, email: sealed('e'), name: sealed('n'), emailIndex: 'i', createdBy: 'usr_root' };
const registered: UserFact = { type: 'UserRegistered', data };
const link = { invitation: 'hash', expiresAt: '2026-01-08T00:00:00.000Z' };
const invited: UserFact = { type: 'UserInvited', data: { at, ...link } };
const password = (time: string, text = 'p'): UserFact => ({
  type: 'UserPasswordChanged',
  data: { at: time, password: sealed(text) },
});
const disabled: UserFact = { type: 'UserDisabled', data: { at: later } };
const enabled: UserFact = { type: 'UserEnabled', data: { at: later } };
const erased: UserFact = { type: 'UserErased', data: { at: later } };
const token = {
  at: later,
  token: 'drm_a',
  name: 'CI',
  role: null,
  registry: null,
  expiresAt: latest,
  secretHash: 'h',
};
const issued: UserFact = { type: 'AccessTokenIssued', data: token };
const ended: UserFact = { type: 'AccessTokenRevoked', data: { at: latest, token: 'drm_a' } };
const identity = { at: later, issuer: 'https://id.example.com', subjectIndex: 'x' };
const linked: UserFact = { type: 'UserIdentityLinked', data: identity };
const active = [registered, password(at)];

describe('linking an identity', () => {
  it('opens the account of an invited user, whose invitation is void from then on', () => {
    given(users, [registered, invited]).when(linkIdentity(identity)).then([linked]);
    const { state } = given(users, [registered, invited, linked]);
    expect(state).toMatchObject({ status: 'active', invitation: null, password: null });
    given(users, [registered, invited, linked])
      .when(inviteAgain({ at: later, ...link }))
      .refuses('conflict');
  });
  it('stays quiet when it is linked already', () =>
    given(users, [...active, linked])
      .when(linkIdentity({ ...identity, at: latest }))
      .quiet());
  it('refuses another subject of the same issuer, and takes one of another issuer', () => {
    given(users, [...active, linked])
      .when(linkIdentity({ ...identity, subjectIndex: 'y' }))
      .refuses('conflict');
    const other = { ...identity, issuer: 'https://other.example.com' };
    given(users, [...active, linked])
      .when(linkIdentity(other))
      .then([{ type: 'UserIdentityLinked', data: other }]);
  });
  it.each<[string, UserFact[], string]>([
    ['a disabled user', [...active, disabled], 'conflict'],
    ['an erased user', [...active, erased], 'not-found'],
    ['nobody', [], 'not-found'],
  ])('refuses %s', (_, facts, code) => given(users, facts).when(linkIdentity(identity)).refuses(code));
  it('lets a user without a password sign in again once enabled', () =>
    expect(given(users, [registered, invited, linked, disabled, enabled]).state).toMatchObject({
      status: 'active',
    }));
});

describe('registering a user', () => {
  it('with a password lets the user sign in at once', () => {
    const register = registerUser(data, { password: sealed('p') });
    given(users, [])
      .when(register)
      .then([registered, password(at)]);
    expect(given(users, active).state.status).toBe('active');
  });
  it('without one invites the user', () => {
    given(users, [])
      .when(registerUser(data, { invitation: link }))
      .then([registered, invited]);
    expect(given(users, [registered, invited]).state.status).toBe('invited');
  });
  it('refuses an id that is taken', () =>
    given(users, active)
      .when(registerUser(data, { invitation: link }))
      .refuses('conflict'));
});

describe('an invitation', () => {
  const accept = (invitation: string, time: string) =>
    acceptInvitation({ at: time, invitation, password: sealed('p') });
  it('sets the first password', () =>
    given(users, [registered, invited])
      .when(accept('hash', later))
      .then([password(later)]));
  it.each([
    ['with another secret', [registered, invited], 'other', later],
    ['at the moment of its expiry', [registered, invited], 'hash', link.expiresAt],
    ['twice', [registered, invited, password(at)], 'hash', later],
    ['of a disabled user', [registered, invited, disabled], 'hash', later],
    ['of nobody', [], 'hash', later],
  ] as const)('does not hold %s', (_, facts, invitation, time) =>
    given(users, [...facts])
      .when(accept(invitation, time))
      .refuses('invitation-void'),
  );
  it('made anew replaces the earlier one', () => {
    const again = { at: later, invitation: 'new', expiresAt: latest };
    given(users, [registered, invited])
      .when(inviteAgain(again))
      .then([{ type: 'UserInvited', data: again }]);
    const facts: UserFact[] = [registered, invited, { type: 'UserInvited', data: again }];
    given(users, facts).when(accept('hash', later)).refuses('invitation-void');
    given(users, active).when(inviteAgain(again)).refuses('conflict');
  });
});

describe('a password', () => {
  it('is changed for a user who can sign in, and for nobody else', () => {
    given(users, active)
      .when(changePassword(later, sealed('q')))
      .then([password(later, 'q')]);
    for (const facts of [
      [registered, invited],
      [...active, disabled],
    ]) {
      given(users, facts)
        .when(changePassword(later, sealed('q')))
        .refuses('conflict');
    }
    for (const facts of [[], [...active, erased]]) {
      given(users, facts)
        .when(changePassword(later, sealed('q')))
        .refuses('not-found');
    }
  });
});

describe('disabling and erasing', () => {
  it('disables once, and enables once', () => {
    given(users, active).when(disableUser(later)).then([disabled]);
    given(users, [...active, disabled])
      .when(disableUser(latest))
      .quiet();
    given(users, [...active, disabled])
      .when(enableUser(later))
      .then([enabled]);
    given(users, active).when(enableUser(later)).quiet();
    expect(given(users, [...active, disabled, enabled]).state.status).toBe('active');
    expect(given(users, [registered, invited, disabled, enabled]).state.status).toBe('invited');
  });
  it('a password that is set meanwhile enables nobody', () =>
    expect(given(users, [...active, disabled, password(later)]).state.status).toBe('disabled'));
  it('erases for good', () => {
    given(users, active).when(eraseUser(later)).then([erased]);
    given(users, [...active, erased])
      .when(eraseUser(latest))
      .quiet();
    given(users, []).when(eraseUser(later)).refuses('not-found');
    given(users, [...active, erased])
      .when(enableUser(latest))
      .refuses('not-found');
    const after = given(users, [...active, erased, enabled, password(latest)]).state;
    expect(after).toMatchObject({ status: 'erased', password: null });
  });
  it('a sign-in is recorded of those who can', () => {
    given(users, active)
      .when(recordSignIn(later))
      .then([{ type: 'UserSignedIn', data: { at: later } }]);
    given(users, [...active, disabled])
      .when(recordSignIn(later))
      .quiet();
  });
});

describe('an access token', () => {
  it('is issued to a user who can sign in', () =>
    given(users, active).when(issueToken(token)).then([issued]));
  it('is refused to others, in the past, and with an id that is taken', () => {
    given(users, [...active, disabled])
      .when(issueToken(token))
      .refuses('conflict');
    given(users, []).when(issueToken(token)).refuses('not-found');
    given(users, active)
      .when(issueToken({ ...token, expiresAt: later }))
      .refuses('expiry-in-past');
    given(users, [...active, issued])
      .when(issueToken(token))
      .refuses('conflict');
  });
  it(`is one of ${TOKENS_MAX} at most; ended and expired ones do not count`, () => {
    const many = Array.from({ length: TOKENS_MAX }, (_, index): UserFact => ({
      type: 'AccessTokenIssued',
      data: { ...token, token: `drm_${index}` },
    }));
    const next = { ...token, token: 'drm_next' };
    given(users, [...active, ...many])
      .when(issueToken(next))
      .refuses('too-many-tokens');
    const first: UserFact = { type: 'AccessTokenRevoked', data: { at: later, token: 'drm_0' } };
    const issuedNext: UserFact = { type: 'AccessTokenIssued', data: next };
    given(users, [...active, ...many, first])
      .when(issueToken(next))
      .then([issuedNext]);
    const whenExpired = { ...next, at: latest, expiresAt: null };
    given(users, [...active, ...many])
      .when(issueToken(whenExpired))
      .then([{ type: 'AccessTokenIssued', data: whenExpired }]);
  });
  it('ends once', () => {
    given(users, [...active, issued])
      .when(revokeToken('drm_a', latest))
      .then([ended]);
    given(users, [...active, issued, ended])
      .when(revokeToken('drm_a', latest))
      .quiet();
    given(users, active).when(revokeToken('drm_a', latest)).refuses('not-found');
    given(users, []).when(revokeToken('drm_a', latest)).refuses('not-found');
  });
});

describe('the administrators', () => {
  const grant = (user: string) => ({ type: 'AdministratorGranted', data: { at, user } }) as const;
  it('are named and withdrawn, each once; the last one stays', () => {
    expect(ADMINISTRATORS_ID).toBe('installation');
    given(administrators, [])
      .when(grantAdministrator('a', at))
      .then([grant('a')]);
    given(administrators, [grant('a')])
      .when(grantAdministrator('a', later))
      .quiet();
    given(administrators, [grant('a')])
      .when(withdrawAdministrator('a', later))
      .refuses('last-administrator');
    given(administrators, [grant('a')])
      .when(withdrawAdministrator('b', later))
      .quiet();
    const two = [grant('a'), grant('b')];
    const withdrawn = { type: 'AdministratorWithdrawn', data: { at: later, user: 'a' } } as const;
    given(administrators, two).when(withdrawAdministrator('a', later)).then([withdrawn]);
    expect(given(administrators, [...two, withdrawn]).state).toEqual(new Set(['b']));
  });
  it('lose whoever is erased, the last one too', () => {
    const withdrawn = { type: 'AdministratorWithdrawn', data: { at: later, user: 'a' } } as const;
    given(administrators, [grant('a')])
      .when(withdrawErased('a', later))
      .then([withdrawn]);
    given(administrators, [grant('b')])
      .when(withdrawErased('a', later))
      .quiet();
  });
});
