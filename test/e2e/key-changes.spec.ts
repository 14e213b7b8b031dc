import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf, type GeneratedKey } from './api.js';
import { basic, exchange, type Answer } from './http-exchange.js';
import { KeyCallers } from './key-callers.js';
import { expectRefused } from './refusals.js';
import { Installation, type ServerProcess } from './server-process.js';

const KEYS = '/v1/registries/myapp/keys';
/** Each round changes a key and asks the gate at once. */
const ROUNDS = 20;
const SUSPENSIONS = 40;
const CALLERS = 8;
/** Requests of the callers that must have been seen after each suspension: without them the test would prove nothing. */
const LATER_REQUESTS_MIN = 4;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
beforeAll(async () => {
  server = await installation.start();
}, 40_000);
afterAll(() => installation.remove(), 20_000);

interface Key extends GeneratedKey {
  readonly status: string;
}

const send = (id: string, method: string, path = '', body?: unknown) =>
  server.api.call(`${KEYS}/${id}${path}`, { method, ...(body !== undefined && { body }) });
const change = async (id: string, changes: object) => bodyOf<Key>(await send(id, 'PATCH', '', changes), 200);
const suspend = async (id: string) => bodyOf<Key>(await send(id, 'POST', '/suspend'), 200);
const resume = async (id: string) => bodyOf<Key>(await send(id, 'POST', '/resume'), 200);
const shown = (id: string) => server.api.get<Key>(`${KEYS}/${id}`);

/** How the gate answers: no registry stands behind it, so what a key may do is a 404. */
const MAY = 404;
const MAY_NOT = 403;
async function ask({ id, key }: GeneratedKey, method: string, path: string): Promise<Answer> {
  const headers = { authorization: basic(id, key), 'content-length': '0' };
  return exchange(server.gatePort, { method, path, headers });
}
const push = async (key: GeneratedKey, repository = 'team/api') =>
  (await ask(key, 'POST', `/v2/${repository}/blobs/uploads/`)).status;
const pull = async (key: GeneratedKey, repository = 'team/api') =>
  (await ask(key, 'GET', `/v2/${repository}/manifests/latest`)).status;

describe('a key whose rights change', () => {
  it('has the permission that was answered last, at the next request', async () => {
    const key = await server.api.generateKey({ permission: 'read-write' });
    for (let round = 0; round < ROUNDS; round++) {
      expect(await push(key)).toBe(MAY);
      expect(await change(key.id, { permission: 'read' })).toMatchObject({ permission: 'read' });
      const refused = await ask(key, 'POST', '/v2/team/api/blobs/uploads/');
      expect([refused.status, refused.text]).toEqual([MAY_NOT, expect.stringContaining('read-only')]);
      expect(await pull(key)).toBe(MAY);
      await change(key.id, { permission: 'read-write-delete' });
    }
    expect((await ask(key, 'DELETE', '/v2/team/api/manifests/latest')).status).toBe(MAY);
  });

  it('reaches the repositories that were answered last, at the next request', async () => {
    const key = await server.api.generateKey({ repositories: ['team/*'] });
    for (let round = 0; round < ROUNDS; round++) {
      expect([await push(key), await pull(key, 'base')]).toEqual([MAY, MAY_NOT]);
      await change(key.id, { repositories: ['base', 'team/web/**'] });
      expect([await push(key), await pull(key, 'base')]).toEqual([MAY_NOT, MAY]);
      await change(key.id, { repositories: null });
      expect([await push(key), await pull(key, 'base')]).toEqual([MAY, MAY]);
      await change(key.id, { repositories: ['team/*'] });
    }
  });

  it('is accepted from the networks that were answered last, at the next request', async () => {
    const key = await server.api.generateKey({ networks: ['203.0.113.0/24'] });
    for (let round = 0; round < ROUNDS; round++) {
      expect((await server.api.v2(key.key)).status).toBe(MAY_NOT);
      await change(key.id, { networks: ['203.0.113.0/24', '127.0.0.1'] });
      expect((await server.api.v2(key.key)).status).toBe(200);
      await change(key.id, { networks: ['203.0.113.0/24'] });
    }
  });

  it('ends at the moment that it has now, and comes back never', async () => {
    const key = await server.api.generateKey({ expiresIn: 'P1D' });
    const expiresAt = new Date(Date.now() + 1_500).toISOString();
    expect(await change(key.id, { expiresAt })).toMatchObject({ expiresAt, status: 'active' });
    for (;;) {
      const sentAt = Date.now();
      const { status } = await server.api.v2(key.key);
      if (Date.now() < Date.parse(expiresAt)) expect(status).toBe(200);
      if (sentAt < Date.parse(expiresAt)) continue;
      expect(status).toBe(401);
      break;
    }
    expectRefused(await send(key.id, 'PATCH', '', { expiresAt: null }), 409, 'key-expired');
    expect((await server.api.v2(key.key)).status).toBe(401);
  }, 10_000);
});

describe('a change of a key', () => {
  it('is answered with the whole key, listed, and recorded without what was so before', async () => {
    const key = await server.api.generateKey({
      name: 'before',
      permission: 'read',
      labels: { team: 'edge' },
      description: 'old',
      repositories: ['team/*'],
      networks: ['10.1.2.3/8', '2001:DB8::/32'],
    });
    expect(key).toMatchObject({ repositories: ['team/*'], networks: ['10.0.0.0/8', '2001:db8::/32'] });
    const changes = {
      name: 'after',
      permission: 'read',
      description: null,
      labels: { team: 'core', tier: '1' },
      repositories: ['base'],
      networks: ['2001:db8::/32', '10.9.9.9/8'],
    };
    const answer = await send(key.id, 'PATCH', '', changes);
    const networks = ['10.0.0.0/8', '2001:db8::/32'];
    expect(bodyOf(answer, 200)).toEqual({ ...without(key), ...changes, networks });
    expect(answer.headers['dockreg-position']).toMatch(/^\d+$/);
    expect(await shown(key.id)).toEqual(JSON.parse(answer.text));
    expect(await server.api.all(`${KEYS}?q=AFTER`)).toEqual([JSON.parse(answer.text)]);
    const { permission: _same, networks: _order, ...recorded } = changes;
    const registry = (key as unknown as { registry: string }).registry;
    expect((await server.api.events(key.id)).at(-1)).toMatchObject({
      type: 'KeyChanged',
      data: { registry, changes: recorded },
    });
    expect(bodyOf(await send(key.id, 'PATCH', '', changes), 200)).toEqual(JSON.parse(answer.text));
    expect(bodyOf(await send(key.id, 'PATCH', '', {}), 200)).toEqual(JSON.parse(answer.text));
    expect(await server.api.typesOf(key.id)).toEqual(['KeyGenerated', 'KeyChanged']);
  });

  it.each<[string, unknown, number, string, string?]>([
    ['an unknown field', { colour: 'red' }, 400, 'unknown-field', '/colour'],
    ['a duration', { expiresIn: 'P1D' }, 400, 'unknown-field', '/expiresIn'],
    ['the secret', { key: 'x' }, 400, 'unknown-field', '/key'],
    ['the status', { status: 'active' }, 400, 'unknown-field', '/status'],
    ['no name', { name: null }, 400, 'invalid-request', '/name'],
    ['an empty name', { name: '' }, 400, 'invalid-request', '/name'],
    ['no permission', { permission: null }, 400, 'invalid-request', '/permission'],
    ['another permission', { permission: 'admin' }, 400, 'invalid-request', '/permission'],
    ['a time that is none', { expiresAt: 'tomorrow' }, 400, 'invalid-request', '/expiresAt'],
    ['an end in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 422, 'expiry-in-past', '/expiresAt'],
    ['an end beyond 9999', { expiresAt: '9999-12-31T23:59:59-01:00' }, 422, 'invalid-value', '/expiresAt'],
    ['labels that are a list', { labels: ['a'] }, 400, 'invalid-request', '/labels'],
    ['one repository', { repositories: 'team/*' }, 400, 'invalid-request', '/repositories'],
    ['no pattern', { repositories: ['ok', 'Team/*'] }, 400, 'invalid-request', '/repositories/1'],
    ['a repository twice', { repositories: ['a', 'b', 'a'] }, 400, 'invalid-request', '/repositories/2'],
    ['a number', { repositories: [7] }, 400, 'invalid-request', '/repositories/0'],
    ['no network', { networks: ['10.0.0.0/8', '10.0.0.0/33'] }, 400, 'invalid-request', '/networks/1'],
    ['a host', { networks: ['ci.example.com'] }, 400, 'invalid-request', '/networks/0'],
    ['a network twice', { networks: ['10.0.0.0/8', '10.1.2.3/8'] }, 400, 'invalid-request', '/networks/1'],
    ['many networks', { networks: many(101) }, 400, 'invalid-request', '/networks'],
    ['no country', { expectedCountries: ['DE', 'D1'] }, 400, 'invalid-request', '/expectedCountries/1'],
    ['a country twice', { expectedCountries: ['DE', 'de'] }, 400, 'invalid-request', '/expectedCountries/1'],
    ['a canary', { canary: true }, 400, 'unknown-field', '/canary'],
    ['a list', [], 400, 'invalid-request', ''],
  ])('to %s is refused', async (_, body, status, code, pointer) => {
    const { id } = await server.api.generateKey();
    const answer = await send(id, 'PATCH', '', body);
    expectRefused(answer, status, code);
    expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ pointer }] });
    expect(await server.api.typesOf(id)).toEqual(['KeyGenerated']);
  });

  it('takes a hundred networks', async () => {
    const { id } = await server.api.generateKey();
    expect(await change(id, { networks: many(100) })).toMatchObject({ networks: many(100, '/32') });
  });
});

describe('a suspended key', () => {
  it('is refused by every request that starts after the answer, under callers that never stop', async () => {
    const keys: GeneratedKey[] = [];
    for (let index = 0; index < SUSPENSIONS; index++) keys.push(await server.api.generateKey());
    const callers = new KeyCallers(server.api, keys, CALLERS);
    callers.start();
    for (const [index, { id }] of keys.entries()) {
      callers.target = index;
      await callers.accepted(index);
      await suspend(id);
      callers.revokedAt[index] = performance.now();
      await callers.laterRequests(index, LATER_REQUESTS_MIN);
    }
    const { refusedLater, acceptedLater } = await callers.stop();
    expect(acceptedLater).toBe(0);
    expect(refusedLater).toBeGreaterThanOrEqual(SUSPENSIONS * LATER_REQUESTS_MIN);
  }, 30_000);

  it('is accepted at the next request once it is resumed, and both are recorded once', async () => {
    const key = await server.api.generateKey({ expiresIn: 'P1D' });
    expect(await suspend(key.id)).toEqual({ ...without(key), status: 'suspended' });
    const { status, text } = await server.api.v2(key.key);
    expect([status, text]).toEqual([401, expect.stringContaining('suspended')]);
    expect((await suspend(key.id)).status).toBe('suspended');
    const listed = await server.api.all<Key>(`${KEYS}?status=suspended`);
    expect(listed.map(({ id }) => id)).toContain(key.id);
    expect(await change(key.id, { name: 'changed' })).toMatchObject({ status: 'suspended' });
    expect(await resume(key.id)).toEqual({ ...without(key), name: 'changed' });
    expect((await server.api.v2(key.key)).status).toBe(200);
    expect((await resume(key.id)).status).toBe('active');
    expect(await server.api.typesOf(key.id)).toEqual([
      'KeyGenerated',
      'KeySuspended',
      'KeyChanged',
      'KeyResumed',
    ]);
  });

  it('takes no body, and ends when it is revoked', async () => {
    const key = await server.api.generateKey();
    for (const path of ['/suspend', '/resume'])
      expectRefused(await send(key.id, 'POST', path, { reason: 'x' }), 400, 'unknown-field');
    await suspend(key.id);
    await server.api.revoke(key.id);
    expect(await server.api.typesOf(key.id)).toEqual([
      'KeyGenerated', 'KeySuspended', 'KeyRevoked', 'KeyRevocationProven',
    ]); // prettier-ignore
    expect(await shown(key.id)).toMatchObject({ status: 'revoked' });
    expect((await server.api.v2(key.key)).text).toContain('revoked');
  });
});

describe('a key that has ended, or is none', () => {
  const calls: [string, string, unknown?][] = [
    ['PATCH', '', { name: 'x' }],
    ['PATCH', '', {}],
    ['POST', '/suspend'],
    ['POST', '/resume'],
  ];

  it('is neither changed nor suspended nor resumed', async () => {
    const { id } = await server.api.generateKey();
    await server.api.revoke(id);
    const history = await server.api.typesOf(id);
    for (const call of calls) expectRefused(await send(id, ...call), 409, 'key-revoked');
    expect(await shown(id)).toMatchObject({ status: 'revoked', name: 'test' });
    expect(await server.api.typesOf(id)).toEqual(history);
  });

  it('looks the same whether it is of another registry or nowhere', async () => {
    await server.api.createRegistry('foreign');
    const { id } = await server.api.generateKey({}, 'foreign');
    const all: typeof calls = [['GET', ''], ...calls];
    for (const call of all) {
      const texts = new Set<string>();
      for (const each of [id, 'drk_0000000000000000', 'drk_x']) {
        const answer = await send(each, ...call);
        expectRefused(answer, 404, 'not-found');
        texts.add((JSON.parse(answer.text) as { detail: string }).detail);
      }
      expect(texts.size).toBe(1);
    }
    expect(await server.api.events(id, 'foreign')).toHaveLength(1);
  });
});

describe('what was answered', () => {
  it('holds after a restart', async () => {
    const suspended = await server.api.generateKey();
    const narrowed = await server.api.generateKey({ repositories: ['team/*', 'base'] });
    const far = await server.api.generateKey({ networks: ['203.0.113.0/24'] });
    const resumed = await server.api.generateKey();
    await suspend(suspended.id);
    await suspend(resumed.id);
    await resume(resumed.id);
    await change(narrowed.id, { permission: 'read', repositories: ['base'] });
    await server.stop();
    server = await installation.start();
    expect((await server.api.v2(suspended.key)).text).toContain('suspended');
    expect((await server.api.v2(far.key)).status).toBe(MAY_NOT);
    expect((await server.api.v2(resumed.key)).status).toBe(200);
    expect([await pull(narrowed, 'base'), await push(narrowed, 'base')]).toEqual([MAY, MAY_NOT]);
    expect(await pull(narrowed)).toBe(MAY_NOT);
    expect(await shown(narrowed.id)).toMatchObject({ permission: 'read', repositories: ['base'] });
  }, 20_000);
});

/** The key as every later answer shows it. */
function without({ key: _key, ...rest }: GeneratedKey): object {
  return rest;
}

function many(count: number, suffix = ''): string[] {
  return Array.from({ length: count }, (_, index) => `192.0.2.${index}${suffix}`);
}
