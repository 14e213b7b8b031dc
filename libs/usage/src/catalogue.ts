import { describeFacts } from '#libs/kernel';
import { usage } from './facts.js';

const registry = ['text', 'Id of the registry that was asked.'] as const;
const applied = [
  'text',
  'Position of the log that the gate had applied when it decided on the first of them.',
] as const;
const network = ['text or null', 'Where it came from, truncated to /24 or /48; null: not known.'] as const;

/** What the event catalogue says about the use of keys. */
export const usageFacts = describeFacts([usage], {
  KeyUsageRecorded: {
    description:
      'What one process let one key do in a part of a minute. The parts of a minute, of all processes, add up.',
    fields: {
      at: ['time', 'When it was taken from the counter.'],
      registry,
      key: ['text', 'Id of the key.'],
      minute: ['time', 'The start of the minute.'],
      part: ['number', 'Which part of the minute, from 0.'],
      actions: [
        'object',
        'By action (`login`, `catalog`, `pull`, `push`, `delete`): how many requests were `accepted`, and how many of the accepted `failed` behind the gate. An action that did not occur is left out.',
      ],
      bytesUp: ['number', 'Bytes of bodies sent by clients, in requests that ended in this part.'],
      bytesDown: ['number', 'Bytes of bodies sent to clients, in requests that ended in this part.'],
      repositories: ['objects', 'The busiest repositories: `name`, `pulls`, `pushes`, `others`.'],
      repositorySet: [
        'text or null',
        'Base64 of 64 bytes from which the number of different repositories follows, also over several facts; null: `repositories` has them all.',
      ],
      places: [
        'objects',
        'Where the requests came from: `network` (/24 or /48), `country`, `asn`, each or null, and `pulls`, `pushes`, `others`.',
      ],
      clients: ['objects', 'Programs, by a short list of names: `client` and `count`.'],
      unaccounted: [
        'object',
        'Requests that are counted above but stand in no list: of `places`, `repositories`, `clients`.',
      ],
      last: [
        'object or null',
        'The last accepted request: `at`, `action`, `repository` (null: none, or a name of more than 100 characters), `client`, `network`, `country`, `asn`; null: requests only ended.',
      ],
      applied,
    },
    example: {
      at: '2026-01-06T09:31:00.120Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      key: 'drk_5Tg9Xc3Lm7Qa1Wz4',
      minute: '2026-01-06T09:30:00.000Z',
      part: 1,
      actions: { login: { accepted: 1, failed: 0 }, push: { accepted: 12, failed: 1 } },
      bytesUp: 48211093,
      bytesDown: 5120,
      repositories: [{ name: 'team/api', pulls: 0, pushes: 12, others: 0 }],
      repositorySet: null,
      places: [{ network: '203.0.113.0/24', country: 'DE', asn: 64500, pulls: 0, pushes: 12, others: 1 }],
      clients: [{ client: 'docker', count: 13 }],
      unaccounted: { places: 0, repositories: 0, clients: 0 },
      last: {
        at: '2026-01-06T09:30:58.377Z',
        action: 'push',
        repository: 'team/api',
        client: 'docker',
        network: '203.0.113.0/24',
        country: 'DE',
        asn: 64500,
      },
      applied: '4711',
    },
  },
  KeyUseDenied: {
    description: 'The gate refused requests of one kind: the same key, reason, action and place.',
    fields: {
      at: ['time', 'When it was taken from the counter.'],
      registry,
      key: ['text or null', 'Id of the key; null: none was named, or there is none of that id.'],
      reason: [
        'text',
        '`malformed`, `not_a_key`, `unknown`, `wrong_secret`, `wrong_registry`, `revoked`, `expired`, `suspended`, `network_refused` or `not_permitted`.',
      ],
      proven: ['boolean', 'Whether the caller had the secret of the key.'],
      denied: ['text or null', 'For `not_permitted`: `permission` or `repository`, whichever was missing.'],
      action: ['text', '`login`, `catalog`, `pull`, `push` or `delete`.'],
      repository: ['text or null', 'The first that was asked for.'],
      network,
      country: ['text or null', 'ISO 3166-1 alpha-2; null: not known.'],
      asn: ['number or null', 'Number of the autonomous system; null: not known.'],
      client: ['text', 'Program of the first request, by a short list of names.'],
      count: ['number', 'How many requests.'],
      credentials: ['number', 'How many different key ids or secrets were tried, counted up to 32.'],
      first: ['time', 'When the first was refused.'],
      last: ['time', 'When the last was refused.'],
      applied,
    },
    example: {
      at: '2026-01-06T16:05:00.250Z',
      registry: 'reg_2Xb7Qm4TzR0aKd9P',
      key: 'drk_5Tg9Xc3Lm7Qa1Wz4',
      reason: 'revoked',
      proven: true,
      denied: null,
      action: 'pull',
      repository: 'team/api',
      network: '198.51.100.0/24',
      country: 'NL',
      asn: 64511,
      client: 'containerd',
      count: 3,
      credentials: 1,
      first: '2026-01-06T16:04:59.301Z',
      last: '2026-01-06T16:04:59.988Z',
      applied: '4790',
    },
  },
});
