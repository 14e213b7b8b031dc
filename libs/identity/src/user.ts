import type { Fact, StreamKind } from '#libs/kernel';
import type { Role } from './rights.js';

/** Personal data, encrypted under the user's own key; libs/personal-data makes and opens it. */
export interface SealedText {
  readonly subject: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly commitment: string;
}

export type UserRegistered = Fact<
  'UserRegistered',
  {
    readonly at: string;
    readonly email: SealedText;
    readonly name: SealedText;
    /** HMAC-SHA-256 of the folded e-mail address, hex: what a sign-in looks up. */
    readonly emailIndex: string;
    /** Actor id of who registered the user. */
    readonly createdBy: string;
  }
>;
/** `invitation`: SHA-256 of the secret in the link, hex. Whoever has it may set the first password until `expiresAt`. */
export type UserInvited = Fact<
  'UserInvited',
  { readonly at: string; readonly invitation: string; readonly expiresAt: string }
>;
/** `password`: the sealed argon2id hash (PHC string). All sessions that an earlier password opened are over. */
export type UserPasswordChanged = Fact<
  'UserPasswordChanged',
  { readonly at: string; readonly password: SealedText }
>;
/** From now on whoever the issuer names with this subject id is the user. Opens the account of one who has no password yet. */
export type UserIdentityLinked = Fact<
  'UserIdentityLinked',
  {
    readonly at: string;
    /** Issuer identifier (URL) of OpenID Connect. */
    readonly issuer: string;
    /** HMAC-SHA-256 of issuer and subject id, hex. */
    readonly subjectIndex: string;
  }
>;
export type UserDisabled = Fact<'UserDisabled', { readonly at: string }>;
export type UserEnabled = Fact<'UserEnabled', { readonly at: string }>;
/** Nothing about the user can be read any more: the key of the user's personal data is destroyed. */
export type UserErased = Fact<'UserErased', { readonly at: string }>;
export type AccessTokenIssued = Fact<
  'AccessTokenIssued',
  {
    readonly at: string;
    /** `drm_<16>` */
    readonly token: string;
    readonly name: string;
    /** Narrows what the token may do; null = all that the user may. */
    readonly role: Role | null;
    /** `reg_…`: the only registry that the token sees; null = all of the user's. */
    readonly registry: string | null;
    readonly expiresAt: string | null;
    /** SHA-256 of the secret, hex. Redacted from every answer. */
    readonly secretHash: string;
  }
>;
export type AccessTokenRevoked = Fact<'AccessTokenRevoked', { readonly at: string; readonly token: string }>;
export type UserSignedIn = Fact<'UserSignedIn', { readonly at: string }>;

export type UserFact =
  | UserRegistered
  | UserInvited
  | UserPasswordChanged
  | UserIdentityLinked
  | UserDisabled
  | UserEnabled
  | UserErased
  | AccessTokenIssued
  | AccessTokenRevoked
  | UserSignedIn;

export interface AccessToken {
  readonly issued: AccessTokenIssued['data'];
  readonly revokedAt: string | null;
}

export type UserState =
  | { readonly status: 'none' }
  | {
      /** `invited`: neither a password nor an identity yet. */
      readonly status: 'invited' | 'active' | 'disabled' | 'erased';
      readonly registered: UserRegistered['data'];
      readonly invitation: UserInvited['data'] | null;
      readonly password: SealedText | null;
      /** The subject's index at each issuer that the user signs in through. */
      readonly identities: Readonly<Record<string, string>>;
      /** About when the user signed in last: sign-ins that follow each other closely are recorded once. */
      readonly signedInAt: string | null;
      readonly tokens: Readonly<Record<string, AccessToken>>;
    };

type Registered = Exclude<UserState, { status: 'none' }>;

/** The form of a user's id. */
export const USER_ID = /^usr_[0-9A-Za-z]{16}$/;

/** Stream `user-usr_<16>`. `erased` is terminal. */
export const users: StreamKind<UserState, UserFact> = {
  category: 'user',
  initial: { status: 'none' },
  critical: new Set(['UserPasswordChanged', 'UserDisabled', 'UserErased', 'AccessTokenRevoked']),
  evolve(state, fact) {
    if (fact.type === 'UserRegistered') return state.status === 'none' ? registered(fact.data) : state;
    if (state.status === 'none' || state.status === 'erased') return state;
    return evolveRegistered(state, fact);
  },
};

function registered(data: UserRegistered['data']): UserState {
  return {
    status: 'invited',
    registered: data,
    invitation: null,
    password: null,
    identities: {},
    signedInAt: null,
    tokens: {},
  };
}

function evolveRegistered(state: Registered, fact: Exclude<UserFact, UserRegistered>): UserState {
  switch (fact.type) {
    case 'UserInvited':
      return { ...state, invitation: fact.data };
    case 'UserPasswordChanged':
      return {
        ...state,
        status: state.status === 'disabled' ? 'disabled' : 'active',
        invitation: null,
        password: fact.data.password,
      };
    case 'UserIdentityLinked':
      return linked(state, fact.data);
    case 'UserDisabled':
      return { ...state, status: 'disabled' };
    case 'UserEnabled':
      return { ...state, status: canSignIn(state) ? 'active' : 'invited' };
    case 'UserErased':
      return { ...state, status: 'erased', invitation: null, password: null, identities: {} };
    case 'AccessTokenIssued':
      return withToken(state, { issued: fact.data, revokedAt: null });
    case 'AccessTokenRevoked':
      return endToken(state, fact.data);
    case 'UserSignedIn':
      return { ...state, signedInAt: fact.data.at };
    default:
      return unknownFact(fact, state);
  }
}

function linked(state: Registered, { issuer, subjectIndex }: UserIdentityLinked['data']): UserState {
  const status = state.status === 'disabled' ? 'disabled' : 'active';
  return { ...state, status, invitation: null, identities: { ...state.identities, [issuer]: subjectIndex } };
}

function canSignIn({ password, identities }: Registered): boolean {
  return password !== null || Object.keys(identities).length > 0;
}

function withToken(state: Registered, token: AccessToken): UserState {
  return { ...state, tokens: { ...state.tokens, [token.issued.token]: token } };
}

function endToken(state: Registered, { token, at }: AccessTokenRevoked['data']): UserState {
  const known = state.tokens[token];
  return known && known.revokedAt === null ? withToken(state, { ...known, revokedAt: at }) : state;
}

/** A type of a later release: it changes nothing here. The compiler proves that no known type ends up here. */
function unknownFact(_fact: never, state: UserState): UserState {
  return state;
}
