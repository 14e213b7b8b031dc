import { describeFacts } from '#libs/kernel';
import { deliveries } from './deliveries.js';

const registry = ['text', 'Id of the registry that it is about.'] as const;
const channel = ['text', 'Id of the channel, or of the user to whom a reminder goes.'] as const;
const durationMs = ['number', 'Milliseconds that the attempt took.'] as const;
const OF = { registry: 'reg_2Xb7Qm4TzR0aKd9P', channel: 'chn_7Qm4TzR0aKd9P2Xb' };

/** What the event catalogue says about what became of a notification. */
export const deliveryFacts = describeFacts([deliveries], {
  NotificationRequested: {
    description: 'Somebody asked for a delivery: to test a channel, or once more.',
    fields: {
      at: ['time', 'When.'],
      registry,
      channel,
      test: ['boolean', 'Whether it is a test: then there is no other fact that it tells of.'],
    },
    example: { at: '2026-02-03T15:01:00.000Z', ...OF, test: true },
  },
  NotificationDelivered: {
    description: 'The target took a notification.',
    fields: {
      at: ['time', 'When.'],
      registry,
      channel,
      attempts: ['number', 'How many it took since it was due, or was last asked for.'],
      status: ['number', 'HTTP status, or reply code of the mail server.'],
      durationMs,
    },
    example: { at: '2026-02-03T15:01:00.350Z', ...OF, attempts: 1, status: 204, durationMs: 87 },
  },
  NotificationFailed: {
    description: 'An attempt to deliver a notification failed.',
    fields: {
      at: ['time', 'When.'],
      registry,
      channel,
      attempt: ['number', 'From 1, since it was due, or was last asked for.'],
      status: ['number or null', 'HTTP status, or reply code of the mail server; null: there was no answer.'],
      error: ['text', 'Why, without secret, URL and address.'],
      nextAttemptAt: ['time or null', 'When it is tried again; null: it is given up.'],
      durationMs,
    },
    example: {
      at: '2026-02-03T15:01:00.350Z',
      ...OF,
      attempt: 1,
      status: 503,
      error: 'the target answered 503',
      nextAttemptAt: '2026-02-03T15:01:05.350Z',
      durationMs: 87,
    },
  },
});
