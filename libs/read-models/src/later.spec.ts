import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog, type CommandContext } from '#libs/event-store';
import { changePolicy, createRegistry, DEFAULT_POLICY, registries } from '#libs/registries';
import { seedKeys } from '../../../test/support/seed-keys.js';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { rebuildModels } from './build.js';
import { ReadModels } from './read-models.js';
import { dueReminders } from './reminder-table.js';
import { SERVER_PROJECTIONS } from './server-models.js';
import { verifyModels } from './verify.js';

/** Three quarters of them live: several parts of the table of reminders. */
const KEYS = 3_000;
const LIVING = (KEYS * 3) / 4;
const REGISTRY = 'reg_0000000000000001';
const ALWAYS = '9999-01-01T00:00:00.000Z';

const directory = temporaryDirectory();
let store: EmbeddedStore;
let log: EventLog;
let models: ReadModels;
let days = 90;
const source = () => ({
  file: join(directory.path, 'models.sqlite'),
  log,
  logId: 'log',
  projections: SERVER_PROJECTIONS,
});
const context = (): CommandContext => ({
  commandId: randomUUID(),
  actor: { type: 'user', id: 'usr_a' },
  correlationId: 'test',
});

async function open(): Promise<void> {
  models = await ReadModels.open({
    ...source(),
    load: () => undefined,
    onEvents: () => undefined,
    onFailure: (error) => {
      throw error;
    },
  });
  await models.follow();
}

/** Resolves once the tables have the fact; when keys become due by it. */
async function change(): Promise<string> {
  const policy = { ...DEFAULT_POLICY, rotationPeriod: `P${++days}D`, reminders: ['P7D'] };
  const decision = changePolicy(policy, new Date(Date.UTC(2026, 2, 1) + days).toISOString());
  const { position } = await log.transact(registries, REGISTRY, decision, context());
  await models.waitFor(position, 5_000);
  return new Date(Date.UTC(2026, 0, 1) + (days - 7) * 86_400_000).toISOString();
}

/** How many keys are due at this time. */
function following(dueAt: string): number {
  return dueReminders(models.database, ALWAYS, KEYS).filter((row) => row.dueAt === dueAt).length;
}

async function allFollow(dueAt: string): Promise<void> {
  while (following(dueAt) < LIVING) await nextTurn();
}

beforeAll(async () => {
  store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
  log = new EventLog(store.connectionString, catalogue);
  const data = {
    at: '2026-01-01T00:00:00.000Z',
    slug: 'myapp',
    name: 'x',
    plan: 'free',
    createdBy: 'usr_a',
  } as const;
  await log.create(registries, REGISTRY, createRegistry(data, []), context());
  await seedKeys(store.connectionString, KEYS, { registry: REGISTRY });
  await open();
}, 60_000);
afterAll(async () => {
  models.close();
  await log.close();
  await store.close();
  directory.remove();
});

describe('what one event leaves for later', () => {
  it('is done part by part, while events go on being applied', async () => {
    const first = await change();
    expect(following(first)).toBe(1_000);
    const second = await change();
    expect(following(second)).toBeLessThan(LIVING);
    await allFollow(second);
  }, 20_000);

  it('is gone on with after a restart', async () => {
    const dueAt = await change();
    models.close();
    await open();
    expect(following(dueAt)).toBeLessThan(LIVING);
    await allFollow(dueAt);
  }, 20_000);

  it('is no drift: a comparison waits for it, and a rebuild has it at its end', async () => {
    const dueAt = await change();
    expect((await verifyModels(source())).drift).toEqual([]);
    expect(following(dueAt)).toBe(LIVING);
    models.close();
    await rebuildModels(source());
    await open();
    expect(following(dueAt)).toBe(LIVING);
    expect((await verifyModels(source())).drift).toEqual([]);
  }, 30_000);
});
