import { describeFacts } from '#libs/kernel';
import { keys } from './key.js';

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
    },
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
    },
  },
  KeyRevoked: {
    description: 'A key was ended for ever.',
    fields: { at: ['time', 'When it was revoked.'], registry },
    example: { at: '2026-01-06T16:02:11.250Z', registry: 'reg_2Xb7Qm4TzR0aKd9P' },
  },
  KeyExpired: {
    description: "A key's time was over. The gate refused it from that moment on, before this was recorded.",
    fields: { at: ['time', 'The moment from which it no longer worked: its `expiresAt`.'], registry },
    example: { at: '2026-04-05T09:30:00.000Z', registry: 'reg_2Xb7Qm4TzR0aKd9P' },
  },
});
