import { describeFacts } from '#libs/kernel';
import { registries } from './registry.js';
import { hosts, slugs } from './reservation.js';

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
});

/** What it says about names: one stream a name, so that the store itself keeps names unique. */
export const reservationFacts = describeFacts([slugs, hosts], {
  Reserved: {
    description: 'A name was taken for a registry, before the registry used it.',
    fields: { at: ['time', 'When it was taken.'], by: ['text', 'Id of the registry that holds it.'] },
    example: { at: '2026-01-05T08:59:59.990Z', by: 'reg_2Xb7Qm4TzR0aKd9P' },
  },
  Released: {
    description: 'A name is free again.',
    fields: { at: ['time', 'When it was released.'] },
    example: { at: '2026-01-05T09:00:01.000Z' },
  },
});
