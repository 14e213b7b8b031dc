import { describeFacts } from '#libs/kernel';
import { leases } from './facts.js';

/** What the event catalogue says about leases. */
export const leaseFacts = describeFacts([leases], {
  LeaseRenewed: {
    description:
      'A process that decides from memory said that it lives. Its lease counts from before this was sent, and holds once its own subscription delivered this.',
    fields: {
      at: ['time', 'When it was sent.'],
      renewal: ['text', 'Random id of this one renewal, which is sent once.'],
      label: ['text', 'Name of the host, for people; two processes may have the same.'],
      leaseMs: ['number', 'How long its leases are, in milliseconds.'],
    },
    example: { at: '2026-01-05T09:00:00.000Z', renewal: 'kR3v9XzQ1mB7tY5c', label: 'gate-1', leaseMs: 3000 },
  },
  LeaseReleased: {
    description: 'The process had stopped deciding and gives up its lease.',
    fields: { at: ['time', 'When it gave it up.'] },
    example: { at: '2026-01-05T09:00:00.000Z' },
  },
});
