import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { expireKey, generateKey, keys, revokeKey, type KeyGenerated } from '#libs/keys';
import { createRegistry, registries } from '#libs/registries';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { listKeys, type KeyQuery } from './key-list.js';
import { dueKeys, findKey, keyTable } from './key-table.js';
import { ReadModels } from './read-models.js';
import { findRegistry, registryTable } from './registry-table.js';

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const context = () => ({
  commandId: randomUUID(),
  actor: { type: 'user', id: 'usr_a' } as const,
  correlationId: 'test',
});

describe('the read models', () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, 'models.sqlite');
  const registry = 'reg_0000000000000001';
  const ids = ['drk_a', 'drk_b', 'drk_c', 'drk_d', 'drk_e'];
  let store: EmbeddedStore;
  let log: EventLog;
  let applied: string[] = [];
  let loadedAt: bigint | undefined;

  const open = (changes: Partial<Parameters<typeof ReadModels.open>[0]> = {}): Promise<ReadModels> => {
    applied = [];
    return ReadModels.open({
      file,
      logId: 'log-1',
      log,
      projections: [registryTable, keyTable],
      load: (_database, position) => (loadedAt = position),
      onEvents: (events) => applied.push(...events.map((event) => event.eventId)),
      onFailure: (error) => {
        throw error;
      },
      ...changes,
    });
  };
  const generate = (id: string, changes: Partial<KeyGenerated['data']>): Promise<{ position: bigint }> =>
    log.create(
      keys,
      id,
      generateKey({
        at: at(0),
        registry,
        registryRevision: '0',
        createdBy: 'usr_a',
        name: 'CI',
        permission: 'read',
        secretHash: 'ab'.repeat(32),
        expiresAt: null,
        description: null,
        labels: {},
        repositories: [],
        networks: [],
        expectedCountries: [],
        ...changes,
      }),
      context(),
    );

  beforeAll(async () => {
    store = await startEmbeddedStore({ directory: directory.path });
    log = new EventLog(store.connectionString, catalogue);
    const data = { at: at(0), slug: 'myapp', name: 'My app', plan: 'free', createdBy: 'usr_a' } as const;
    await log.create(registries, registry, createRegistry(data, ['127.0.0.2']), context());
    await generate('drk_a', { name: 'Übung', labels: { env: 'prod', '$."x': 'y' } });
    await generate('drk_b', { name: 'CI/CD Pipeline', permission: 'read-write', expiresAt: at(10) });
    await generate('drk_c', { name: 'ci nightly', expiresAt: at(20), labels: { env: 'test' } });
    await generate('drk_d', { name: '100% _x', createdBy: 'usr_b' });
    await generate('drk_e', { name: 'elsewhere', registry: 'reg_0000000000000002' });
    await log.transact(keys, 'drk_a', revokeKey({ registry, at: at(5) }), context());
  });
  afterAll(async () => {
    await log.close();
    await store.close();
    directory.remove();
  });

  it('follow the log: first all of it, then live, and a waiter hears of its position', async () => {
    const models = await open();
    expect(models.isCaughtUp).toBe(false);
    await models.follow();
    expect(models.isCaughtUp).toBe(true);
    expect(findRegistry(models.database, 'myapp')).toEqual(findRegistry(models.database, registry));
    expect(findRegistry(models.database, 'myapp')).toMatchObject({ hosts: ['127.0.0.2'], revision: 1n });
    const { position } = await generate('drk_live', { registry: 'reg_0000000000000002' });
    expect(await models.waitFor(position, 5_000)).toBe(true);
    expect(findKey(models.database, 'reg_0000000000000002', 'drk_live')).toBeDefined();
    expect(await models.waitFor(position + 1_000n, 1)).toBe(false);
    models.close();
  });

  it('go on from the checkpoint after a restart, and apply nothing twice', async () => {
    const models = await open();
    expect(loadedAt).toBe(models.position);
    await models.follow();
    expect(applied).toEqual([]);
    models.close();
  });

  it.each([
    ['of another log', { logId: 'log-2' }, undefined],
    ['of other projections', { projections: [registryTable, { ...keyTable, version: 99 }] }, undefined],
    ['that is broken', {}, 'not a database at all, but longer than a header of a hundred bytes'.repeat(3)],
    ['whose last event stands elsewhere in the log', {}, 'tamper'],
  ])('rebuild a file %s', async (_, changes, content) => {
    const before = await open();
    await before.follow();
    if (content === 'tamper') before.database.run(`UPDATE checkpoint SET event_id = 'another'`);
    before.close();
    if (content && content !== 'tamper') {
      for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
      writeFileSync(file, content);
    }
    const models = await open(changes);
    expect(models.position).toBeUndefined();
    await models.follow();
    expect(findKey(models.database, registry, 'drk_b')).toMatchObject({ name: 'CI/CD Pipeline' });
    models.close();
  });

  it('show a foreign key as no key', async () => {
    const models = await open();
    await models.follow();
    expect(findKey(models.database, registry, 'drk_e')).toBeUndefined();
    models.close();
  });

  it('never let an older event undo a newer one', async () => {
    const models = await open();
    await models.follow();
    const [born] = await log.readStream('key-drk_c');
    const row = findKey(models.database, registry, 'drk_c')!;
    const end = { ...born!, type: 'KeyRevoked', data: { at: at(7), registry }, position: row.born - 1n };
    keyTable.apply(models.database, end);
    expect(findKey(models.database, registry, 'drk_c')).toEqual(row);
    models.close();
  });

  it('tell which keys are due, the longest overdue first, and no more once the end is recorded', async () => {
    const models = await open();
    await models.follow();
    const due = (second: number) => dueKeys(models.database, at(second), 10).map(({ id }) => id);
    expect([due(9), due(10), due(20)]).toEqual([[], ['drk_b'], ['drk_b', 'drk_c']]);
    const { position } = await log.transact(keys, 'drk_b', expireKey(at(11)), context());
    await models.waitFor(position, 5_000);
    expect(due(20)).toEqual(['drk_c']);
    models.close();
  });

  describe('list keys', () => {
    let models: ReadModels;
    const list = (query: Partial<KeyQuery>): string[] =>
      listKeys(models.database, { registry, now: at(15), sort: 'createdAt', limit: 50, ...query }).map(
        ({ id }) => id,
      );
    beforeAll(async () => {
      models = await open();
      await models.follow();
    });
    afterAll(() => models.close());

    it.each<[string, Partial<KeyQuery>, string[]]>([
      ['of the registry alone, oldest first', {}, ids.slice(0, 4)],
      ['newest first', { sort: '-createdAt' }, ids.slice(0, 4).reverse()],
      ['by name, without regard to case', { sort: 'name' }, ['drk_d', 'drk_c', 'drk_b', 'drk_a']],
      ['by name, backwards', { sort: '-name' }, ['drk_a', 'drk_b', 'drk_c', 'drk_d']],
      ['that are active by the clock', { status: ['active'] }, ['drk_c', 'drk_d']],
      [
        'that are expired by the clock, recorded or not',
        { status: ['expired'], now: at(30) },
        ['drk_b', 'drk_c'],
      ],
      ['that are revoked or expired', { status: ['revoked', 'expired'] }, ['drk_a', 'drk_b']],
      ['by permission', { permission: ['read-write'] }, ['drk_b']],
      ['by a part of the name in any case', { nameContains: 'CI' }, ['drk_b', 'drk_c']],
      ['by a part of the name with another way to write an accent', { nameContains: 'u\u0308b' }, ['drk_a']],
      ['by a part of the name that would be a wildcard', { nameContains: '% _' }, ['drk_d']],
      ['by label and value', { labels: { env: 'prod' } }, ['drk_a']],
      ['by label alone', { labels: { env: '' } }, ['drk_a', 'drk_c']],
      ['by a label that would be a JSON path', { labels: { '$."x': 'y' } }, ['drk_a']],
      ['by creator', { createdBy: 'usr_b' }, ['drk_d']],
      ['that expire before a moment', { expiresBefore: at(20) }, ['drk_b']],
      [
        'after a place by name',
        { sort: 'name', after: { name: 'ci nightly', born: '0' }, limit: 1 },
        ['drk_c'],
      ],
    ])('%s', (_, query, expected) => expect(list(query)).toEqual(expected));
  });
});
