import { randomUUID } from 'node:crypto';
import { Catalogue, type CommandContext } from '#libs/event-store';
import { describeFacts, type Fact, type StreamKind } from '#libs/kernel';

export type Counted = Fact<'Counted', { readonly at: string; readonly by: number }>;

/** A kind of stream that only tests have: its state is the sum of its facts, each of which narrows access. */
export const counters: StreamKind<number, Counted> = {
  category: 'counter',
  initial: 0,
  evolve: (sum, fact) => sum + fact.data.by,
  critical: new Set(['Counted']),
};

const at = '2026-01-01T00:00:00.000Z';

export const counterCatalogue = new Catalogue(
  describeFacts([counters], {
    Counted: {
      description: 'Some more were counted.',
      fields: { at: ['time', 'When.'], by: ['text', 'How many more.'] },
      example: { at, by: 1 },
    },
  }),
);

/** The decision to count so many more, whatever the sum. */
export const count = (by: number) => (): Counted[] => [{ type: 'Counted', data: { at, by } }];

/** The decision that the sum is to be at least this: it may be repeated. */
export const countTo = (wanted: number) => (sum: number) => (sum >= wanted ? [] : count(wanted - sum)());

export const command = (commandId: string = randomUUID()): CommandContext => ({
  commandId,
  actor: { type: 'system', id: 'test' },
  correlationId: 'test',
  network: '127.0.0.0/24',
});
