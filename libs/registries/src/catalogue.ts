import { describeFacts, ROLES } from '#libs/kernel';
import { policyOfVersion1 } from './policy.js';
import { registries } from './registry.js';
import { emails, hosts, identities, slugs } from './reservation.js';

const ROLE = `${ROLES.slice(0, -1)
  .map((role) => `\`${role}\``)
  .join(', ')} or \`${ROLES.at(-1)}\`.`;

const SEALED = 'encrypted under the key of this channel: `subject`, `iv`, `ciphertext`, `commitment`.';
const EXAMPLE_SEALED = {
  subject: 'chn_7Qm4TzR0aKd9P2Xb',
  iv: 'mX0b8Zl2Rq9uYw3k',
  ciphertext: 'p0r3c4t5uV6w7X8y9Z0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdefghijklmnopqrstu',
  commitment: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
};

/** What the event catalogue says about the facts of a registry. */
export const registryFacts = describeFacts([registries], {
  RegistryCreated: {
    description: 'A registry was created. Its slug had been reserved for it.',
    fields: {
      at: ['time', 'When it was created.'],
      slug: ['text', 'First label of its host under the registry domain.'],
      name: ['text', 'What people call it.'],
      plan: ['text', '`free`, `team` or `enterprise`.'],
      createdBy: ['text', 'Pseudonymous id of who created it.'],
    },
    example: {
      at: '2026-01-05T09:00:00.000Z',
      slug: 'myapp',
      name: 'My app',
      plan: 'team',
      createdBy: 'usr_8Hn2Wc5LxV1eJs6G',
    },
  },
  HostAdded: {
    description: 'The registry answers on one more host. The host had been reserved for it.',
    fields: {
      at: ['time', 'When it was added.'],
      host: ['text', 'Lower case, without port and trailing dot.'],
    },
    example: { at: '2026-01-05T09:00:00.000Z', host: 'images.example.com' },
  },
  HostRemoved: {
    description: 'The registry answers on this host no more. The host is released after it.',
    fields: {
      at: ['time', 'When it was removed.'],
      host: ['text', 'As it was added.'],
    },
    example: { at: '2026-02-03T14:20:00.000Z', host: 'images.example.com' },
  },
  RegistryRenamed: {
    description: 'The registry got another name. Its slug stays.',
    fields: {
      at: ['time', 'When it was renamed.'],
      name: ['text', 'What people call it from then on.'],
    },
    example: { at: '2026-02-03T14:25:00.000Z', name: 'My renamed app' },
  },
  RegistryUpstreamChanged: {
    description: 'Its images stand in another registry behind the gate from then on. None was moved.',
    fields: {
      at: ['time', 'When it was changed.'],
      upstream: [
        'text or null',
        'Origin of the registry that it has to itself; null: the one that all share.',
      ],
    },
    example: { at: '2026-02-03T14:30:00.000Z', upstream: 'http://registry-a:5000' },
  },
  RegistryPolicyChanged: {
    description: 'The registry got another policy. The fact carries the whole of it.',
    fields: {
      at: ['time', 'When it was changed.'],
      policy: [
        'object',
        'All of `maxLifetime`, `requireExpiry`, `rotationPeriod`, `reminders`, `allowedNetworks`, `namePattern`, `maxKeys`, `timeZone`, `onLeak` and `serveReadsFor`, as the API has them.',
      ],
      changes: [
        'object',
        'By field what is different: `from` and `to`. Empty in facts that were version 1, which did not say it.',
      ],
    },
    upcasters: [policyOfVersion1],
    example: {
      at: '2026-02-03T14:35:00.000Z',
      policy: {
        maxLifetime: 'P365D',
        requireExpiry: true,
        rotationPeriod: 'P90D',
        reminders: ['P30D', 'P14D', 'P7D', 'P1D'],
        allowedNetworks: ['203.0.113.0/24'],
        namePattern: '^(ci|deploy)-',
        maxKeys: 100,
        timeZone: 'Europe/Berlin',
        onLeak: 'suspend',
        serveReadsFor: null,
      },
      changes: {
        maxLifetime: { from: null, to: 'P365D' },
        requireExpiry: { from: false, to: true },
      },
    },
  },
  RegistryPlanChanged: {
    description: 'The registry got another plan.',
    fields: {
      at: ['time', 'When it was changed.'],
      plan: ['text', '`free`, `team` or `enterprise`.'],
    },
    example: { at: '2026-02-03T14:40:00.000Z', plan: 'enterprise' },
  },
  MemberAdded: {
    description: 'A user became a member of the registry.',
    fields: {
      at: ['time', 'When the user was added.'],
      user: ['text', 'Pseudonymous id of the user.'],
      role: ['text', ROLE],
    },
    example: { at: '2026-01-05T09:05:00.000Z', user: 'usr_0Kd9PzR0aTm4Qb7X', role: 'developer' },
  },
  MemberRoleChanged: {
    description: 'A member has another role.',
    fields: {
      at: ['time', 'When it was changed.'],
      user: ['text', 'Pseudonymous id of the user.'],
      role: ['text', ROLE],
    },
    example: { at: '2026-02-03T14:45:00.000Z', user: 'usr_0Kd9PzR0aTm4Qb7X', role: 'viewer' },
  },
  MemberRemoved: {
    description: 'A user is no member of the registry any more.',
    fields: { at: ['time', 'When the user was removed.'], user: ['text', 'Pseudonymous id of the user.'] },
    example: { at: '2026-02-03T14:50:00.000Z', user: 'usr_0Kd9PzR0aTm4Qb7X' },
  },
  ChannelConfigured: {
    description: 'The registry has a channel for notifications, as it is from then on.',
    fields: {
      at: ['time', 'When it was configured.'],
      channel: ['text', 'Id of the channel.'],
      kind: ['text', '`email`, `webhook` or `slack`.'],
      name: ['text', 'What people call it.'],
      target: ['object', `The URL or the e-mail address, ${SEALED}`],
      secret: ['object or null', `What a webhook is signed with, ${SEALED} null for other kinds.`],
      previousSecret: [
        'object or null',
        '`secret`: the one before, encrypted likewise; `until`: how long deliveries are signed with it too.',
      ],
      events: ['texts', 'Names of what it is told, such as `key.revoked`.'],
      disabled: [
        'text or null',
        'Why it is sent nothing: `by-owner`, or `gone` after its target answered 410; null: it is sent what happens.',
      ],
    },
    example: {
      at: '2026-02-03T15:00:00.000Z',
      channel: 'chn_7Qm4TzR0aKd9P2Xb',
      kind: 'webhook',
      name: 'On-call',
      target: EXAMPLE_SEALED,
      secret: EXAMPLE_SEALED,
      previousSecret: { secret: EXAMPLE_SEALED, until: '2026-02-04T15:00:00.000Z' },
      events: ['key.leak-reported'],
      disabled: null,
    },
  },
  ChannelRemoved: {
    description: 'The registry has a channel no more. Its key is destroyed: nobody can read where it led.',
    fields: { at: ['time', 'When it was removed.'], channel: ['text', 'Id of the channel.'] },
    example: { at: '2026-02-03T15:05:00.000Z', channel: 'chn_7Qm4TzR0aKd9P2Xb' },
  },
  AlertRuleChanged: {
    description: 'A rule of the alerts is on or off, with this threshold. The fact carries the whole of it.',
    fields: {
      at: ['time', 'When it was laid down.'],
      rule: ['text', 'Name of the rule (docs/alerts.md).'],
      keys: ['object', 'By the id of a key what holds for it in place of this: `enabled`, `threshold`.'],
      enabled: ['boolean', 'Whether the rule raises alerts.'],
      threshold: ['number or null', 'In the unit of the rule; null: its default.'],
    },
    example: {
      at: '2026-02-03T15:10:00.000Z',
      rule: 'volume-pushes',
      keys: { drk_5Tg9Xc3Lm7Qa1Wz4: { enabled: false, threshold: null } },
      enabled: true,
      threshold: 50,
    },
  },
  RuleMuted: {
    description: 'A rule raises nothing for uses before a time.',
    fields: {
      at: ['time', 'When somebody said so.'],
      rule: ['text', 'Name of the rule.'],
      key: ['text or null', 'Id of the key that it is muted for; null: for all.'],
      until: ['time or null', 'Until when; null: it raises alerts again.'],
    },
    example: {
      at: '2026-02-03T15:15:00.000Z',
      rule: 'new-network',
      key: 'drk_5Tg9Xc3Lm7Qa1Wz4',
      until: '2026-02-10T15:15:00.000Z',
    },
  },
  AlertSettingsChanged: {
    description: 'What holds for all rules of the alerts was laid down. The fact carries the whole of it.',
    fields: {
      at: ['time', 'When it was laid down.'],
      settings: [
        'object',
        'All of `learningDays`, `foldHours`, `expectedCountries`, `expectedNetworks`, `quietHours` and `digestAt`, as the API has them.',
      ],
    },
    example: {
      at: '2026-02-03T15:20:00.000Z',
      settings: {
        learningDays: 14,
        foldHours: 24,
        expectedCountries: ['DE'],
        expectedNetworks: [],
        quietHours: { from: '22:00', until: '07:00' },
        digestAt: '08:00',
      },
    },
  },
  NotificationSecretIssued: {
    description:
      'The registry behind the gate may send notifications with a new secret; the one before, if any, ended.',
    fields: {
      at: ['time', 'When it was made.'],
      secretHash: ['text', 'SHA-256 of the secret, in hexadecimal.'],
    },
    example: {
      at: '2026-02-03T14:55:00.000Z',
      secretHash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    },
  },
  NotificationSecretRemoved: {
    description: 'Notifications are taken no more: their secret ended.',
    fields: { at: ['time', 'When it was removed.'] },
    example: { at: '2026-02-03T14:58:00.000Z' },
  },
});

/** What it says about names: one stream a name, so that the store itself keeps names unique. */
export const reservationFacts = describeFacts([slugs, hosts, emails, identities], {
  Reserved: {
    description:
      'A name was taken for a registry, or an e-mail address or identity for a user, before it was used.',
    fields: { at: ['time', 'When it was taken.'], by: ['text', 'Id of the registry or user that holds it.'] },
    example: { at: '2026-01-05T08:59:59.990Z', by: 'reg_2Xb7Qm4TzR0aKd9P' },
  },
  Released: {
    description: 'A name is free again.',
    fields: { at: ['time', 'When it was released.'] },
    example: { at: '2026-01-05T09:00:01.000Z' },
  },
});
