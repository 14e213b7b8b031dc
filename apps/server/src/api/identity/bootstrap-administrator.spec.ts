import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { ADMINISTRATORS_ID, administrators, IdentityModel, users } from '#libs/identity';
import { formatKey } from '#libs/kernel';
import { generateGeneration, SubjectKeys } from '#libs/personal-data';
import { now, readSettings } from '#libs/platform';
import { temporaryDirectory } from '../../../../../test/support/temporary-directory.js';
import { Installation } from '../../installation.js';
import { BootstrapAdministrator } from './bootstrap-administrator.js';
import { matches } from './passwords.js';
import { Users } from './users.js';

const NODES = 6;
const TOKEN = formatKey('drm_AAAAAAAAAAAAAAAA', 'b'.repeat(43));
const masterKey = { generations: [generateGeneration()] };
const log = { info: () => undefined, warn: () => undefined };

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

const usersOfNode = () => new Users(new IdentityModel(), new SubjectKeys(eventLog, masterKey, now));
const passwordFile = (node: number) => join(directory.path, `${node}`, 'admin-password');

function start(node: number, isTerminal = false): Promise<string | undefined> {
  const dataDir = join(directory.path, `${node}`);
  mkdirSync(dataDir, { recursive: true });
  const settings = readSettings({ DATA_DIR: dataDir, BOOTSTRAP_ADMIN_TOKEN: TOKEN });
  const installation = new Installation('log-of-the-test');
  const parts = { settings, eventLog, installation, users: usersOfNode(), log, isTerminal };
  return new BootstrapAdministrator(parts).run();
}

describe('the first start of an installation', () => {
  it('on several nodes at once makes one administrator, with the one password that is written down', async () => {
    await Promise.all(Array.from({ length: NODES }, (_, node) => start(node)));
    const { state, events } = await eventLog.read(administrators, ADMINISTRATORS_ID);
    expect([state.size, events.length]).toEqual([1, 1]);
    const [user] = state;
    const types = (await eventLog.read(users, user!)).events.map(({ type }) => type);
    expect(types).toEqual(['UserRegistered', 'UserPasswordChanged', 'AccessTokenIssued']);

    const files = Array.from({ length: NODES }, (_, node) => passwordFile(node)).filter((file) =>
      existsSync(file),
    );
    expect(files).toHaveLength(1);
    expect(statSync(files[0]!).mode & 0o777).toBe(0o600);
    const password = readFileSync(files[0]!, 'utf8').trim();
    const { state: administrator } = await eventLog.read(users, user!);
    if (administrator.status !== 'active') throw new Error('the administrator cannot sign in');
    const hash = await usersOfNode().open(administrator.password!);
    expect(await matches(hash!, password)).toBe(true);
  });

  it('adds nothing when it comes again, and shows no password of its own', async () => {
    const before = (await eventLog.readAllAfter(undefined, ['user', 'administrators', 'email', 'subject']))
      .length;
    expect(await start(NODES, true)).toBeUndefined();
    expect(existsSync(passwordFile(NODES))).toBe(false);
    const after = (await eventLog.readAllAfter(undefined, ['user', 'administrators', 'email', 'subject']))
      .length;
    expect(after).toBe(before);
  });
});
