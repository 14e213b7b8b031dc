import { describeFacts } from '#libs/kernel';
import { alerts } from './alert.js';
import { digests } from './digest.js';

const registry = ['text', 'Id of the registry.'] as const;
const count = ['number', 'How many times the rule fired within the window so far.'] as const;
const evidence = ['object', 'What the rule saw, by names that depend on the rule (docs/alerts.md).'] as const;
const position = ['text', 'Position in the log of the usage fact that made the rule fire.'] as const;
const by = ['text', 'Pseudonymous id of who did it.'] as const;

/** What the event catalogue says about alerts. */
export const alertFacts = describeFacts([alerts], {
  AlertRaised: {
    description:
      'A rule fired on the use of a key. What it finds later within the window folds into this alert.',
    fields: {
      at: ['time', 'When the alert was raised.'],
      registry,
      key: ['text or null', 'Id of the key; null: it concerns the registry.'],
      rule: ['text', 'Name of the rule.'],
      severity: ['text', '`low`, `medium` or `high`.'],
      since: ['time', 'Time of the use that made the rule fire.'],
      count,
      evidence,
      baseline: ['object', 'What is usual for the key.'],
      next: ['texts', 'What one can do, the advised first.'],
      position,
      tells: ['boolean', 'Whether channels are told of it at once; else the next digest does.'],
    },
    example: {
      at: '2026-01-06T16:05:00.310Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      key: 'drk_5Tg9Xc3Lm7Qa1Wz4',
      rule: 'push-from-unexpected-place',
      severity: 'high',
      since: '2026-01-06T16:04:00.000Z',
      count: 1,
      evidence: { network: '198.51.100.0/24', country: 'NL', asn: 64511, points: 16, pushes: 3 },
      baseline: { countries: ['DE'], asns: [64500], pushesAnHour: 1.4 },
      next: ['suspend', 'rotate', 'revoke', 'keep'],
      position: '4795',
      tells: true,
    },
  },
  AlertRepeated: {
    description: 'The rule fired again within the window. Told when the count has grown fourfold.',
    fields: { at: ['time', 'When it was told.'], registry, count, evidence, position },
    example: {
      at: '2026-01-06T16:21:00.410Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      count: 4,
      evidence: { network: '198.51.100.0/24', country: 'NL', asn: 64511, points: 18, pushes: 41 },
      position: '4822',
    },
  },
  AlertAcknowledged: {
    description: 'Somebody looks after an alert.',
    fields: {
      at: ['time', 'When they said so.'],
      registry,
      by,
      note: [
        'object or null',
        'What they wrote about it, encrypted under the key of that user: `subject`, `iv`, `ciphertext`, `commitment`.',
      ],
    },
    example: {
      at: '2026-01-06T16:30:00.000Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      by: 'usr_8Hn2Wc5LxV1eJs6G',
      note: null,
    },
  },
  AlertResolved: {
    description: 'An alert is over.',
    fields: {
      at: ['time', 'When somebody said so.'],
      registry,
      by,
      outcome: [
        'text',
        '`confirmed` (an attack or a leak), `expected` (the use was meant), `false-alarm` or `unstated`.',
      ],
    },
    example: {
      at: '2026-01-06T17:10:00.000Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      by: 'usr_8Hn2Wc5LxV1eJs6G',
      outcome: 'confirmed',
    },
  },
});

/** What it says about digests of alerts. */
export const digestFacts = describeFacts([digests], {
  AlertsDigested: {
    description: 'Channels are told in one message of alerts that were kept back.',
    fields: {
      at: ['time', 'When the digest was made.'],
      registry,
      alerts: [
        'objects',
        'The gravest first, at most 50: `alert`, `key` (or null), `rule`, `severity`, `count`.',
      ],
      total: ['number', 'How many there are, named or not.'],
      until: ['text', 'Position in the log of the newest of these alerts.'],
    },
    example: {
      at: '2026-01-07T08:00:00.000Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      alerts: [
        {
          alert: 'alt_9Kd2Xw5Vb8Nq1Lz7',
          key: 'drk_5Tg9Xc3Lm7Qa1Wz4',
          rule: 'new-network',
          severity: 'low',
          count: 1,
        },
      ],
      total: 1,
      until: '4797',
    },
  },
});
