import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf, type GeneratedKey } from './api.js';
import type { Answer } from './http-exchange.js';
import { register } from './people.js';
import { Installation, type ServerProcess } from './server-process.js';

const REGISTRY = '/v1/registries/versions';
const POLICY = `${REGISTRY}/policy`;
const KEYS = `${REGISTRY}/keys`;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;

beforeAll(async () => {
  server = await installation.start();
  await server.api.createRegistry('versions');
}, 60_000);
afterAll(() => installation.remove(), 20_000);

const call = (method: string, path: string, headers: object = {}, body?: unknown): Promise<Answer> =>
  server.api.call(path, { method, headers, ...(body !== undefined && { body }) });
const codeOf = (answer: Answer): string => (JSON.parse(answer.text) as { code: string }).code;
const statusesOf = (answers: readonly Answer[]): number[] =>
  answers.map(({ status }) => status).sort((a, b) => a - b);
const tagOf = (answer: Answer): string => {
  expect(answer.headers.etag).toMatch(/^"\d+"$/);
  return answer.headers.etag!;
};

describe('the version of a resource', () => {
  const changes: [string, () => Promise<string>, string, string, object, object][] = [
    ['a key', newKey, '', 'PATCH', { name: 'one' }, { name: 'two' }],
    ['a registry', () => Promise.resolve(REGISTRY), '', 'PATCH', { name: 'One' }, { name: 'Two' }],
    ['a plan', () => Promise.resolve(REGISTRY), '/plan', 'PUT', { plan: 'free' }, { plan: 'team' }],
    [
      'a policy',
      () => Promise.resolve(POLICY),
      '',
      'PUT',
      { serveReadsFor: 'PT1M' },
      { serveReadsFor: 'PT2M' },
    ],
    ['a member', newMember, '', 'PATCH', { role: 'viewer' }, { role: 'auditor' }],
  ];

  async function newKey(): Promise<string> {
    return `${KEYS}/${(await server.api.generateKey({}, 'versions')).id}`;
  }
  async function newMember(): Promise<string> {
    const { userId } = await register(server.api, `member-${crypto.randomUUID()}`);
    const body = { userId, role: 'developer' };
    bodyOf(await call('POST', `${REGISTRY}/members`, {}, body), 201);
    return `${REGISTRY}/members/${userId}`;
  }

  it.each(changes)(
    'of %s is that of the answer to its change, and holds for one change',
    async (_, make, more, method, one, two) => {
      const path = await make();
      const seen = tagOf(await call('GET', path));
      const changed = await call(method, path + more, { 'if-match': seen }, one);
      expect(changed.status).toBe(200);
      const newer = tagOf(changed);
      expect(newer).not.toBe(seen);
      expect(tagOf(await call('GET', path))).toBe(newer);
      const stale = await call(method, path + more, { 'if-match': seen }, two);
      expect([stale.status, codeOf(stale)]).toEqual([412, 'precondition-failed']);
      expect(tagOf(await call('GET', path))).toBe(newer);
      for (const header of ['*', `"999", ${newer}`]) {
        expect((await call(method, path + more, { 'if-match': header }, one)).status).toBe(200);
      }
      for (const weak of [`W/${newer}`, '"999"', '""']) {
        expect((await call(method, path + more, { 'if-match': weak }, one)).status).toBe(412);
      }
      for (const bad of ['', '3', '"3', `"3""4"`, '*, "3"']) {
        expect((await call(method, path + more, { 'if-match': bad }, one)).status).toBe(400);
      }
    },
  );

  it('spares whoever has it the answer', async () => {
    const path = await newKey();
    const tag = tagOf(await call('GET', path));
    for (const header of [tag, `W/${tag}`, `"999", ${tag}`, '*']) {
      const { status, headers, text } = await call('GET', path, { 'if-none-match': header });
      expect([status, text, headers.etag]).toEqual([304, '', tag]);
      expect(headers).not.toHaveProperty('content-type');
    }
    expect((await call('GET', path, { 'if-none-match': '"999"' })).status).toBe(200);
    expect((await call('GET', path.replace('drk_', 'drk_x'), { 'if-none-match': '*' })).status).toBe(404);
  });

  it('of ten changes at once lets one through', async () => {
    const path = await newKey();
    const seen = tagOf(await call('GET', path));
    const sent = Array.from({ length: 10 }, (_, index) =>
      call('PATCH', path, { 'if-match': seen }, { name: `name ${index}` }),
    );
    expect(statusesOf(await Promise.all(sent))).toEqual([200, ...Array.from({ length: 9 }, () => 412)]);
  });

  it('holds for suspending, resuming and revoking, and a proof of the revocation does not change it', async () => {
    const path = await newKey();
    const born = tagOf(await call('GET', path));
    const suspended = tagOf(await call('POST', `${path}/suspend`, { 'if-match': born }));
    expect((await call('POST', `${path}/resume`, { 'if-match': born })).status).toBe(412);
    const resumed = tagOf(await call('POST', `${path}/resume`, { 'if-match': suspended }));
    expect((await call('POST', `${path}/revoke`, { 'if-match': suspended })).status).toBe(412);
    expect((await call('DELETE', path, { 'if-match': suspended })).status).toBe(412);
    expect((await call('POST', `${path}/revoke`, { 'if-match': resumed })).status).toBe(200);
    const revoked = BigInt(tagOf(await call('GET', path)).slice(1, -1));
    expect(revoked).toBe(BigInt(resumed.slice(1, -1)) + 1n);
  });

  it('tells nobody whether a key of another registry is there', async () => {
    const path = await newKey();
    await server.api.createRegistry('others');
    const foreign = path.replace('/versions/', '/others/');
    expect((await call('PATCH', foreign, { 'if-match': '"999"' }, { name: 'x' })).status).toBe(404);
    expect((await call('POST', `${foreign}/suspend`, { 'if-match': '"999"' })).status).toBe(404);
  });

  it('of a registry stays when a member comes, and that of its policy when it is renamed', async () => {
    const tags = async () => [tagOf(await call('GET', REGISTRY)), tagOf(await call('GET', POLICY))];
    const [registry, policy] = await tags();
    await newMember();
    expect(await tags()).toEqual([registry, policy]);
    bodyOf(await call('PATCH', REGISTRY, {}, { name: `name ${crypto.randomUUID()}` }), 200);
    const [renamed, same] = await tags();
    expect(renamed).not.toBe(registry);
    expect(same).toBe(policy);
  });
});

describe('Dockreg-Min-Position', () => {
  const min = (position: string) => call('GET', KEYS, { 'dockreg-min-position': position });

  it('of a write lets the next read see it', async () => {
    for (let count = 0; count < 5; count++) {
      const made = await call('POST', KEYS, {}, { name: 'seen', permission: 'read' });
      const { id } = bodyOf<GeneratedKey>(made, 201);
      const list = await min(made.headers['dockreg-position'] as string);
      expect(bodyOf<{ items: { id: string }[] }>(list, 200).items[0]).toMatchObject({ id });
    }
  });

  it('that the log has not reached is refused, and so is what is none; one between two events is passed like one of them', async () => {
    for (const position of ['999999999999', '9223372036854775807']) {
      const refused = await min(position);
      expect([refused.status, codeOf(refused)]).toEqual([400, 'unknown-position']);
    }
    for (const position of ['', '-1', '1.5', '0x1', 'now', '9223372036854775808', '1, 2']) {
      const refused = await min(position);
      expect([refused.status, codeOf(refused)]).toEqual([400, 'malformed-request']);
    }
    expect((await min('0')).status).toBe(200);
    expect((await min('1')).status).toBe(200);
  });
});

describe('Idempotency-Key', () => {
  const again = async (path: string, key: string, body: object) =>
    call('POST', path, { 'idempotency-key': key }, body);
  const reused = async (path: string, key: string, body: object) => {
    const refused = await again(path, key, body);
    expect([refused.status, codeOf(refused)]).toEqual([422, 'idempotency-key-reused']);
  };

  it('makes one registry of equal calls, and refuses another body', async () => {
    const body = { slug: 'once', name: 'Once', hosts: ['once.example.com'] };
    const sent = await Promise.all(
      Array.from({ length: 5 }, () => again('/v1/registries', 'registry', body)),
    );
    // Two that the store gets in the same millisecond are one command to it.
    const statuses = new Set(sent.map(({ status }) => status));
    expect([...statuses].filter((status) => status !== 200)).toEqual([201]);
    expect(new Set(sent.map(({ text }) => text)).size).toBe(1);
    await reused('/v1/registries', 'registry', { ...body, slug: 'twice' });
    await reused('/v1/registries', 'registry', { ...body, hosts: [] });
    bodyOf(await call('POST', '/v1/registries', {}, { slug: 'twice', name: 'Twice' }), 201);
    expect((await call('POST', '/v1/registries', {}, body)).status).toBe(409);
  });

  it('gives one slug to one of two registries that were asked for at once', async () => {
    const bodies = [0, 1].map((index) => ({ slug: `race-${index}`, name: 'Race' }));
    const answers = await Promise.all(bodies.map((body) => again('/v1/registries', 'race', body)));
    expect(statusesOf(answers)).toEqual([201, 422]);
  });

  it('of two bodies at once lets one through, also where both would be written to one stream', async () => {
    const people = [await register(server.api, 'first-of-two'), await register(server.api, 'second-of-two')];
    const rivals: [string, object[]][] = [
      [`${REGISTRY}/members`, people.map(({ userId }) => ({ userId, role: 'viewer' }))],
      [`${REGISTRY}/hosts`, [{ host: 'one.example.org' }, { host: 'two.example.org' }]],
      ['/v1/access-tokens', [{ name: 'one' }, { name: 'two' }]],
    ];
    for (const [path, bodies] of rivals) {
      const answers = await Promise.all(bodies.map((body) => again(path, 'rivals', body)));
      expect([path, ...statusesOf(answers)]).toEqual([path, 201, 422]);
    }
  });

  it('makes one access token, and shows it once', async () => {
    const body = { name: 'once', role: 'viewer' };
    const sent = await Promise.all(
      Array.from({ length: 5 }, () => again('/v1/access-tokens', 'token', body)),
    );
    const first = sent.find(({ status }) => status === 201)!;
    const issued = bodyOf<{ token: string }>(first, 201);
    expect(issued.token).toMatch(/^drm_/);
    for (const answer of sent.filter((one) => one !== first)) {
      expect(bodyOf(answer, 200)).toEqual({ ...issued, token: null, code: 'token-already-shown' });
    }
    await reused('/v1/access-tokens', 'token', { ...body, role: 'auditor' });
    const tokens = await server.api.all<{ name: string }>('/v1/access-tokens');
    expect(tokens.filter(({ name }) => name === 'once')).toHaveLength(1);
  });

  it('registers one user, and tells another password from the first', async () => {
    const body = { email: 'once@example.com', name: 'Once', password: 'correct horse battery' };
    const sent = await Promise.all(Array.from({ length: 3 }, () => again('/v1/users', 'user', body)));
    expect(statusesOf(sent)).toEqual([200, 200, 201]);
    expect(new Set(sent.map(({ text }) => text)).size).toBe(1);
    await reused('/v1/users', 'user', { ...body, password: 'another horse battery' });
    await reused('/v1/users', 'user', { ...body, name: 'Other' });
    await reused('/v1/users', 'user', { email: body.email, name: body.name });
  });

  it('shows an invitation once', async () => {
    const body = { email: 'guest@example.com', name: 'Guest' };
    const first = bodyOf<object>(await again('/v1/users', 'guest', body), 201);
    expect(first).toMatchObject({ invitation: { secret: expect.stringMatching(/^inv_/) } });
    expect(bodyOf(await again('/v1/users', 'guest', body), 200)).toEqual({
      ...first,
      invitation: null,
      code: 'invitation-already-shown',
    });
  });

  it('adds one member and one host, and does not add them again after they were removed', async () => {
    const { userId } = await register(server.api, 'once-member');
    const { userId: other } = await register(server.api, 'other-member');
    const members = `${REGISTRY}/members`;
    const member = bodyOf<object>(await again(members, 'member', { userId, role: 'viewer' }), 201);
    expect((await call('DELETE', `${members}/${userId}`)).status).toBe(204);
    expect(bodyOf(await again(members, 'member', { userId, role: 'viewer' }), 200)).toEqual(member);
    await reused(members, 'member', { userId: other, role: 'viewer' });
    expect((await call('GET', `${members}/${userId}`)).status).toBe(404);
    const hosts = `${REGISTRY}/hosts`;
    bodyOf(await again(hosts, 'host', { host: 'added.example.com' }), 201);
    expect((await call('DELETE', `${hosts}/added.example.com`)).status).toBe(204);
    const repeated = await again(hosts, 'host', { host: 'added.example.com' });
    expect(bodyOf<{ hosts: string[] }>(repeated, 200).hosts).not.toContain('added.example.com');
    await reused(hosts, 'host', { host: 'another.example.com' });
  });
});

describe('a member', () => {
  it('is shown with name and e-mail address to whoever may see members', async () => {
    const { userId } = await register(server.api, 'named');
    const body = { userId, role: 'viewer' };
    const member = { userId, role: 'viewer', name: 'named', email: 'named@example.com' };
    expect(bodyOf(await call('POST', `${REGISTRY}/members`, {}, body), 201)).toMatchObject(member);
    expect(bodyOf(await call('GET', `${REGISTRY}/members/${userId}`), 200)).toMatchObject(member);
    const list = await server.api.all<{ userId: string }>(`${REGISTRY}/members`);
    expect(list.find((one) => one.userId === userId)).toMatchObject(member);
    bodyOf(await call('POST', `/v1/users/${userId}/erase`), 200);
    const erased = bodyOf(await call('GET', `${REGISTRY}/members/${userId}`), 200);
    expect(erased).toMatchObject({ userId, name: null, email: null });
  });
});
