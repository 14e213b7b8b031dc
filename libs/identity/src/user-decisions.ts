import { Refusal, type Decision } from '#libs/kernel';
import type {
  AccessTokenIssued,
  SealedText,
  UserFact,
  UserIdentityLinked,
  UserInvited,
  UserRegistered,
  UserState,
} from './user.js';

type Registered = Exclude<UserState, { status: 'none' }>;
type UserDecision = Decision<UserState, UserFact>;

/** Access tokens in force that one user may have: more is a program that loses them. */
export const TOKENS_MAX = 100;

/** A new user, with a password or with an invitation to set one. */
export function registerUser(
  data: UserRegistered['data'],
  first: { readonly password: SealedText } | { readonly invitation: Omit<UserInvited['data'], 'at'> },
): UserDecision {
  return (state) => {
    if (state.status !== 'none') throw new Refusal('conflict', 'a user with this id exists already');
    const { at } = data;
    const opening: UserFact =
      'password' in first
        ? { type: 'UserPasswordChanged', data: { at, password: first.password } }
        : { type: 'UserInvited', data: { at, ...first.invitation } };
    return [{ type: 'UserRegistered', data }, opening];
  };
}

/** A new invitation for a user who cannot sign in yet; an earlier one no longer holds. */
export function inviteAgain(data: UserInvited['data']): UserDecision {
  return (state) => {
    const user = existing(state);
    if (user.status !== 'invited') throw new Refusal('conflict', 'the user can sign in already');
    return [{ type: 'UserInvited', data }];
  };
}

/** The first password, by whoever proves the invitation: `invitation` is the SHA-256 (hex) of what the caller sent. */
export function acceptInvitation(command: {
  readonly at: string;
  readonly invitation: string;
  readonly password: SealedText;
}): UserDecision {
  return (state) => {
    const { at, invitation, password } = command;
    const invited = state.status === 'invited' ? state.invitation : null;
    const holds =
      invited !== null && invited.invitation === invitation && Date.parse(invited.expiresAt) > Date.parse(at);
    if (!holds) throw new Refusal('invitation-void', 'the invitation was used, has expired, or was replaced');
    return [{ type: 'UserPasswordChanged', data: { at, password } }];
  };
}

/** Another password for a user who has one; sessions that the old one opened are over. */
export function changePassword(at: string, password: SealedText): UserDecision {
  return (state) => {
    if (existing(state).status !== 'active') throw new Refusal('conflict', 'the user cannot sign in');
    return [{ type: 'UserPasswordChanged', data: { at, password } }];
  };
}

/**
 * Lets the user sign in as this subject of the issuer; again adds nothing. Refuses a user who is linked to another subject of
 * the issuer: whoever has the user's e-mail address there now is somebody else.
 */
export function linkIdentity(data: UserIdentityLinked['data']): UserDecision {
  return (state) => {
    const { status, identities } = existing(state);
    if (status === 'disabled') throw new Refusal('conflict', 'the user cannot sign in');
    const known = Object.hasOwn(identities, data.issuer) ? identities[data.issuer] : undefined;
    if (known === data.subjectIndex) return [];
    if (known !== undefined) throw new Refusal('conflict', 'the user is another subject of this issuer');
    return [{ type: 'UserIdentityLinked', data }];
  };
}

/** The user can do nothing any more, until enabled again; tokens and sessions included. */
export function disableUser(at: string): UserDecision {
  return (state) => (existing(state).status === 'disabled' ? [] : [{ type: 'UserDisabled', data: { at } }]);
}

export function enableUser(at: string): UserDecision {
  return (state) => (existing(state).status === 'disabled' ? [{ type: 'UserEnabled', data: { at } }] : []);
}

/** For good. Asking again adds nothing. */
export function eraseUser(at: string): UserDecision {
  return (state) => {
    if (state.status === 'none') throw missingUser();
    return state.status === 'erased' ? [] : [{ type: 'UserErased', data: { at } }];
  };
}

/** A new access token of a user who can sign in. */
export function issueToken(data: AccessTokenIssued['data']): UserDecision {
  return (state) => {
    const user = existing(state);
    if (user.status !== 'active') throw new Refusal('conflict', 'the user cannot sign in');
    if (user.tokens[data.token]) throw new Refusal('conflict', 'a token with this id exists already');
    const inForce = Object.values(user.tokens).filter((token) => isInForce(token, data.at));
    if (inForce.length >= TOKENS_MAX) {
      throw new Refusal('too-many-tokens', `a user has at most ${TOKENS_MAX} access tokens: end one first`);
    }
    if (data.expiresAt !== null && Date.parse(data.expiresAt) <= Date.parse(data.at)) {
      throw new Refusal('expiry-in-past', 'the expiry must lie in the future', { field: '/expiresAt' });
    }
    return [{ type: 'AccessTokenIssued', data }];
  };
}

/** Ends a token for good. Ending it twice adds nothing. */
export function revokeToken(token: string, at: string): UserDecision {
  return (state) => {
    const known = state.status === 'none' ? undefined : state.tokens[token];
    if (!known) throw new Refusal('not-found', 'there is no such access token');
    return known.revokedAt === null ? [{ type: 'AccessTokenRevoked', data: { at, token } }] : [];
  };
}

export function recordSignIn(at: string): UserDecision {
  return (state) => (state.status === 'active' ? [{ type: 'UserSignedIn', data: { at } }] : []);
}

/** Made afresh for every caller. */
export function missingUser(): Refusal {
  return new Refusal('not-found', 'there is no such user');
}

function isInForce(
  { issued, revokedAt }: { issued: AccessTokenIssued['data']; revokedAt: string | null },
  at: string,
): boolean {
  return revokedAt === null && (issued.expiresAt === null || Date.parse(issued.expiresAt) > Date.parse(at));
}

function existing(state: UserState): Registered {
  if (state.status === 'none' || state.status === 'erased') throw missingUser();
  return state;
}
