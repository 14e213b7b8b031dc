import { describe, expect, it } from '@jest/globals';
import { describeFacts, type Fact, type RecordedFact, type StreamKind, type Upcaster } from '#libs/kernel';
import { Catalogue, LaterRelease } from './catalogue.js';

type Moved = Fact<'Moved', { readonly at: string; readonly to: string; readonly by: string }>;
type Closed = Fact<'Closed', { readonly at: string }>;
const doors: Pick<StreamKind<never, Moved | Closed>, 'category' | 'critical'> = {
  category: 'door',
  critical: new Set(['Closed']),
};
const at = '2026-01-01T00:00:00.000Z';
/** Version 2 renamed `place`, version 3 added `by`. */
const upcasters: Upcaster[] = [
  ({ place, ...data }) => ({ ...data, to: place }),
  (data) => ({ ...data, by: 'nobody' }),
];
const catalogue = new Catalogue(
  describeFacts([doors], {
    Moved: {
      description: 'It was moved.',
      fields: { at: ['time', 'When.'], to: ['text', 'Where to.'], by: ['text', 'By whom.'] },
      example: { at, to: 'b', by: 'usr_a' },
      upcasters,
    },
    Closed: { description: 'It was closed.', fields: { at: ['time', 'When.'] }, example: { at } },
  }),
);

function stored(type: string, schemaVersion: unknown, data: object, critical = false): RecordedFact {
  const actor = { type: 'system', id: 'test' } as const;
  const metadata = { actor, correlationId: 'test', causationId: 'test', ...(critical && { critical }) };
  return {
    type,
    data,
    metadata: { ...metadata, schemaVersion: schemaVersion as number },
    stream: 'door-1',
    category: 'door',
    id: '1',
    revision: 0n,
    position: 1n,
    eventId: 'e',
  };
}
const newest = { at, to: 'b', by: 'nobody' };

describe('the event catalogue', () => {
  it('writes a type in its newest version, and refuses to write one that it does not have', () => {
    expect([catalogue.versionOf('Moved'), catalogue.versionOf('Closed')]).toEqual([3, 1]);
    expect(() => catalogue.versionOf('Opened')).toThrow('the event catalogue has no Opened');
  });

  it('always has the events of the log itself', () =>
    expect(new Catalogue([]).versionOf('LogStarted')).toBe(1));

  it('refuses two entries for one type', () =>
    expect(() => new Catalogue([...catalogue.types])).toThrow('twice'));

  it.each([
    ['the first', stored('Moved', 1, { at, place: 'b' })],
    ['the second', stored('Moved', 2, { at, to: 'b' })],
    ['the newest', stored('Moved', 3, newest)],
    ['a missing', stored('Moved', undefined, { at, place: 'b' })],
  ])('brings facts of %s version step by step to the newest', (_, fact) => {
    const read = catalogue.newest(fact);
    expect({ type: read.type, data: read.data, version: read.metadata.schemaVersion }).toEqual({
      type: 'Moved',
      data: newest,
      version: 3,
    });
  });

  it.each([4, 0, -1, 1.5, '2', null, {}].map((version) => [version] as const))(
    'never shows version %p of a known type to a fold',
    (version) => {
      const read = catalogue.newest(stored('Moved', version, { at, elsewhere: 'c' }));
      expect(read.type === 'Moved').toBe(version === null);
    },
  );

  it('lets an upcaster that fails on broken data fail the read', () => {
    const broken = new Catalogue(
      catalogue.types
        .filter(({ type }) => type === 'Moved')
        .map((known) => ({
          ...known,
          upcasters: [
            () => {
              throw new Error('no place');
            },
            ...known.upcasters.slice(1),
          ],
        })),
    );
    expect(() => broken.newest(stored('Moved', 1, {}))).toThrow('no place');
  });
});

describe('facts of a later release', () => {
  const obstacle = (...facts: RecordedFact[]) =>
    catalogue.upToObstacle(facts.map((fact) => catalogue.newest(fact)));
  const known = stored('Closed', 1, { at }, true);

  it.each([
    ['an unknown type that narrows access', stored('Locked', 1, {}, true), 'event Locked v1'],
    ['a later version of a type that does', stored('Closed', 2, {}, true), 'event Closed v2'],
    ['a later version of it without the mark', stored('Closed', 2, {}), 'event Closed v2'],
    ['a later version that began to', stored('Moved', 4, {}, true), 'event Moved v4'],
  ])('end what is read at %s, and say so', (_, fact, text) => {
    const { facts, obstacle: found } = obstacle(known, fact, known);
    expect(facts).toHaveLength(1);
    expect(found).toBeInstanceOf(LaterRelease);
    expect(found).toMatchObject({
      code: 'unavailable',
      message: `${text} of a later release narrows access; upgrade this node`,
    });
  });

  it.each([
    ['a known type that narrows access', known],
    ['an unknown type that does not', stored('Painted', 7, {})],
    ['a later version of a type that does not', stored('Moved', 4, {})],
  ])('go on past %s', (_, fact) => expect(obstacle(fact).obstacle).toBeUndefined());

  it.each([
    [
      'a later version of any known type',
      stored('Moved', 4, {}),
      'event Moved v4 of a later release cannot be read',
    ],
    ['an unknown type that narrows access', stored('Locked', 1, {}, true), 'event Locked v1'],
  ])('refuse a decision on a stream with %s', (_, fact, text) =>
    expect(() => catalogue.refuseUnreadable([known, catalogue.newest(fact)])).toThrow(text),
  );

  it('allow one on a stream with an unknown type that narrows nothing', () =>
    catalogue.refuseUnreadable([known, catalogue.newest(stored('Painted', 1, {}))]));
});
