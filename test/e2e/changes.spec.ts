import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Api, bodyOf } from './api.js';
import { Cluster, type ClusterNode } from './cluster.js';
import { EventStream } from './event-stream.js';
import { exchange } from './http-exchange.js';
import { addMember, narrowed, register, type Person } from './people.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

interface Change {
  readonly type: string;
  readonly registry: string | null;
  readonly subject: string;
  readonly actor: { readonly type: string; readonly id: string };
  readonly data: Readonly<Record<string, unknown>>;
  readonly position: string;
}
interface ChangePage {
  readonly items: readonly Change[];
  readonly next: string;
}

const FEEDS_MAX = 16;
const ROLES = ['owner', 'admin', 'developer', 'auditor', 'viewer'] as const;
/** A stream is given up by its server when its client takes nothing for 10 s. */
const SLOW_LIMIT_MS = 30_000;
/** What the kernel holds for a client that reads nothing is less. */
const LANES = 8;
const UNREAD_BYTES = 12 * 1024 * 1024;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
const people = new Map<string, Person>();
const streams: EventStream<Change>[] = [];
let server: ServerProcess;

beforeAll(async () => {
  server = await installation.start();
  await server.api.createRegistry('ours');
  await server.api.createRegistry('theirs');
  for (const role of ROLES) {
    const person = await register(server.api, role);
    await addMember(server.api, 'ours', person.userId, role);
    people.set(role, person);
  }
  people.set('nobody', await register(server.api, 'nobody'));
}, 60_000);
afterEach(() => streams.splice(0).forEach((stream) => stream.close()));
afterAll(() => installation.remove(), 20_000);

const tokenOf = (name: string): string => people.get(name)!.token;
/** On the server that runs now. */
const apiOf = (name: string): Api => new Api(server.apiPort, tokenOf(name), 0);
const poll = (api: Api, query: string): Promise<ChangePage> => api.get(`/v1/changes?${query}`);
const head = async (api = server.api): Promise<string> => (await poll(api, 'wait=0')).next;
const everything = async (api: Api, after: string, types = ''): Promise<Change[]> => {
  const items: Change[] = [];
  for (let next = after; ;) {
    const page = await poll(api, `after=${next}&wait=0&limit=200${types}`);
    if (page.items.length === 0 && page.next === next) return items;
    items.push(...page.items);
    ({ next } = page);
  }
};
const stream = async (token: string, query = '', more: Record<string, string> = {}) => {
  const url = `http://127.0.0.1:${server.apiPort}/v1/changes/stream${query}`;
  const opened = await EventStream.open<Change>(url, { authorization: `Bearer ${token}`, ...more });
  streams.push(opened);
  return opened;
};
const positions = (changes: readonly Change[]): string[] => changes.map(({ position }) => position);
const statusOf = async (
  path: string,
  token = installation.token,
): Promise<{ status: number; code: string }> => {
  const answer = await exchange(server.apiPort, { path, headers: { authorization: `Bearer ${token}` } });
  return { status: answer.status, code: (JSON.parse(answer.text) as { code: string }).code };
};

describe('the change feed', () => {
  it('shows each caller what the routes about it show, and nothing else', async () => {
    const before = await head();
    const own = await apiOf('developer').generateKey({ name: 'own' }, 'ours');
    const other = await apiOf('admin').generateKey({ name: 'other' }, 'ours');
    await server.api.generateKey({}, 'theirs');
    const { userId } = await register(server.api, 'late');
    await addMember(server.api, 'ours', userId, 'viewer');
    bodyOf(await server.api.call('/v1/registries/ours', { method: 'PATCH', body: { name: 'Ours' } }), 200);

    const seenBy = async (api: Api) =>
      (await everything(api, before)).map(({ type, subject }) => `${type} ${subject === userId ? 'late' : subject === own.id ? 'own' : subject === other.id ? 'other' : ''}`.trim()); // prettier-ignore
    const ownKey = 'KeyGenerated own';
    const [otherKey, member, renamed] = ['KeyGenerated other', 'MemberAdded late', 'RegistryRenamed'];
    expect(await seenBy(apiOf('owner'))).toEqual([ownKey, otherKey, member, renamed]);
    expect(await seenBy(apiOf('admin'))).toEqual([ownKey, otherKey, renamed]);
    expect(await seenBy(apiOf('auditor'))).toEqual([ownKey, otherKey, renamed]);
    expect(await seenBy(apiOf('developer'))).toEqual([ownKey, renamed]);
    expect(await seenBy(apiOf('viewer'))).toEqual([renamed]);
    expect(await seenBy(apiOf('nobody'))).toEqual([]);
    expect(await seenBy(server.api)).toEqual([
      ownKey, otherKey, 'KeyGenerated', 'UserRegistered late', 'UserPasswordChanged late', 'UserSignedIn late', 'AccessTokenIssued late', member, renamed,
    ]); // prettier-ignore
    for (const scope of [{ role: 'owner' }, { registry: 'ours' }]) {
      const token = await narrowed(server.api, scope);
      const seen = await seenBy(new Api(server.apiPort, token, 0));
      const foreign = 'role' in scope ? ['KeyGenerated'] : [];
      expect(seen).toEqual([ownKey, otherKey, ...foreign, member, renamed]);
    }
  });

  it('carries no hash of a secret, no ciphertext and no fact of another kind of stream', async () => {
    const all = await everything(server.api, '0');
    expect(all.length).toBeGreaterThan(30);
    const text = JSON.stringify(all);
    expect(text).not.toMatch(/secretHash|ciphertext|emailIndex|Lease|Reserved|SubjectKey/);
    expect(text).not.toMatch(/[0-9a-f]{64}/);
    const rising = all.map(({ position }) => BigInt(position));
    expect(rising.every((position, index) => index === 0 || rising[index - 1]! < position)).toBe(true);
  });

  it('shows the data of a fact as its history does', async () => {
    const before = await head();
    const { id } = await server.api.generateKey({ labels: { env: 'prod' } }, 'ours');
    await server.api.revoke(id, 'ours');
    const history = await server.api.events(id, 'ours');
    const shown = (await everything(server.api, before)).filter(({ subject }) => subject === id);
    const comparable = ({ type, data, actor }: { type: string; data: object; actor: object }) => ({
      type,
      data,
      actor,
    });
    expect(shown.map(comparable)).toEqual(history.map(comparable));
    expect(shown).toHaveLength(3);
  });
});

describe('a long poll', () => {
  it('answers with the next change that its caller sees, as soon as it happens', async () => {
    const after = await head();
    const [waiting, chosen] = [
      poll(apiOf('viewer'), `after=${after}&wait=20`),
      poll(server.api, `after=${after}&wait=20&types=KeyRevoked`),
    ];
    const { id } = await server.api.generateKey({}, 'ours');
    bodyOf(
      await server.api.call('/v1/registries/ours', { method: 'PATCH', body: { name: `for ${id}` } }),
      200,
    );
    expect((await waiting).items).toMatchObject([{ type: 'RegistryRenamed', data: { name: `for ${id}` } }]);
    await server.api.revoke(id, 'ours');
    expect((await chosen).items).toMatchObject([{ type: 'KeyRevoked', subject: id }]);
  });

  it('answers at once with what there is, and says where the next one goes on', async () => {
    const after = await head();
    const ids = [await server.api.generateKey({}, 'ours'), await server.api.generateKey({}, 'ours')].map(
      ({ id }) => id,
    );
    const first = await poll(server.api, `after=${after}&limit=1`);
    expect(first.items).toMatchObject([{ subject: ids[0] }]);
    expect(first.next).toBe(first.items[0]!.position);
    const second = await poll(server.api, `after=${first.next}&limit=1`);
    expect(second.items).toMatchObject([{ subject: ids[1] }]);
    expect(await poll(server.api, `after=${second.next}&wait=0`)).toEqual({ items: [], next: second.next });
    // The viewer sees none of it, and need not look at it again.
    expect(await poll(apiOf('viewer'), `after=${after}&wait=0`)).toEqual({ items: [], next: second.next });
  });

  it.each([
    ['after=x', 'invalid-parameter'],
    ['after=-1', 'invalid-parameter'],
    ['wait=61', 'invalid-parameter'],
    ['limit=0', 'invalid-parameter'],
    ['types=LeaseRenewed', 'invalid-parameter'],
    ['types=KeyRevoked,Nothing', 'invalid-parameter'],
    ['after=9223372036854775807', 'unknown-position'],
    ['after=9999999999999999999', 'unknown-position'],
  ])('refuses ?%s, and so does a stream but for what it does not take', async (query, code) => {
    expect(await statusOf(`/v1/changes?${query}`)).toEqual({ status: 400, code });
    const unknown = /^(wait|limit)/.test(query);
    expect(await statusOf(`/v1/changes/stream?${query}`)).toEqual({
      status: 400,
      code: unknown ? 'unknown-parameter' : code,
    });
  });
});

describe('a stream', () => {
  it('delivers what happens, and goes on after the last id without a gap or a duplicate, also after a restart', async () => {
    const after = await head();
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
    expect(first.lastEventId).toBe(await head());
    first.close();
    await expect(waiting).rejects.toThrow();
    bodyOf(await server.api.call('/v1/registries/ours', { method: 'PATCH', body: { name: 'between' } }), 200);
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
    const opened = await EventStream.open<Change>(`http://127.0.0.1:${port}/v1/changes/stream`, headers);
    streams.push(opened);
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
    bodyOf(
      await server.api.call('/v1/registries/ours', { method: 'PATCH', body: { name: 'moved on' } }),
      200,
    );
    expect((await again.next())?.data).toMatchObject({ type: 'RegistryRenamed' });
    await server.api.call(member, { method: 'DELETE' });
    bodyOf(await server.api.call('/v1/registries/ours', { method: 'PATCH', body: { name: 'unseen' } }), 200);
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

  it('is cut off when its client takes nothing, and holds up nobody else', async () => {
    const token = tokenOf('owner');
    const before = await head();
    const repositories = Array.from({ length: 100 }, (_, index) => `${'a'.repeat(200)}/${index}`);
    let left = UNREAD_BYTES / JSON.stringify(repositories).length;
    const fill = async () => {
      while (left-- > 0) await server.api.generateKey({ repositories }, 'ours');
    };
    await Promise.all(Array.from({ length: LANES }, fill));
    const socket = connect(server.apiPort, '127.0.0.1').pause();
    socket.on('error', () => undefined);
    socket.write(
      `GET /v1/changes/stream?after=${before} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
    const isFull = async () => (await apiOf('owner').call('/v1/changes?wait=0')).status === 429;
    for (let number = 1; number < FEEDS_MAX; number++) await stream(token);
    await eventually('the slow one is there', 5_000, isFull);
    await eventually('the slow one is cut off', SLOW_LIMIT_MS, async () => !(await isFull()));
    const key = await server.api.generateKey({}, 'ours');
    expect((await streams.at(-1)!.next())?.data.subject).toBe(key.id);
    socket.destroy();
  }, 60_000);

  it('and a poll end when the server does, and do not hold it up', async () => {
    const opened = await stream(installation.token);
    const waiting = poll(server.api, 'wait=60');
    await server.api.generateKey({}, 'ours');
    expect(await opened.next()).toBeDefined();
    await waiting;
    const again = server.api.call('/v1/changes?wait=60');
    // That the poll is under way is known when it takes one of the places.
    const ended = opened.next();
    const exit = await server.stop();
    expect(exit).toMatchObject({ code: 0 });
    expect(exit.milliseconds).toBeLessThan(3_000);
    expect(await ended).toBeUndefined();
    expect([200, 503]).toContain((await again.catch(() => ({ status: 503 }))).status);
    server = await installation.start();
  }, 40_000);
});

describe('two API nodes', () => {
  let cluster: Cluster;
  let nodes: ClusterNode[];
  beforeAll(async () => {
    cluster = await Cluster.start();
    const settings = { MASTER_KEY: Buffer.alloc(32, 7).toString('base64') };
    nodes = [await cluster.node('api', settings), await cluster.node('api', settings)];
    await Promise.all(nodes.map((node) => node.start()));
  }, 60_000);
  afterAll(() => cluster.remove(), 30_000);

  it('show the same feed: whoever asks them in turn misses nothing and gets nothing twice', async () => {
    const [one, two] = nodes.map(({ server }) => new Api(server.apiPort, cluster.token, 0)) as [Api, Api];
    const { id } = await one.createRegistry('ours');
    const after = await head(one);
    const writing = (async () => {
      for (let number = 0; number < 20; number++)
        await (number % 2 === 0 ? one : two).generateKey({}, 'ours');
    })();
    const seen: Change[] = [];
    for (let next = after, turn = 0; seen.length < 20; turn++) {
      const page = await poll(turn % 2 === 0 ? two : one, `after=${next}&limit=3&wait=10`);
      seen.push(...page.items);
      ({ next } = page);
    }
    await writing;
    const last = seen.at(-1)!.position;
    for (const api of [one, two]) {
      await eventually('the node has it', 5_000, async () => BigInt(await head(api)) >= BigInt(last));
      expect(positions(await everything(api, after))).toEqual(positions(seen));
    }
    expect(seen.every(({ type, registry }) => type === 'KeyGenerated' && registry === id)).toBe(true);
  });

  it('end the stream of a token that was ended at the other one', async () => {
    const [one, two] = nodes.map(({ server }) => new Api(server.apiPort, cluster.token, 0)) as [Api, Api];
    const issued = await one.call('/v1/access-tokens', { body: { name: 'short' } });
    const { id, token } = bodyOf<{ id: string; token: string }>(issued, 201);
    const opened = await EventStream.open<Change>(
      `http://127.0.0.1:${two.port}/v1/changes/stream?types=KeyRevoked`,
      { authorization: `Bearer ${token}` },
    );
    streams.push(opened);
    expect((await one.call(`/v1/access-tokens/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await opened.next()).toBeUndefined();
  });
});
