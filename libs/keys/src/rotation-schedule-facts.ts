import type { FactDescription } from '#libs/kernel';
import type { RotationScheduleFact } from './rotation-schedule.js';

const registry = ['text', 'Id of the registry that the key belongs to.'] as const;
const schedule = ['text', 'Id of the schedule: the same for the key and its successors.'] as const;
const kind = [
  'text',
  'Kind of the target: `webhook`, `vault`, `aws-secrets-manager`, `github-actions` or `file`.',
] as const;
const REGISTRY = 'reg_2Xb7Qm4TzR0aKd9P';
const SCHEDULE = 'rot_9P2Xb7Qm4TzR0aKd';

/** What the event catalogue says about the rotation of keys by themselves. */
export const rotationScheduleFacts: {
  readonly [Type in RotationScheduleFact['type']]: FactDescription<
    Extract<RotationScheduleFact, { readonly type: Type }>
  >;
} = {
  KeyRotationScheduled: {
    description:
      'A key is rotated by itself from then on. A successor is born with the schedule of the key that it takes over from.',
    fields: {
      at: ['time', 'When that was asked for, or the successor was born.'],
      registry,
      schedule,
      every: ['text', 'So long after one rotation the next follows (ISO 8601).'],
      gracePeriod: ['text', 'So long the old key works beside its successor (ISO 8601).'],
      kind,
      target: [
        'object',
        'Where new secrets go, and what opens it, encrypted under the key of the schedule: `subject`, `iv`, `ciphertext`, `commitment`.',
      ],
      dueAt: ['time', 'When the next rotation is due.'],
    },
    example: {
      at: '2026-01-05T09:40:00.000Z',
      registry: REGISTRY,
      schedule: SCHEDULE,
      every: 'P30D',
      gracePeriod: 'PT24H',
      kind: 'vault',
      target: {
        subject: SCHEDULE,
        iv: 'mX0b8Zl2Rq9uYw3k',
        ciphertext: 'p0r3c4t5uV6w7X8y9Z0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdefghijklmnopqrstu',
        commitment: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      },
      dueAt: '2026-02-04T09:30:00.000Z',
    },
  },
  KeyRotationUnscheduled: {
    description:
      'A key is not rotated by itself any more: somebody asked for that, or it has ended. What opened its target is destroyed.',
    fields: { at: ['time', 'When.'], registry, schedule },
    example: { at: '2026-03-01T10:00:00.000Z', registry: REGISTRY, schedule: SCHEDULE },
  },
  KeyRotationLapsed: {
    description:
      'A key is not rotated by itself any more, though nobody asked for that: it expired before a rotation went well. What opened its target is destroyed.',
    fields: {
      at: ['time', 'When.'],
      registry,
      schedule,
      kind,
      error: [
        'text or null',
        'Why the last attempt failed, without secret, URL and address; null: there was none.',
      ],
      recipients: [
        'texts',
        'Pseudonymous ids of those who are told: its creator and the owners of the registry.',
      ],
    },
    example: {
      at: '2026-04-05T09:30:20.004Z',
      registry: REGISTRY,
      schedule: SCHEDULE,
      kind: 'vault',
      error: 'the target answered 503',
      recipients: ['usr_8Hn2Wc5LxV1eJs6G'],
    },
  },
  RotationDelivered: {
    description: 'The target has the secret of the successor, before the grace of the old key begins.',
    fields: {
      at: ['time', 'When the target had said so.'],
      registry,
      successor: ['text', 'Id of the new key.'],
      kind,
      version: ['text or null', 'How the target calls what it has now; null: it has no name for it.'],
    },
    example: {
      at: '2026-02-04T09:30:01.120Z',
      registry: REGISTRY,
      successor: 'drk_7Yb2Lk9QwX4mRt0S',
      kind: 'vault',
      version: '2',
    },
  },
  RotationFailed: {
    description:
      'A key could not be rotated by itself. It goes on; the successor that was made for it is discarded.',
    fields: {
      at: ['time', 'When.'],
      registry,
      kind,
      error: ['text', 'Why, without secret, URL and address.'],
      nextAttemptAt: ['time', 'When it is tried again.'],
      recipients: [
        'texts',
        'Pseudonymous ids of those who are told: its creator and the owners of the registry.',
      ],
    },
    example: {
      at: '2026-02-04T09:30:09.412Z',
      registry: REGISTRY,
      kind: 'vault',
      error: 'the target answered 503',
      nextAttemptAt: '2026-02-04T09:45:09.412Z',
      recipients: ['usr_8Hn2Wc5LxV1eJs6G'],
    },
  },
};
