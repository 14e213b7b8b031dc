import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Api, bodyOf } from './api.js';
import { bearer, everything, FEEDS_MAX, head, poll, Streams, type Change } from './change-feed.js';
import type { EventStream } from './event-stream.js';
import { exchange } from './http-exchange.js';
import { addMember, register, type Person } from './people.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

const streams = new Streams();
const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
const people = new Map<string, Person>();
let server: ServerProcess;

beforeAll(async () => {
  server = await installation.start();
  await server.api.createRegistry('ours');
  for (const role of ['auditor', 'viewer']) {
    const person = await register(server.api, role);
    await addMember(server.api, 'ours', person.userId, role);
    people.set(role, person);
  }
  people.set('nobody', await register(server.api, 'nobody'));
}, 60_000);
afterEach(() => streams.closeAll());
afterAll(() => installation.remove(), 20_000);

const tokenOf = (name: string): string => people.get(name)!.token;
/** On the server that runs now. */
const apiOf = (name: string): Api => new Api(server.apiPort, tokenOf(name), 0);
const statusOf = async (path: string, token = installation.token): Promise<object> => {
  const { status, text } = await exchange(server.apiPort, { path, headers: bearer(token) });
  return { status, code: (JSON.parse(text) as { code: string }).code };
};
const rename = async (name: string): Promise<void> =>
  void bodyOf(await server.api.call('/v1/registries/ours', { method: 'PATCH', body: { name } }), 200);
const stream = (token: string, query = '', more: Record<string, string> = {}) =>
  streams.open(server.apiPort, { ...bearer(token), ...more }, query);

describe('a stream', () => {
  it('delivers what happens, and goes on after the last id without a gap or a duplicate, also after a restart', async () => {
    const after = await head(server.api);
    const make = async (count: number) => {
      for (let number = 0; number < count; number++)
        await server.api.generateKey({ name: `key ${number}` }, 'ours');
    };
    const first = await stream(installation.token, '?types=KeyGenerated');
    expect(first.response.headers.get('content-type')).toBe('text/event-stream');
    await make(5);
    let seen = 0;
    const before = await first.until(() => ++seen === 3);
    first.close();
    const making = make(5);
    const second = await stream(installation.token, '?types=KeyGenerated', {
      'last-event-id': first.lastEventId,
    });
    const between = await second.until(() => ++seen === 7);
    await making;
    await server.stop();
    server = await installation.start();
    await make(3);
    const third = await stream(installation.token, '?types=KeyGenerated', {
      'last-event-id': second.lastEventId,
    });
    const rest = await third.until(() => ++seen === 13);
    const all = await everything(server.api, after, '&types=KeyGenerated');
    expect(all).toHaveLength(13);
    expect([...before, ...between, ...rest]).toEqual(all);
  }, 40_000);

  it('tells its place at once, so that nothing is lost when it breaks before the first change', async () => {
    const first = await stream(tokenOf('viewer'));
    const waiting = first.next();
    await eventually('the first id', 5_000, () => first.lastEventId !== '');
    expect(first.lastEventId).toBe(await head(server.api));
    first.close();
    await expect(waiting).rejects.toThrow();
    await rename('between');
    const second = await stream(tokenOf('viewer'), '', { 'last-event-id': first.lastEventId });
    expect((await second.next())?.data).toMatchObject({ type: 'RegistryRenamed', data: { name: 'between' } });
  });

  it('of an access token that ends is over at once, and shows nothing that comes after', async () => {
    const issued = await server.api.call('/v1/access-tokens', { body: { name: 'short' } });
    const { id, token } = bodyOf<{ id: string; token: string }>(issued, 201);
    const opened = await stream(token, '?types=KeyGenerated');
    const key = await server.api.generateKey({}, 'ours');
    expect((await opened.next())?.data.subject).toBe(key.id);
    const ended = opened.next();
    bodyOf({ ...(await server.api.call(`/v1/access-tokens/${id}`, { method: 'DELETE' })), text: '{}' }, 204);
    await server.api.generateKey({}, 'ours');
    expect(await ended).toBeUndefined();
    expect(await statusOf('/v1/changes/stream', token)).toEqual({ status: 401, code: 'not-authenticated' });
  });

  it('of a session that ends shows nothing that comes after', async () => {
    const port = server.apiPort;
    const body = { email: 'auditor@example.com', password: 'correct horse battery' };
    const signIn = await exchange(port, { path: '/v1/session', body });
    const headers = {
      cookie: signIn.headers['set-cookie']![0]!.split(';')[0]!,
      origin: `http://127.0.0.1:${port}`,
    };
    const opened = await streams.open(port, headers);
    const key = await server.api.generateKey({}, 'ours');
    expect((await opened.next())?.data.subject).toBe(key.id);
    expect((await exchange(port, { path: '/v1/session', method: 'DELETE', headers })).status).toBe(204);
    await server.api.generateKey({}, 'ours');
    expect(await opened.next()).toBeUndefined();
  });

  it('is over when the rights of its caller change, and goes on with those of then', async () => {
    const { userId, token } = await register(server.api, 'moved');
    await addMember(server.api, 'ours', userId, 'auditor');
    const opened = await stream(token);
    const seen = await server.api.generateKey({}, 'ours');
    expect((await opened.next())?.data.subject).toBe(seen.id);
    const member = `/v1/registries/ours/members/${userId}`;
    bodyOf(await server.api.call(member, { method: 'PATCH', body: { role: 'viewer' } }), 200);
    await server.api.generateKey({}, 'ours');
    expect(await opened.next()).toBeUndefined();
    const again = await stream(token, '', { 'last-event-id': opened.lastEventId });
    await rename('moved on');
    expect((await again.next())?.data).toMatchObject({ type: 'RegistryRenamed' });
    await server.api.call(member, { method: 'DELETE' });
    await rename('unseen');
    expect(await again.next()).toBeUndefined();
    expect(await everything(new Api(server.apiPort, token, 0), opened.lastEventId)).toEqual([]);
  });

  it(`is one of ${FEEDS_MAX} feeds of a user at most, until one ends`, async () => {
    const token = tokenOf('nobody');
    const opened: EventStream<Change>[] = [];
    for (let number = 0; number < FEEDS_MAX; number++) opened.push(await stream(token));
    for (const path of ['/v1/changes?wait=0', '/v1/changes/stream'])
      expect(await statusOf(path, token)).toEqual({ status: 429, code: 'too-many-feeds' });
    expect((await poll(apiOf('viewer'), 'wait=0')).items).toEqual([]);
    opened[0]!.close();
    await eventually(
      'a feed is free',
      5_000,
      async () => (await apiOf('nobody').call('/v1/changes?wait=0')).status === 200,
    );
  });

  it('and a poll end when the server does, and do not hold it up', async () => {
    const token = tokenOf('nobody');
    const opened: EventStream<Change>[] = [];
    for (let number = 1; number < FEEDS_MAX; number++) opened.push(await stream(token));
    const waiting = poll(apiOf('nobody'), 'wait=60');
    await eventually('the poll has the last place', 5_000, async () => {
      return (await apiOf('nobody').call('/v1/changes?wait=0')).status === 429;
    });
    const ended = Promise.all(opened.map((each) => each.next()));
    const silent = connect(server.apiPort, '127.0.0.1');
    await once(silent, 'connect');
    const exit = await server.stop();
    expect(exit).toMatchObject({ code: 0 });
    // Browsers open connections in advance: one that asks nothing holds up nothing. What does is cut, and said.
    expect(server.output).not.toContain('did not end cleanly');
    expect(await ended).toEqual(opened.map(() => undefined));
    expect((await waiting).items).toEqual([]);
    server = await installation.start();
  }, 40_000);
});
