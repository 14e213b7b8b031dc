import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Api, bodyOf, type GeneratedKey } from './api.js';
import { Cluster, type ClusterNode } from './cluster.js';
import type { Answer } from './http-exchange.js';
import { addMember, narrowed, register, type Person } from './people.js';

const MASTER_KEY = randomBytes(32).toString('base64');
/** Each round takes a right away at one node while callers use it at the other. */
const ROUNDS = 10;

interface Member {
  readonly userId: string;
  readonly role: string;
  readonly addedAt: string;
}

let cluster: Cluster;
let here: ClusterNode;
let there: ClusterNode;
let admin: Api;
let anna: Person;
let ben: Person;

beforeAll(async () => {
  cluster = await Cluster.start();
  [here, there] = await Promise.all([
    cluster.node('api', { MASTER_KEY }),
    cluster.node('api', { MASTER_KEY }),
  ]);
  await Promise.all([here.start(), there.start()]);
  admin = new Api(here.server.apiPort, cluster.token, 0);
  [anna, ben] = [await register(admin, 'anna'), await register(admin, 'ben')];
}, 60_000);
afterAll(() => cluster.remove(), 30_000);

const at = (node: ClusterNode, { token }: Person) => new Api(node.server.apiPort, token, 0);
const members = (slug: string) => `/v1/registries/${slug}/members`;
const add = (slug: string, body: object, api = admin) => api.call(members(slug), { body });
const change = (slug: string, userId: string, role: string, api = admin) =>
  api.call(`${members(slug)}/${userId}`, { method: 'PATCH', body: { role } });
const remove = (slug: string, userId: string, api = admin) =>
  api.call(`${members(slug)}/${userId}`, { method: 'DELETE' });
const problem = ({ status, text }: Answer) => [status, (JSON.parse(text) as { code: string }).code];
const seen = async (api: Api): Promise<string[]> =>
  (await api.all<{ slug: string }>('/v1/registries')).map(({ slug }) => slug);

describe('a registry with an owner', () => {
  it('is looked after by the owner from the start, and seen by nobody else', async () => {
    const body = { slug: 'owned', name: 'Owned', owner: anna.userId };
    const created = bodyOf<{ id: string }>(await admin.call('/v1/registries', { body }), 201);
    expect(await anna.api.all<Member>(members('owned'))).toMatchObject([
      { userId: anna.userId, role: 'owner' },
    ]);
    expect([await seen(anna.api), await seen(ben.api)]).toEqual([['owned'], []]);
    expect(problem(await ben.api.call('/v1/registries/owned'))).toEqual([404, 'not-found']);
    const session = await anna.api.get<{ roles: object[] }>('/v1/session');
    expect(session.roles).toEqual([{ registry: created.id, slug: 'owned', name: 'Owned', role: 'owner' }]);
  });

  it('is refused, and its slug stays free, when there is no such user', async () => {
    const body = { slug: 'orphan', name: 'x', owner: 'usr_0000000000000000' };
    expect(problem(await admin.call('/v1/registries', { body }))).toEqual([422, 'invalid-value']);
    expect(problem(await admin.call('/v1/registries', { body: { ...body, owner: 'anna' } }))).toEqual([
      400,
      'invalid-request',
    ]);
    await admin.createRegistry('orphan');
  });

  it('gets another plan from administrators alone', async () => {
    const put = (api: Api, plan: string) =>
      api.call('/v1/registries/owned/plan', { method: 'PUT', body: { plan } });
    expect(problem(await put(anna.api, 'free'))).toEqual([403, 'not-permitted']);
    expect(bodyOf(await put(admin, 'team'), 200)).toMatchObject({ slug: 'owned', plan: 'team' });
    expect(await anna.api.get('/v1/registries/owned')).toMatchObject({ plan: 'team' });
    expect(problem(await put(admin, 'gold'))).toEqual([400, 'invalid-request']);
  });

  it('is listed page by page to whoever sees several, without the others in between', async () => {
    for (const slug of ['many-a', 'many-b', 'many-c', 'many-d']) await admin.createRegistry(slug);
    for (const slug of ['many-a', 'many-c', 'many-d']) await addMember(admin, slug, ben.userId, 'viewer');
    expect(await ben.api.all<{ slug: string }>('/v1/registries?limit=1')).toMatchObject([
      { slug: 'many-a' }, { slug: 'many-c' }, { slug: 'many-d' },
    ]); // prettier-ignore
    const one = await narrowed(ben.api, { registry: 'many-c' });
    expect(await seen(new Api(admin.port, one, 0))).toEqual(['many-c']);
  });
});

describe('a member', () => {
  it('is added, listed, changed and removed by an owner', async () => {
    const added = await add('owned', { userId: ben.userId, role: 'viewer' }, anna.api);
    const member = bodyOf<Member>(added, 201);
    expect(member).toEqual({
      userId: ben.userId,
      name: 'ben',
      email: 'ben@example.com',
      role: 'viewer',
      addedAt: expect.stringMatching(/Z$/),
    });
    expect(added.headers['dockreg-position']).toMatch(/^\d+$/);
    expect(bodyOf(await add('owned', { userId: ben.userId, role: 'viewer' }), 200)).toEqual(member);
    expect(problem(await add('owned', { userId: ben.userId, role: 'admin' }))).toEqual([
      409,
      'already-member',
    ]);
    const changed = await change('owned', ben.userId, 'auditor', anna.api);
    expect(bodyOf(changed, 200)).toEqual({ ...member, role: 'auditor' });
    const listed = await anna.api.all<Member>(`${members('owned')}?limit=1`);
    expect(new Set(listed.map(({ userId }) => userId))).toEqual(new Set([anna.userId, ben.userId]));
    expect((await remove('owned', ben.userId, anna.api)).status).toBe(204);
    expect(problem(await remove('owned', ben.userId, anna.api))).toEqual([404, 'not-found']);
    expect(problem(await change('owned', ben.userId, 'viewer', anna.api))).toEqual([404, 'not-found']);
  });

  it.each<[string, object, number]>([
    ['nobody', { role: 'viewer' }, 400],
    ['no role', { userId: 'usr_0000000000000000' }, 400],
    ['a role that is none', { userId: 'usr_0000000000000000', role: 'root' }, 400],
    ['an id of another form', { userId: 'anna', role: 'viewer' }, 400],
    ['another field', { userId: 'usr_0000000000000000', role: 'viewer', admin: true }, 400],
    ['a user who never was', { userId: 'usr_0000000000000000', role: 'viewer' }, 422],
  ])('that is %s is refused', async (_, body, status) => {
    const position = await admin.position();
    expect((await add('owned', body)).status).toBe(status);
    expect(await admin.writtenSince(position)).toEqual([]);
  });
});

describe('a developer', () => {
  const generate = async (api: Api) =>
    bodyOf<GeneratedKey & { createdBy: string }>(
      await api.call('/v1/registries/keyed/keys', { body: { name: 'own', permission: 'read' } }),
      201,
    );
  const key = (id: string, action = '') => `/v1/registries/keyed/keys/${id}${action}`;

  it('changes own keys, whichever token made them, and none of others', async () => {
    await admin.createRegistry('keyed');
    for (const { userId } of [anna, ben]) await addMember(admin, 'keyed', userId, 'developer');
    const narrow = new Api(admin.port, await narrowed(anna.api, { role: 'developer' }), 0);
    const own = await generate(narrow);
    expect(own.createdBy).toBe(anna.userId);
    const history = await anna.api.events(own.id, 'keyed');
    expect(history[0]?.actor.type).toBe('access-token');
    expect(await anna.api.all(`/v1/registries/keyed/keys?createdBy=${anna.userId}`)).toMatchObject([
      { id: own.id },
    ]);
    for (const [method, path, body] of [
      ['PATCH', key(own.id), { name: 'mine' }],
      ['POST', key(own.id, '/suspend')],
      ['POST', key(own.id, '/resume')],
      ['GET', key(own.id, '/events')],
      ['DELETE', key(own.id)],
      ['POST', key(own.id, '/revoke')],
    ] as const) {
      const options = { method, ...(body && { body }) };
      // By another process, which may not have heard of the key yet.
      expect(problem(await at(there, ben).call(path, options))).toEqual([403, 'not-permitted']);
      expect((await at(there, anna).call(path, options)).status).toBe(200);
    }
    expect(bodyOf(await ben.api.call(key(own.id)), 200)).toMatchObject({ status: 'revoked', name: 'mine' });
    expect(problem(await ben.api.call(key('drk_0000000000000000', '/revoke'), { method: 'POST' }))).toEqual([
      404,
      'not-found',
    ]);
  });

  it('is told the same of a key of another registry as of none', async () => {
    const foreign = await admin.generateKey({}, 'owned');
    const answers = [foreign.id, 'drk_0000000000000000'].map((id) =>
      ben.api.call(key(id, '/suspend'), { method: 'POST' }),
    );
    const texts = (await Promise.all(answers)).map(({ text }) => text.replace(/req_\w+/, ''));
    expect(texts[0]).toBe(texts[1]);
    expect(texts[0]).toMatch(/"status":404/);
  });
});

describe('a right that was taken away at one node', () => {
  it.each<[string, (userId: string) => Promise<Answer>, number]>([
    ['with the membership', (userId) => remove('left', userId), 404],
    ['with the role', (userId) => change('left', userId, 'viewer'), 403],
  ])(
    `%s is refused at the other by the next request, ${ROUNDS} times, each with callers all the while`,
    async (_, end, refused) => {
      if (!(await seen(admin)).includes('left')) await admin.createRegistry('left');
      await remove('left', ben.userId);
      let accepted = 0;
      for (let round = 0; round < ROUNDS; round++) {
        await (round === 0 || refused === 404
          ? addMember(admin, 'left', ben.userId, 'owner')
          : change('left', ben.userId, 'owner'));
        const use = async () => (await at(there, ben).call(members('left'))).status;
        expect(await use()).toBe(200);
        const over = new AbortController();
        const caller = async (): Promise<void> => {
          while (!over.signal.aborted) await use();
        };
        const callers = [caller(), caller()];
        expect((await end(ben.userId)).status).toBeLessThan(300);
        if ((await use()) !== refused) accepted++;
        over.abort();
        await Promise.all(callers);
      }
      expect(accepted).toBe(0);
    },
    60_000,
  );
});

describe('a node that stands still while a member is removed at another', () => {
  it('accepts nothing from the member afterwards: the answer has waited for its lease to end', async () => {
    await admin.createRegistry('stalled');
    await addMember(admin, 'stalled', ben.userId, 'owner');
    expect((await at(there, ben).call(members('stalled'))).status).toBe(200);
    there.server.signal('SIGSTOP');
    const startedAt = performance.now();
    expect((await remove('stalled', ben.userId)).status).toBe(204);
    expect(performance.now() - startedAt).toBeGreaterThan(1_000);
    there.server.signal('SIGCONT');
    const own = await add('stalled', { userId: ben.userId, role: 'owner' }, at(there, ben));
    expect([404, 503]).toContain(own.status);
  }, 60_000);
});

describe('a node that starts again', () => {
  it('knows all roles, from its tables and without them', async () => {
    await admin.createRegistry('kept');
    await addMember(admin, 'kept', anna.userId, 'admin');
    await addMember(admin, 'kept', ben.userId, 'developer');
    await change('kept', anna.userId, 'viewer');
    await remove('kept', ben.userId);
    for (const withTables of [true, false]) {
      await there.server.stop();
      if (!withTables) rmSync(join(there.dataDir, 'read-models'), { recursive: true });
      await there.start();
      const [annas, bens] = [at(there, anna), at(there, ben)];
      expect((await annas.call('/v1/registries/kept/keys')).status).toBe(200);
      expect((await annas.call(members('kept'))).status).toBe(403);
      expect((await annas.call(members('owned'))).status).toBe(200);
      expect((await bens.call('/v1/registries/kept')).status).toBe(404);
    }
  }, 60_000);
});
