import { describeFacts } from '#libs/kernel';
import { keys } from './key.js';
import { rotationScheduleFacts } from './rotation-schedule-facts.js';

const registry = ['text', 'Id of the registry that the key belongs to.'] as const;

/** What the event catalogue says about the facts of a key. */
export const keyFacts = describeFacts([keys], {
  KeyGenerated: {
    description: 'A key was generated. Its secret was shown once and stands nowhere.',
    fields: {
      at: ['time', 'When it was generated.'],
      registry,
      registryRevision: ['text', "Revision of the registry's stream that this was decided under."],
      createdBy: ['text', 'Pseudonymous id of who generated it.'],
      name: ['text', 'What people call it.'],
      permission: ['text', '`read`, `read-write` or `read-write-delete`.'],
      secretHash: ['text', 'SHA-256 of the secret, in hex. Redacted from every answer.'],
      expiresAt: ['time or null', 'From when on it is refused; null = never.'],
      description: ['text or null', 'What it is for.'],
      labels: ['labels', 'Names and values given by the owner.'],
      repositories: ['texts', 'Patterns of the repositories that it reaches; empty = all of the registry.'],
      networks: ['texts', 'Networks (CIDR) from which it is accepted; empty = all.'],
      expectedCountries: ['texts', 'Countries from which its use is expected. Restricts nothing.'],
      rotates: [
        'text or null',
        'Id of the key that it is to take over from. It counts once KeyRotated stands in the stream of that key.',
      ],
      canary: ['boolean', 'Whether it grants nothing and was laid out to be found: any touch is an alert.'],
    },
    upcasters: [unrestricted, rotatesNone],
    example: {
      at: '2026-01-05T09:30:00.000Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      registryRevision: '3',
      createdBy: 'usr_8Hn2Wc5LxV1eJs6G',
      name: 'CI/CD Pipeline',
      permission: 'read-write',
      secretHash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      expiresAt: '2026-04-05T09:30:00.000Z',
      description: null,
      labels: { env: 'prod' },
      repositories: ['team/*'],
      networks: ['203.0.113.0/24'],
      expectedCountries: [],
      rotates: null,
      canary: false,
    },
  },
  KeyChanged: {
    description: 'A key got other traits. What it may do can be more or less than before.',
    fields: {
      at: ['time', 'When it was changed.'],
      registry,
      changes: [
        'object',
        'What is different from then on, as in KeyGenerated: any of `name`, `description`, `labels`, `permission`, `expiresAt`, `repositories`, `networks`, `expectedCountries`.',
      ],
    },
    example: {
      at: '2026-01-06T08:15:00.000Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      changes: { permission: 'read', networks: ['203.0.113.0/24'] },
    },
  },
  KeySuspended: {
    description: 'A key is refused until it is resumed.',
    fields: { at: ['time', 'When it was suspended.'], registry },
    example: { at: '2026-01-06T10:00:00.000Z', registry: 'reg_2Xb7Qm4TzR0aKd9P' },
  },
  KeyResumed: {
    description: 'A suspended key is accepted again.',
    fields: { at: ['time', 'When it was resumed.'], registry },
    example: { at: '2026-01-06T11:30:00.000Z', registry: 'reg_2Xb7Qm4TzR0aKd9P' },
  },
  KeyRotated: {
    description:
      'A key got a successor. It works beside it until the grace ends; the gate refuses it from that moment on, before its revocation is recorded.',
    fields: {
      at: ['time', 'When it was rotated.'],
      registry,
      successor: ['text', 'Id of the key that takes over.'],
      graceEndsAt: ['time', 'From when on it is refused.'],
    },
    example: {
      at: '2026-03-30T09:30:00.000Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      successor: 'drk_7Yb2Lk9QwX4mRt0S',
      graceEndsAt: '2026-03-31T09:30:00.000Z',
    },
  },
  KeyRevoked: {
    description: 'A key was ended for ever.',
    fields: {
      at: ['time', 'When it was revoked.'],
      registry,
      cause: [
        'text',
        '`requested`, `rotated` (its successor took over), `leaked` (it was found in public) or `discarded` (nobody ever got it).',
      ],
      reason: [
        'object or null',
        'What somebody wrote about it, encrypted under the key of that user: `subject`, `iv`, `ciphertext`, `commitment`. Unreadable once the user is erased.',
      ],
    },
    upcasters: [requestedWithoutReason],
    example: {
      at: '2026-01-06T16:02:11.250Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      cause: 'requested',
      reason: {
        subject: 'usr_8Hn2Wc5LxV1eJs6G',
        iv: 'mX0b8Zl2Rq9uYw3k',
        ciphertext: 'p0r3c4t5uV6w7X8y9Z0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdefghijklmnopqrstu',
        commitment: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      },
    },
  },
  KeyExpired: {
    description: "A key's time was over. The gate refused it from that moment on, before this was recorded.",
    fields: { at: ['time', 'The moment from which it no longer worked: its `expiresAt`.'], registry },
    example: { at: '2026-04-05T09:30:00.000Z', registry: 'reg_2Xb7Qm4TzR0aKd9P' },
  },
  KeyLeakReported: {
    description: 'A key was reported to stand where it should not be.',
    fields: {
      at: ['time', 'When it was reported.'],
      registry,
      source: ['text', 'Where it was found, in the words of who reported it.'],
      url: [
        'object or null',
        'Where exactly, encrypted under the key of the registry: `subject`, `iv`, `ciphertext`, `commitment`.',
      ],
      proven: ['boolean', 'Whether it was found with its true secret; else only its id was there.'],
      done: [
        'text or null',
        'What was done about it in the same commit, as the policy of the registry says: `nothing`, `suspended` or `revoked`; null in what was written before this field.',
      ],
      recipients: [
        'texts',
        'Pseudonymous ids of those who are told: its creator and the owners of the registry; nobody without its true secret.',
      ],
    },
    upcasters: [reportedToNobody],
    example: {
      at: '2026-01-06T16:00:00.000Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      source: 'content',
      url: {
        subject: 'reg_2Xb7Qm4TzR0aKd9P',
        iv: 'mX0b8Zl2Rq9uYw3k',
        ciphertext: 'p0r3c4t5uV6w7X8y9Z0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdefghijklmnopqrstu',
        commitment: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      },
      proven: true,
      done: 'revoked',
      recipients: ['usr_8Hn2Wc5LxV1eJs6G'],
    },
  },
  KeyExpiryReminded: {
    description: 'People were reminded that a key expires.',
    fields: {
      at: ['time', 'When they were reminded.'],
      registry,
      step: ['text', 'So long before the expiry (ISO 8601), as the policy of the registry had it.'],
      expiresAt: ['time', 'The expiry that it was about.'],
      recipients: [
        'texts',
        'Pseudonymous ids of those who are told: its creator and the owners of the registry.',
      ],
    },
    example: {
      at: '2026-03-29T09:30:00.000Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      step: 'P7D',
      expiresAt: '2026-04-05T09:30:00.000Z',
      recipients: ['usr_8Hn2Wc5LxV1eJs6G'],
    },
  },
  KeyRotationReminded: {
    description: 'People were reminded that a key should be rotated.',
    fields: {
      at: ['time', 'When they were reminded.'],
      registry,
      step: ['text', 'So long before the date (ISO 8601), as the policy of the registry had it.'],
      rotateBy: ['time', 'The date that it was about.'],
      recipients: [
        'texts',
        'Pseudonymous ids of those who are told: its creator and the owners of the registry.',
      ],
    },
    example: {
      at: '2026-03-29T09:30:00.000Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      step: 'P7D',
      rotateBy: '2026-04-05T09:30:00.000Z',
      recipients: ['usr_8Hn2Wc5LxV1eJs6G'],
    },
  },
  ReminderSnoozed: {
    description:
      'Nobody is reminded of a key for a while. What became due meanwhile is said once, afterwards.',
    fields: {
      at: ['time', 'When that was asked for.'],
      registry,
      until: ['time', 'From when on people are reminded again.'],
    },
    example: {
      at: '2026-03-29T10:00:00.000Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      until: '2026-04-02T10:00:00.000Z',
    },
  },
  ...rotationScheduleFacts,
  KeyRevocationProven: {
    description: 'No process accepts the revoked key any more. The first proof counts.',
    fields: {
      at: ['time', 'When it was proven.'],
      registry,
      position: ['text', 'Commit position of KeyRevoked.'],
      members: [
        'objects',
        'Every process that might have accepted it: `incarnation`, `label`, and when it had applied the revocation (`appliedAt`) or its lease had ended (`leaseEndedAt`), the other of the two being null.',
      ],
      durationMs: ['number', 'Milliseconds from the answer of the event store to the proof.'],
      complete: [
        'boolean',
        'Whether `members` is everyone; else it took as long as any lease that was not known.',
      ],
      serveReadsFor: [
        'text or null',
        "How long reads may go on at a gate without a lease (ISO 8601) by the registry's policy; null: not at all.",
      ],
    },
    example: {
      at: '2026-01-06T16:02:11.281Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      position: '4711',
      members: [
        {
          incarnation: '7Yb2Lk9QwX4mRt0S',
          label: 'gate-1',
          appliedAt: '2026-01-06T16:02:11.279Z',
          leaseEndedAt: null,
        },
      ],
      durationMs: 27,
      complete: true,
      serveReadsFor: null,
    },
  },
});

/** Version 2 knew no rotation: none of its keys took over from another. */
function rotatesNone(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...data, rotates: null, canary: false };
}

/** Version 1 knew no restrictions: its keys have none. */
function unrestricted(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...data, repositories: [], networks: [], expectedCountries: [] };
}

/** Version 1 knew one way to revoke, and stored no reason. */
function requestedWithoutReason(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...data, cause: 'requested', reason: null };
}

/** Version 2 of KeyLeakReported says what was done, and tells users. */
function reportedToNobody(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...data, done: null, recipients: [] };
}
