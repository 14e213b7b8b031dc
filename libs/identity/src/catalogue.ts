import { describeFacts } from '#libs/kernel';
import { administrators } from './administrators.js';
import { users } from './user.js';

const sealed = 'encrypted under the key of this user: `subject`, `iv`, `ciphertext`, `commitment`.';
const EXAMPLE_SEALED = {
  subject: 'usr_8Hn2Wc5LxV1eJs6G',
  iv: 'mX0b8Zl2Rq9uYw3k',
  ciphertext: 'p0r3c4t5uV6w7X8y9Z0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdefghijklmnopqrstu',
  commitment: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
};
const HASH = EXAMPLE_SEALED.commitment;

/** What the event catalogue says about the facts of users. */
export const userFacts = describeFacts([users], {
  UserRegistered: {
    description:
      'A user was registered; what follows in the same stream says how the first sign-in is opened.',
    fields: {
      at: ['time', 'When the user was registered.'],
      email: ['object', `E-mail address, ${sealed}`],
      name: ['object', `Name, ${sealed}`],
      emailIndex: ['text', 'HMAC-SHA-256 of the folded e-mail address, in hex: what a sign-in looks up.'],
      createdBy: ['text', 'Pseudonymous id of who registered the user.'],
    },
    example: {
      at: '2026-01-05T09:00:00.000Z',
      email: EXAMPLE_SEALED,
      name: EXAMPLE_SEALED,
      emailIndex: HASH,
      createdBy: 'usr_0Kd9PzR0aTm4Qb7X',
    },
  },
  UserInvited: {
    description:
      'A link was made with which the user sets the first password. An earlier link no longer holds.',
    fields: {
      at: ['time', 'When the link was made.'],
      invitation: ['text', 'SHA-256 of the secret in the link, in hex. Redacted from every answer.'],
      expiresAt: ['time', 'Until when it holds.'],
    },
    example: { at: '2026-01-05T09:00:00.000Z', invitation: HASH, expiresAt: '2026-01-12T09:00:00.000Z' },
  },
  UserPasswordChanged: {
    description: 'The user has a new password; sessions that an earlier one opened are over.',
    fields: {
      at: ['time', 'When it was changed.'],
      password: ['object', `The argon2id hash, ${sealed} Redacted from every answer.`],
    },
    example: { at: '2026-01-05T09:10:00.000Z', password: EXAMPLE_SEALED },
  },
  UserIdentityLinked: {
    description:
      'The user signs in through an issuer of OpenID Connect from now on; what was an invitation no longer holds.',
    fields: {
      at: [
        'time',
        'When it was linked: at the first sign-in, by an e-mail address that the issuer had verified.',
      ],
      issuer: ['text', 'Issuer identifier, a URL.'],
      subjectIndex: [
        'text',
        'HMAC-SHA-256 of the issuer and its id for the user, in hex: what a sign-in looks up.',
      ],
    },
    example: { at: '2026-01-06T09:00:00.000Z', issuer: 'https://id.example.com', subjectIndex: HASH },
  },
  UserDisabled: {
    description: 'The user can do nothing any more: sessions and access tokens are refused.',
    fields: { at: ['time', 'When.'] },
    example: { at: '2026-02-01T10:00:00.000Z' },
  },
  UserEnabled: {
    description: 'The user can sign in again.',
    fields: { at: ['time', 'When.'] },
    example: { at: '2026-02-02T10:00:00.000Z' },
  },
  UserErased: {
    description: 'The personal data of the user cannot be read any more: its key is destroyed.',
    fields: { at: ['time', 'When.'] },
    example: { at: '2026-03-01T10:00:00.000Z' },
  },
  AccessTokenIssued: {
    description: 'A user made an access token for a program. Its secret was shown once and stands nowhere.',
    fields: {
      at: ['time', 'When it was made.'],
      token: ['text', 'Id of the token.'],
      name: ['text', 'What it is for.'],
      role: ['text or null', 'The role that it is narrowed to; null = all that the user may do.'],
      registry: ['text or null', 'Id of the only registry that it sees; null = all that the user sees.'],
      expiresAt: ['time or null', 'From when on it is refused; null = never.'],
      secretHash: ['text', 'SHA-256 of the secret, in hex. Redacted from every answer.'],
    },
    example: {
      at: '2026-01-06T09:00:00.000Z',
      token: 'drm_4TzR0aKd9P2Xb7Qm',
      name: 'nightly rotation',
      role: 'developer',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      expiresAt: '2026-07-05T09:00:00.000Z',
      secretHash: HASH,
    },
  },
  AccessTokenRevoked: {
    description: 'An access token was ended for ever.',
    fields: { at: ['time', 'When.'], token: ['text', 'Id of the token.'] },
    example: { at: '2026-01-07T09:00:00.000Z', token: 'drm_4TzR0aKd9P2Xb7Qm' },
  },
  UserSignedIn: {
    description: 'The user signed in. Recorded once an hour at most.',
    fields: { at: ['time', 'When.'] },
    example: { at: '2026-01-05T09:11:00.000Z' },
  },
});

/** What it says about who administers the installation: one stream, so that the last administrator cannot be lost. */
export const administratorFacts = describeFacts([administrators], {
  AdministratorGranted: {
    description: 'A user became an administrator of the installation.',
    fields: { at: ['time', 'When.'], user: ['text', 'Id of the user.'] },
    example: { at: '2026-01-05T09:00:00.000Z', user: 'usr_8Hn2Wc5LxV1eJs6G' },
  },
  AdministratorWithdrawn: {
    description: 'A user is no longer an administrator of the installation.',
    fields: { at: ['time', 'When.'], user: ['text', 'Id of the user.'] },
    example: { at: '2026-04-05T09:00:00.000Z', user: 'usr_8Hn2Wc5LxV1eJs6G' },
  },
});
