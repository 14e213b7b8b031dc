import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { IdentityModel } from '#libs/identity';
import {
  formatMasterKey,
  generateGeneration,
  newestOf,
  SubjectKeys,
  type MasterKey,
} from '#libs/personal-data';
import { now } from '#libs/platform';
import { temporaryDirectory } from '../../../../../test/support/temporary-directory.js';
import { openMasterKey, provingMasterKey } from './open-master-key.js';
import { Users } from './users.js';

const warned: string[] = [];
const log = { warn: (...entry: unknown[]) => void warned.push(JSON.stringify(entry)) };
const context = () => {
  const actor = { type: 'system', id: 'test' } as const;
  return { commandId: crypto.randomUUID(), actor, correlationId: 'test' };
};

let directory: ReturnType<typeof temporaryDirectory>;
let store: EmbeddedStore;
let eventLog: EventLog;

beforeAll(async () => {
  directory = temporaryDirectory();
  store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
  eventLog = new EventLog(store.connectionString, catalogue);
});
afterAll(async () => {
  await eventLog.close();
  await store.close();
  directory.remove();
});

const open = (node: string, masterKey?: string) => {
  const dataDir = join(directory.path, node);
  return openMasterKey({ masterKey, dataDir, eventStoreUrl: 'kurrentdb://store' }, eventLog, log);
};
const use = (masterKey: MasterKey) => {
  const users = new Users(new IdentityModel(), new SubjectKeys(eventLog, masterKey, now));
  return provingMasterKey(() => users.indexOf('anna@example.com', context()));
};

describe('the master key of an API node', () => {
  let first: MasterKey;

  it('is made by the first node of an installation, which says that the others need it', async () => {
    first = await open('a');
    const file = join(directory.path, 'a', 'master-key');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(warned.join()).toContain('every other API node needs the same one');
    expect(warned.join()).not.toContain(Buffer.from(newestOf(first).key).toString('base64'));
    expect(await open('a')).toEqual(first);
    expect(await use(first)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('gives every node that has it the same index of an e-mail address', async () => {
    const settings = await open('b', formatMasterKey(first));
    expect(await use(settings)).toBe(await use(first));
    expect(existsSync(join(directory.path, 'b'))).toBe(false);
  });

  it('is that of the settings where a file is there too, which the start says', async () => {
    warned.splice(0);
    const other = { generations: [generateGeneration()] };
    expect(await open('a', formatMasterKey(other))).toEqual(other);
    expect(warned.join()).toContain('MASTER_KEY is used');
    warned.splice(0);
    await open('b', formatMasterKey(other));
    await open('a');
    expect(warned).toEqual([]);
  });

  it('is not made anew once the log has keys: the start is refused, and no file is left behind', async () => {
    const missing = {
      name: 'Refusal',
      message: expect.stringMatching(/master key is missing.*Set MASTER_KEY/),
    };
    await expect(open('c')).rejects.toMatchObject(missing);
    expect(existsSync(join(directory.path, 'c'))).toBe(false);
  });

  it('of another installation is refused, in words that name its generation', async () => {
    const other = await open('d', formatMasterKey({ generations: [generateGeneration()] }));
    const text = new RegExp(`generation ${newestOf(first).id} of the master key is missing.*Set MASTER_KEY`);
    await expect(use(other)).rejects.toMatchObject({ name: 'Refusal', message: expect.stringMatching(text) });
  });
});
