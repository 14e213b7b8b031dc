import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { EventLog, readPublishedConnection } from '#libs/event-store';
import { bodyOf } from './api.js';
import { sightingsBelow, type Canary } from './canary.js';
import { exchange } from './http-exchange.js';
import { Installation, randomSecret, type ServerProcess } from './server-process.js';

const CATEGORIES = [
  'user',
  'administrators',
  'subject',
  'email',
  'registry',
  'key',
  'slug',
  'host',
  'installation',
];

const installation = new Installation({ LOG_LEVEL: 'debug' });
const { folder, dataDir } = installation;
afterAll(() => installation.remove(), 20_000);

const email = `Anna.${randomSecret()}@Example.com`;
const name = `Anna ${randomSecret()}`;
const password = `pass-${randomSecret()}`;
const changed = `other-${randomSecret()}`;
const secrets: Canary[] = [];

/** Everything that a user does who is erased then. */
async function live(server: ServerProcess): Promise<string> {
  const { api, apiPort } = server;
  const origin = `http://127.0.0.1:${apiPort}`;
  const call = (path: string, body: object, headers: Record<string, string> = {}) =>
    exchange(apiPort, { path, body, headers });
  const { id, invitation } = bodyOf<{ id: string; invitation: { secret: string } }>(
    await api.call('/v1/users', { body: { email, name } }),
    201,
  );
  secrets.push({ name: 'invitation', secret: invitation.secret });
  for (const wrong of [email, email.toLowerCase()])
    expect((await call('/v1/session', { email: wrong, password })).status).toBe(401);
  const accepted = await call('/v1/invitations/accept', { invitation: invitation.secret, password });
  expect(accepted.status).toBe(204);
  const signedIn = await call('/v1/session', { email, password });
  const cookie = signedIn.headers['set-cookie']![0]!.split(';')[0]!;
  secrets.push({ name: 'session', secret: cookie.split('=')[1]! });
  const session = { cookie, origin };
  const token = bodyOf<{ token: string }>(
    await call('/v1/access-tokens', { name: 'CI' }, session),
    201,
  ).token;
  secrets.push(
    { name: 'token', secret: token },
    { name: 'secret of the token', secret: token.slice(21, 64) },
  );
  const change = await call('/v1/session/password', { current: password, password: changed }, session);
  expect(change.status).toBe(204);
  expect((await api.call('/v1/users', { body: { email, name } })).status).toBe(409);
  expect((await api.get<{ email: string }>(`/v1/users/${id}`)).email).toBe(email);
  return id;
}

/** Reads every event of the log of a server that runs; fails when one does not decode. */
async function everyEvent(): Promise<string[]> {
  const log = new EventLog(readPublishedConnection(join(dataDir, 'events'))!, catalogue);
  const types: string[] = [];
  for (let after: bigint | undefined; ;) {
    const page = await log.readAllAfter(after, CATEGORIES);
    if (page.length === 0) break;
    types.push(...page.map(({ type }) => type));
    after = page.at(-1)!.position;
  }
  await log.close();
  return types;
}

it('an erased user is nowhere in the data directory, nor is any secret of theirs, and every event still decodes', async () => {
  const server = await installation.start();
  expect(statSync(join(dataDir, 'master-key')).mode & 0o777).toBe(0o600);
  const id = await live(server);
  bodyOf(await server.api.call(`/v1/users/${id}/erase`, { method: 'POST' }), 200);
  expect((await server.api.call(`/v1/users/${id}`)).status).toBe(404);
  expect(
    (await exchange(server.apiPort, { path: '/v1/session', body: { email, password: changed } })).status,
  ).toBe(401);
  await server.stop();

  const canaries: Canary[] = [
    ...secrets,
    { name: 'e-mail', secret: email },
    { name: 'folded e-mail', secret: email.toLowerCase() },
    { name: 'name', secret: name },
    { name: 'password', secret: password },
    { name: 'new password', secret: changed },
    { name: 'master key', secret: readFileSync(join(dataDir, 'master-key'), 'utf8').trim() },
  ];
  writeFileSync(join(folder, 'planted'), Buffer.from(`to: ${email}`).toString('base64'));
  const { sightings, files } = sightingsBelow(folder, canaries, ['data/master-key']);
  expect(sightings.map(({ place }) => place)).toContain('planted');
  expect(sightings.filter(({ place }) => place !== 'planted')).toEqual([]);
  expect(files).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^data\/events\//),
      expect.stringMatching(/^data\/redis\/.*aof/),
    ]),
  );

  const restarted = await installation.start();
  const types = await everyEvent();
  expect(types).toEqual(
    expect.arrayContaining(['UserRegistered', 'UserInvited', 'UserPasswordChanged', 'UserErased']),
  );
  expect((await restarted.api.all<{ id: string }>('/v1/users')).map((user) => user.id)).not.toContain(id);
  await restarted.stop();
}, 90_000);

describe('the file of the master key', () => {
  it('that is lost, or that others may read, stops the start in words that say what to do', async () => {
    const file = join(dataDir, 'master-key');
    const kept = readFileSync(file);
    chmodSync(file, 0o644);
    const open = await installation.startToEnd({}, 20_000);
    expect(open).toMatchObject({
      code: 1,
      output: expect.stringMatching(/can be used by others \(mode 0644\)/),
    });
    rmSync(file);
    const lost = await installation.startToEnd({}, 20_000);
    expect(lost).toMatchObject({ code: 1, output: expect.stringMatching(/the master key is missing/) });
    writeFileSync(file, kept, { mode: 0o600 });
    const server = await installation.start();
    expect(await server.api.all('/v1/users')).toHaveLength(1);
    await server.stop();
  }, 90_000);
});
