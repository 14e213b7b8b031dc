import {
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { seededKey, seedKeys } from '../../../test/support/seed-keys.js';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { rebuildModels } from './build.js';
import { eachKey, grantTable } from './grant-table.js';
import { modelStatus } from './model-status.js';
import type { Projection } from './projection.js';
import { ReadModels, type ReadModelsOptions } from './read-models.js';
import type { ReplayProgress } from './replay.js';

/** Enough that a damaged page in the middle of the file belongs to them. */
const KEYS = 400;
const EVENTS = 500;

describe('a rebuild of the read models', () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, 'models', 'models.sqlite');
  let store: EmbeddedStore;
  let log: EventLog;
  let applied: string[] = [];
  let loads: (bigint | undefined)[] = [];
  const newer: Projection = {
    ...grantTable,
    version: 99,
    apply: (database, event) => {
      applied.push(event.eventId);
      grantTable.apply(database, event);
    },
  };

  const open = (changes: Partial<ReadModelsOptions> = {}): Promise<ReadModels> => {
    const load: ReadModelsOptions['load'] = (database, position) => {
      loads.push(position);
      expect([...eachKey(database)].length).toBe(position === undefined ? 0 : KEYS);
    };
    const fail = (error: unknown): void => {
      throw error;
    };
    const options = { file, logId: 'log-1', log, projections: [grantTable], load, onEvents: () => undefined };
    return ReadModels.open({ ...options, onFailure: fail, ...changes });
  };
  const status = (projection: Projection = grantTable) =>
    modelStatus(file, { log, logId: 'log-1', projections: [projection] });
  /** The same log in pages of 100, of which `pages` come and the next one fails. */
  const failingAfter = (pages: number): EventLog => {
    let left = pages;
    const readAllAfter = async (...call: Parameters<EventLog['readAllAfter']>) => {
      if (left-- === 0) throw new Error('the log is away');
      return (await log.readAllAfter(...call)).slice(0, 100);
    };
    return Object.assign(Object.create(log) as EventLog, { readAllAfter });
  };

  beforeAll(async () => {
    store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
    log = new EventLog(store.connectionString, catalogue);
    expect(await seedKeys(store.connectionString, KEYS)).toBe(EVENTS);
  });
  afterAll(async () => {
    await log.close();
    await store.close();
    directory.remove();
  });
  beforeEach(async () => {
    rmSync(join(directory.path, 'models'), { recursive: true, force: true });
    const models = await open();
    await models.follow();
    models.close();
    applied = [];
    loads = [];
  });

  it('leaves the old file in its place until the new one has caught up', async () => {
    const models = await open({ projections: [newer] });
    expect(status()).toMatchObject({ state: 'current', tables: [{ table: 'grants', rows: KEYS }] });
    await models.follow();
    expect(status(newer)).toMatchObject({ state: 'current', tables: [{ table: 'grants', rows: KEYS }] });
    expect(models.database.file).toBe(file);
    models.close();
  });

  it('leaves no file beside when it is over', async () => {
    const models = await open({ projections: [newer] });
    await models.follow();
    expect(readdirSync(join(directory.path, 'models')).filter((name) => name.includes('next'))).toEqual([]);
    models.close();
  });

  it('fills the memory once, from the finished tables', async () => {
    const models = await open({ projections: [newer] });
    expect(loads).toEqual([]);
    await models.follow();
    expect(loads).toEqual([models.position]);
    models.close();
  });

  it('goes on where an interrupted one stood, and applies nothing twice', async () => {
    const first = await open({ projections: [newer], log: failingAfter(3) });
    await expect(first.follow()).rejects.toThrow('the log is away');
    first.close();
    expect(applied.length).toBe(300);
    const second = await open({ projections: [newer] });
    await second.follow();
    second.close();
    expect(applied.length).toBe(EVENTS);
    expect(new Set(applied).size).toBe(EVENTS);
  });

  it('begins anew when the interrupted one was of other projections', async () => {
    const first = await open({ projections: [newer], log: failingAfter(3) });
    await expect(first.follow()).rejects.toThrow('the log is away');
    first.close();
    applied = [];
    const second = await open({ projections: [{ ...newer, version: 100 }] });
    await second.follow();
    second.close();
    expect(applied.length).toBe(EVENTS);
  });

  it('that crashed just before the new file got its name is finished without the log', async () => {
    const models = await open({ projections: [newer] });
    await models.follow();
    models.close();
    copyFileSync(file, `${file}.next`);
    rmSync(file);
    applied = [];
    const again = await open({ projections: [newer] });
    await again.follow();
    again.close();
    expect(applied).toEqual([]);
    expect(status(newer)).toMatchObject({ state: 'current', tables: [{ table: 'grants', rows: KEYS }] });
  });

  it('stores nothing of a page of which one event fails, and the checkpoint neither', async () => {
    const failing: Projection = {
      ...newer,
      apply: (database, event) => {
        if (applied.length === 250) throw new Error('a fault in the code');
        newer.apply(database, event);
      },
    };
    const models = await open({ projections: [failing], log: failingAfter(9) });
    await expect(models.follow()).rejects.toThrow('a fault in the code');
    expect(models.database.get('SELECT count(*) AS rows FROM grants')).toEqual({ rows: 160 });
    expect(models.position).toBe((await log.readAllAfter(undefined, ['key']))[199]!.position);
    models.close();
  });

  it('ends when the read models are closed, and the next start goes on', async () => {
    const models = await open({
      projections: [newer],
      log: failingAfter(9),
      onProgress: () => models.close(),
    });
    await expect(models.follow()).rejects.toThrow('closed while they caught up');
    expect(applied.length).toBe(100);
    const again = await open({ projections: [newer] });
    await again.follow();
    again.close();
    expect(applied.length).toBe(EVENTS);
  });

  it('follows when the tables are damaged behind a good header', async () => {
    const handle = openSync(file, 'r+');
    const middle = Math.floor(statSync(file).size / 4096 / 2) * 4096;
    writeSync(handle, Buffer.alloc(4 * 4096, 0xa5), 0, 4 * 4096, middle);
    const models = await open();
    await models.follow();
    expect([...eachKey(models.database)].length).toBe(KEYS);
    models.close();
  });

  it('follows when the file is cut off', async () => {
    truncateSync(file, Math.floor(statSync(file).size / 2));
    const models = await open();
    await models.follow();
    expect([...eachKey(models.database)].length).toBe(KEYS);
    models.close();
  });

  it('tells position, head and speed after each page', async () => {
    const told: ReplayProgress[] = [];
    const newest = (await log.readAllAfter(undefined, ['key'])).at(-1)!.position;
    const models = await open({
      projections: [newer],
      log: failingAfter(9),
      head: () => Promise.resolve(newest),
      onProgress: (progress) => told.push(progress),
    });
    await models.follow();
    models.close();
    expect(told.map(({ events }) => events)).toEqual([100, 200, 300, 400, 500]);
    expect(told.at(-1)).toMatchObject({ position: newest, head: newest });
    expect(told.every(({ eventsPerSecond }) => eventsPerSecond > 0)).toBe(true);
  });

  it('that is asked for replaces a good file', async () => {
    const models = await open();
    const { id } = seededKey(7);
    models.database.run(`UPDATE grants SET permission = 'read' WHERE id = ?`, [id]);
    models.close();
    const source = { file, log, logId: 'log-1', projections: [grantTable] };
    expect(await rebuildModels(source)).toMatchObject({ events: EVENTS });
    const again = await open();
    expect([...eachKey(again.database)].find((key) => key.id === id)?.permission).toBe('read-write');
    again.close();
    expect(existsSync(`${file}.next`)).toBe(false);
  });
});
