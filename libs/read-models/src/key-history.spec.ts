import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RecordedFact } from '#libs/kernel';
import { keys, type ExistingKey, type KeyFact, type KeyGenerated, type KeyState } from '#libs/keys';
import { Database } from '#libs/sqlite';
import { listKeys, type KeyQuery, type KeySort } from './key-list.js';
import { findKeyAt, foldName, keyTable, type KeyRow } from './key-table.js';

const SECONDS = 40;
const RUNS = 300;
const registry = 'reg_a';
const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

/** What happens to a key and when: clocks of several nodes write it, so time may run backwards. */
type Happening = readonly [second: number, fact: (at: string) => KeyFact];
interface History {
  readonly birth: number;
  readonly born: Partial<KeyGenerated['data']>;
  readonly then: readonly Happening[];
}

const second = fc.integer({ min: 0, max: SECONDS });
const time = fc.option(second.map(at));
const traits = fc.record(
  {
    name: fc.constantFrom('CI', 'ci', 'Übung', 'deploy'),
    permission: fc.constantFrom('read' as const, 'read-write' as const),
    labels: fc.constantFrom({}, { env: 'prod' }, { env: 'test' }),
    expiresAt: time,
    description: fc.constantFrom(null, 'builds'),
  },
  { requiredKeys: [] },
);
const fact = fc.oneof(
  traits.map((changes) => (at: string) => ({ type: 'KeyChanged' as const, data: { at, registry, changes } })),
  fc
    .constantFrom('KeySuspended' as const, 'KeyResumed' as const, 'KeyExpired' as const)
    .map((type) => (at: string) => ({ type, data: { at, registry } })),
  fc.constant(
    (at: string) => ({ type: 'KeyRevoked', data: { at, registry, cause: 'leaked', reason: null } }) satisfies KeyFact,
  ),
  fc.constant(
    (at: string) =>
      ({ type: 'KeyRevocationProven', data: { at, registry, position: '0', members: [], durationMs: 0, complete: true, serveReadsFor: null } }) satisfies KeyFact,
  ),
); // prettier-ignore
const history: fc.Arbitrary<History> = fc.record({
  birth: second,
  born: traits,
  then: fc.array(fc.tuple(second, fact), { maxLength: 7 }),
});

function factsOf({ birth, born, then }: History, number: number): readonly KeyFact[] {
  const data: KeyGenerated['data'] = {
    at: at(birth), registry, registryRevision: '0', createdBy: number % 2 === 0 ? 'usr_a' : 'usr_b', name: 'CI',
    permission: 'read', secretHash: 'ab'.repeat(32), expiresAt: null, description: null, labels: {}, repositories: [],
    networks: [], expectedCountries: [], rotates: null, canary: false, ...born,
  }; // prettier-ignore
  return [{ type: 'KeyGenerated', data }, ...then.map(([when, make]) => make(at(when)))];
}

/** Writes the histories into the tables, one fact of each in turn. */
function recorded(histories: readonly (readonly KeyFact[])[]): Database {
  const database = new Database(':memory:');
  database.exec(keyTable.schema + keyTable.indexes);
  let position = 0n;
  for (let turn = 0; histories.some((facts) => facts.length > turn); turn++) {
    histories.forEach((facts, number) => {
      const next = facts[turn];
      const event = { ...next, id: idOf(number), position: ++position } as unknown as RecordedFact;
      if (next) keyTable.apply(database, event);
    });
  }
  return database;
}

const idOf = (number: number): string => `drk_${number}`;

/** The state that the facts up to a moment fold into; a fact that changes something holds from its time on, or the one before it. */
function foldedAt(facts: readonly KeyFact[], moment: string): KeyState {
  let state: KeyState = keys.initial;
  let since = '';
  for (const next of facts) {
    const changed = keys.evolve(state, next);
    if (changed !== state && next.data.at > since) since = next.data.at;
    if (since > moment) break;
    state = changed;
  }
  return state;
}

function rowOf(id: string, state: ExistingKey): Omit<KeyRow, 'born'> {
  const {
    generated,
    expiredAt: _at,
    proven: _proof,
    leak: _leak,
    schedule: _schedule,
    reminders: _said,
    snoozedUntil: _until,
    ...now
  } = state;
  const { createdBy } = generated;
  return {
    ...now,
    id,
    registry,
    createdAt: generated.at,
    createdBy,
    rotates: null,
    canary: false,
    revision: 0n,
  };
}

interface Asked {
  readonly moment: string;
  readonly sort: KeySort;
  readonly status: readonly KeyRow['status'][] | undefined;
  readonly q: string | undefined;
  readonly label: string | undefined;
  readonly permission: string | undefined;
  readonly createdBy: string | undefined;
  readonly expiresBefore: string | undefined;
}

const asked: fc.Arbitrary<Asked> = fc.record({
  moment: second.map(at),
  sort: fc.constantFrom<KeySort>('createdAt', '-createdAt', 'name', '-name'),
  status: fc.option(
    fc.subarray<KeyRow['status']>(['active', 'suspended', 'expired', 'revoked'], { minLength: 1 }),
    { nil: undefined },
  ),
  q: fc.constantFrom(undefined, undefined, 'ci', 'ü'),
  label: fc.constantFrom(undefined, undefined, '', 'prod'),
  permission: fc.constantFrom(undefined, undefined, 'read'),
  createdBy: fc.constantFrom(undefined, undefined, 'usr_a'),
  expiresBefore: fc.option(second.map(at), { nil: undefined }),
});

function query({ moment, sort, status, q, label, permission, createdBy, expiresBefore }: Asked): KeyQuery {
  return {
    registry, now: moment, asOf: true, sort, limit: 100, ...(status && { status }), ...(q !== undefined && { nameContains: q }),
    ...(label !== undefined && { labels: { env: label } }), ...(permission !== undefined && { permission: [permission] }),
    ...(createdBy !== undefined && { createdBy }), ...(expiresBefore !== undefined && { expiresBefore }),
  }; // prettier-ignore
}

function fits(
  row: Omit<KeyRow, 'born'>,
  { moment, status, q, label, permission, createdBy, expiresBefore }: Asked,
): boolean {
  const isOver = row.expiresAt !== null && row.expiresAt <= moment;
  const shown = row.status !== 'revoked' && isOver ? 'expired' : row.status;
  return (
    (status?.includes(shown) ?? true) &&
    (q === undefined || foldName(row.name).includes(q)) &&
    (label === undefined ||
      (row.labels['env'] !== undefined && (label === '' || row.labels['env'] === label))) &&
    (permission === undefined || row.permission === permission) &&
    (createdBy === undefined || row.createdBy === createdBy) &&
    (expiresBefore === undefined || (row.expiresAt !== null && row.expiresAt < expiresBefore))
  );
}

/** Keys are numbered in the order of their births. */
function sorted(rows: Omit<KeyRow, 'born'>[], sort: KeySort): Omit<KeyRow, 'born'>[] {
  const order = sort.startsWith('-') ? -1 : 1;
  const place = ({ id }: { id: string }) => Number(id.slice('drk_'.length));
  const by = (row: Omit<KeyRow, 'born'>) => (sort.endsWith('name') ? foldName(row.name) : '');
  return rows.toSorted((a, b) => order * (compare(by(a), by(b)) || place(a) - place(b)));
}

/** As SQLite does: by code points. */
const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const withoutBirth = ({ born: _born, ...row }: KeyRow): Omit<KeyRow, 'born'> => row;

describe('keys as of a moment', () => {
  it('are listed and found as the facts up to then fold, whatever has happened since, by every filter and sort', () => {
    let kept = 0;
    fc.assert(
      fc.property(fc.array(history, { maxLength: 6 }), fc.array(asked, { minLength: 3, maxLength: 6 }), (all, questions) => {
        const histories = all.map(factsOf);
        const database = recorded(histories);
        kept += Number(database.get('SELECT count(*) AS n FROM key_history')!['n']);
        for (const question of questions) {
          const states = histories.map((facts) => foldedAt(facts, question.moment));
          const there = states.flatMap((state, number) => (state.status === 'none' ? [] : [rowOf(idOf(number), state)]));
          const expected = sorted(there.filter((row) => fits(row, question)), question.sort);
          expect(listKeys(database, query(question)).map(withoutBirth)).toEqual(expected);
          states.forEach((_, number) => {
            const found = findKeyAt(database, registry, idOf(number), question.moment);
            expect(found && withoutBirth(found)).toEqual(there.find(({ id }) => id === idOf(number)));
          });
        }
        database.close();
      }),
      { numRuns: RUNS },
    ); // prettier-ignore
    expect(kept).toBeGreaterThan(RUNS);
  });

  it('are the same page by page', () => {
    fc.assert(
      fc.property(fc.array(history, { minLength: 3, maxLength: 6 }), asked, (all, question) => {
        const database = recorded(all.map(factsOf));
        const whole = listKeys(database, query(question));
        const paged: KeyRow[] = [];
        for (;;) {
          const last = paged.at(-1);
          const after = last && { name: foldName(last.name), born: last.born.toString() };
          const page = listKeys(database, { ...query(question), limit: 2, ...(after && { after }) });
          paged.push(...page);
          if (page.length < 2) break;
        }
        database.close();
        expect(paged).toEqual(whole);
      }),
    );
  });

  it('are none of another registry', () => {
    const database = recorded([factsOf({ birth: 0, born: {}, then: [[5, suspended]] }, 0)]);
    expect(findKeyAt(database, registry, idOf(0), at(1))).toMatchObject({ status: 'active' });
    expect(findKeyAt(database, 'reg_b', idOf(0), at(1))).toBeUndefined();
    const question = { now: at(1), asOf: true, sort: 'createdAt', limit: 9 } as const;
    expect(listKeys(database, { ...question, registry: 'reg_b' })).toEqual([]);
  });
});

describe('the history of keys', () => {
  it('holds a version for each change that held for a time, and none for a proof', () => {
    const proven = (when: string) =>
      ({ type: 'KeyRevocationProven', data: { at: when, registry } }) as KeyFact;
    const revoked = (when: string): KeyFact => ({
      type: 'KeyRevoked',
      data: { at: when, registry, cause: 'requested', reason: null },
    });
    const resumed = (when: string): KeyFact => ({ type: 'KeyResumed', data: { at: when, registry } });
    const then: Happening[] = [[5, suspended], [5, resumed], [7, suspended], [9, revoked], [10, proven]]; // prettier-ignore
    const database = recorded([factsOf({ birth: 1, born: {}, then }, 0)]);
    expect(database.all('SELECT status, since, until FROM key_history ORDER BY since')).toEqual([
      { status: 'active', since: at(1), until: at(5) },
      { status: 'active', since: at(5), until: at(7) },
      { status: 'suspended', since: at(7), until: at(9) },
    ]);
    expect(database.get('SELECT status, since, proven FROM keys')).toEqual({
      status: 'revoked',
      since: at(9),
      proven: 1,
    });
  });

  it.each([
    ['-createdAt', 'birth'],
    ['name', 'name'],
  ] as const)('is read along an index in the order of %s, however much there is', (sort, index) => {
    const database = recorded([]);
    let plan: string[] = [];
    const explained = new Proxy(database, {
      get: (target, name) =>
        name === 'statement'
          ? (sql: string) => ({
              withBigInts: () => ({
                all: (values: string[]) => {
                  plan = target.all(`EXPLAIN QUERY PLAN ${sql}`, values).map((row) => String(row['detail']));
                  return [];
                },
              }),
            })
          : (Reflect.get(target, name) as unknown),
    });
    listKeys(explained, { registry, now: at(1), asOf: true, sort, limit: 50 });
    expect(plan.join('\n')).toMatch(new RegExp(`keys_by_${index}[^]*key_history_by_${index}`));
    expect(plan.join('\n')).not.toMatch(/TEMP B-TREE/);
  });
});

function suspended(when: string): KeyFact {
  return { type: 'KeySuspended', data: { at: when, registry } };
}
