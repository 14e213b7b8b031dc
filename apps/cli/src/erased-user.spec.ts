import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseMasterKey } from '#libs/personal-data';
import { bodyOf, type GeneratedKey } from '../../../test/e2e/api.js';
import { sightingsBelow, sightingsIn, type Canary } from '../../../test/e2e/canary.js';
import { exchange } from '../../../test/e2e/http-exchange.js';
import { withPrivateRedis } from '../../../test/e2e/private-redis.js';
import { Installation, randomSecret, type ServerProcess } from '../../../test/e2e/server-process.js';
import { dockreg } from './testing/dockreg.js';
import { OpenedBackup } from './testing/opened-backup.js';
import { openAll } from './testing/personal-data.js';

interface Person {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly reason: string;
  /** Revoked by this person, for that reason. */
  readonly key: GeneratedKey;
}

const PASSWORD = 'correct horse battery';
const KEYS = '/v1/registries/myapp/keys';
const installation = new Installation({ REGISTRY_UPSTREAM: 'none', LOG_LEVEL: 'debug' });
const { folder, dataDir } = installation;
const masterKey = (): string => readFileSync(join(dataDir, 'master-key'), 'utf8').trim();
const backups = {
  before: join(folder, 'before.gz'),
  between: join(folder, 'between.gz'),
  after: join(folder, 'after.gz'),
};

let server: ServerProcess;
let anna: Person;
let ben: Person;
let oldKey: string;

/** Somebody who has used every way to leave a trace. */
async function person(called: string): Promise<Person> {
  const [email, name] = [`${called}.${randomSecret()}@Example.com`, `${called} ${randomSecret()}`];
  const body = { email, name, password: PASSWORD };
  const { id } = bodyOf<{ id: string }>(await server.api.call('/v1/users', { body }), 201);
  const role = { body: { userId: id, role: 'admin' } };
  bodyOf(await server.api.call('/v1/registries/myapp/members', role), 201);
  const wrong = await exchange(server.apiPort, { path: '/v1/session', body: { email, password: 'wrong' } });
  expect(wrong.status).toBe(401);
  const signedIn = await exchange(server.apiPort, { path: '/v1/session', body });
  expect(signedIn.status).toBe(400);
  const session = await exchange(server.apiPort, {
    path: '/v1/session',
    body: { email, password: PASSWORD },
  });
  const headers = {
    cookie: session.headers['set-cookie']![0]!.split(';')[0]!,
    origin: `http://127.0.0.1:${server.apiPort}`,
  };
  const key = await server.api.generateKey();
  const reason = `${called} said ${randomSecret()}`;
  const path = `${KEYS}/${key.id}/revoke`;
  bodyOf(await exchange(server.apiPort, { path, headers, body: { reason } }), 200);
  return { id, email, name, reason, key };
}

const traces = ({ email, name, reason }: Person): Canary[] => [
  { name: 'e-mail', secret: email },
  { name: 'folded e-mail', secret: email.toLowerCase() },
  { name: 'name', secret: name },
  { name: 'reason', secret: reason },
];
const backUp = async (file: string): Promise<void> =>
  expect(await dockreg(dataDir, ['backup', file])).toMatchObject({ code: 0, err: '' });

beforeAll(async () => {
  server = await installation.start();
  [anna, ben] = [await person('anna'), await person('ben')];
  oldKey = masterKey();
  await backUp(backups.before);
  bodyOf(await server.api.call(`/v1/users/${anna.id}/erase`, { method: 'POST' }), 200);
  await backUp(backups.between);
  expect(await dockreg(dataDir, ['master-key', 'rotate'])).toMatchObject({ code: 0, err: '' });
  await backUp(backups.after);
  // As text: what is compressed could not be searched.
  await withPrivateRedis(dataDir, async (redis) => {
    await redis.config('SET', 'rdbcompression', 'no');
    await redis.save();
  });
}, 120_000);
afterAll(() => installation.remove(), 20_000);

describe('a user who was erased, once the master key was rotated', () => {
  it('is nowhere in the data directory, the dump of Redis, and what the server has written, in any encoding', async () => {
    await server.stop();
    mkdirSync(join(folder, 'planted'));
    writeFileSync(join(folder, 'planted', 'one'), Buffer.from(`x${anna.email}`).toString('base64'));
    const { sightings, files } = sightingsBelow(folder, traces(anna), []);
    expect(new Set(sightings.map(({ place }) => place))).toEqual(new Set([join('planted', 'one')]));
    expect(files).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^data\/events\/events\.db$/),
        expect.stringMatching(/^data\/redis\/.*\.rdb$/),
        expect.stringMatching(/^data\/read-models\//),
        expect.stringMatching(/^output\//),
      ]),
    );
  });

  it('is in no backup from before or after that the master key opens; the one that was destroyed opened it', () => {
    const { email, name, reason } = anna;
    const own = [email, name, expect.stringMatching(/^\$argon2id\$/), reason];
    const before = new OpenedBackup(backups.before);
    expect(before.textsOf(anna.id, [oldKey])).toEqual(own);
    for (const file of Object.values(backups)) {
      const backup = new OpenedBackup(file);
      expect(backup.sealedOf(anna.id)).toHaveLength(own.length);
      expect(backup.textsOf(anna.id, masterKey().split('\n'))).toEqual([]);
      expect(sightingsIn(file, backup.text, traces(anna))).toEqual([]);
    }
    expect(before.textsOf(ben.id, masterKey().split('\n'))).toEqual([]);
  });

  it('leaves every stored hash as it was: what is left opens to what was committed to, and no event has changed', () => {
    const [before, after] = [new OpenedBackup(backups.before), new OpenedBackup(backups.after)];
    // Each text is compared with its commitment, SHA-256(salt ‖ text).
    const { email, name, reason } = ben;
    const own = [email, name, expect.stringMatching(/^\$argon2id\$/), reason];
    expect(after.textsOf(ben.id, [masterKey()])).toEqual(own);
    expect(after.sealedOf(anna.id)).toEqual(before.sealedOf(anna.id));
    expect(before.dataById.size).toBeGreaterThan(10);
    for (const [id, data] of before.dataById) expect(after.dataById.get(id)).toBe(data);
    const generated = after.lines.find(({ stream }) => stream === `key-${anna.key.id}`)!;
    const secret = anna.key.key.slice(anna.key.id.length + 1, -6);
    expect(generated.data).toContain(createHash('sha256').update(secret).digest('hex'));
  });
});

describe('a backup from before an erasure, restored with the master key of that time', () => {
  let count = 0;

  /** Restores into another directory, or into the one that is given; answers what the command printed. */
  async function restored(
    backup: string,
    args: readonly string[],
    into = join(folder, `restored-${++count}`),
  ) {
    const ran = await dockreg(into, ['restore', backup, '--json', ...args]);
    expect(ran).toMatchObject({ code: 0 });
    writeFileSync(join(into, 'master-key'), `${oldKey}\n`, { mode: 0o600 });
    return { into, ...(JSON.parse(ran.out) as { erasedAgain: number }) };
  }
  const reasonOf = async ({ api }: ServerProcess, { key }: Person): Promise<unknown> =>
    (await api.get<{ revocation: object }>(`${KEYS}/${key.id}`)).revocation;

  it('does not bring the user back when the restore is told who was erased: not to readers, not to the disk', async () => {
    const { into, erasedAgain } = await restored(backups.before, [
      '--erasures',
      join(dataDir, 'erased-users'),
    ]);
    expect(erasedAgain).toBe(1);
    const [wrapped] = new OpenedBackup(backups.before).wrappedKeys(anna.id);
    const key = [{ name: 'wrapped key', secret: wrapped!.toString('base64') }];
    expect(sightingsIn('backup', new OpenedBackup(backups.before).text, key)).not.toEqual([]);
    expect(sightingsBelow(into, key, []).sightings).toEqual([]);

    const again = await installation.start({ DATA_DIR: into });
    const people = await again.api.all<{ id: string; email: string }>('/v1/users');
    expect(people.map(({ email }) => email).sort()).toEqual(['admin@localhost', ben.email].sort());
    expect((await again.api.call(`/v1/users/${anna.id}`)).status).toBe(404);
    const { email, name } = anna;
    const signIn = { path: '/v1/session', body: { email, password: PASSWORD } };
    expect((await exchange(again.apiPort, signIn)).status).toBe(401);
    expect(await reasonOf(again, anna)).toEqual({ cause: 'requested', reason: null });
    expect(await reasonOf(again, ben)).toEqual({ cause: 'requested', reason: ben.reason });
    // The address is free, as it was after the erasure.
    bodyOf(await again.api.call('/v1/users', { body: { email, name, password: PASSWORD } }), 201);
    await again.stop();
    expect(readFileSync(join(into, 'erased-users'), 'utf8')).toBe(`${anna.id}\n`);
  }, 60_000);

  it('does so by itself where the list of the old log lies beside, and with a later backup for a list', async () => {
    const beside = join(folder, 'beside');
    mkdirSync(beside);
    cpSync(join(dataDir, 'erased-users'), join(beside, 'erased-users'));
    expect((await restored(backups.before, [], beside)).erasedAgain).toBe(1);
    const { into, erasedAgain } = await restored(backups.before, ['--erasures', backups.between]);
    expect(erasedAgain).toBe(1);
    // What was erased in the log already stays as it is.
    const declared = await dockreg(into, ['declare-restored', '--json', '--erasures', backups.after]);
    expect(JSON.parse(declared.out)).toMatchObject({ erasedAgain: 0 });
  }, 60_000);

  it('brings the user back when nobody says who was erased, until declare-restored is told', async () => {
    const { into, erasedAgain } = await restored(backups.before, []);
    expect(erasedAgain).toBe(0);
    const texts = () => openAll(join(into, 'events'), parseMasterKey(oldKey));
    expect(await texts()).toContain(anna.email);
    const list = join(dataDir, 'erased-users');
    const declared = await dockreg(into, ['declare-restored', '--erasures', list, backups.between]);
    expect(declared).toMatchObject({ code: 0, out: expect.stringContaining('One user was erased again') });
    const left = await texts();
    expect(left).toContain(ben.email);
    expect(left.filter((text) => text === 'erased')).toHaveLength(3);
    expect(left).not.toContain(anna.email);
  }, 60_000);

  it('is not restored with a list that is none', async () => {
    const into = join(folder, 'refused');
    const list = join(folder, 'bad-list');
    writeFileSync(list, `${anna.email}\n`);
    const ran = await dockreg(into, ['restore', backups.before, '--erasures', list]);
    const says = /is no list of erased users.*Nothing was restored/;
    expect(ran).toMatchObject({ code: 1, err: expect.stringMatching(says) });
    expect(ran.err).not.toContain(anna.email);
    const missing = await dockreg(into, ['restore', backups.before, '--erasures', join(folder, 'nowhere')]);
    expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('does not exist') });
    expect(existsSync(join(into, 'events'))).toBe(false);
  });
});
