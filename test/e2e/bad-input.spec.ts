import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatKey } from '#libs/kernel';
import { basic, exchange, type Answer, type Exchange } from './http-exchange.js';
import { Installation, randomSecret, type ServerProcess } from './server-process.js';

const KEYS = '/v1/registries/myapp/keys';
const GOOD = { name: 'x', permission: 'read' };

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
let position: string;
let own: { id: string; key: string };
beforeAll(async () => {
  server = await installation.start();
  own = await server.api.generateKey();
  position = await server.api.position();
}, 40_000);
afterAll(() => installation.remove(), 20_000);

/** Every bad call is a problem with its status and code, and writes nothing. */
async function expectProblem(answer: Answer, status: number, code: string): Promise<void> {
  const problem = answer.text.startsWith('{') ? (JSON.parse(answer.text) as object) : answer.text;
  expect({ status: answer.status, problem }).toEqual({
    status,
    problem: expect.objectContaining({
      code,
      status,
      type: `/problems/${code}`,
      title: expect.any(String),
      detail: expect.any(String),
      requestId: expect.stringMatching(/^req_/),
    }),
  });
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(await server.api.writtenSince(position)).toEqual([]);
}

describe('generating a key with', () => {
  const emoji = '😀'.repeat(201);
  const past = '2020-01-01T00:00:00Z';
  it.each<[string, unknown, number, string]>([
    ['a name of no character', { ...GOOD, name: '' }, 400, 'invalid-request'],
    ['a name of 201 letters', { ...GOOD, name: 'a'.repeat(201) }, 400, 'invalid-request'],
    ['a name of 201 emoji', { ...GOOD, name: emoji }, 400, 'invalid-request'],
    ['a name that is a number', { ...GOOD, name: 7 }, 400, 'invalid-request'],
    ['no name', { permission: 'read' }, 400, 'invalid-request'],
    ['permission admin', { ...GOOD, permission: 'admin' }, 400, 'invalid-request'],
    ['an unknown field', { ...GOOD, colour: 'red' }, 400, 'unknown-field'],
    ['an expiry in the past', { ...GOOD, expiresAt: past }, 422, 'expiry-in-past'],
    [
      'two expiries',
      { ...GOOD, expiresAt: '2999-01-01T00:00:00Z', expiresIn: 'P1D' },
      400,
      'invalid-request',
    ],
    ['months', { ...GOOD, expiresIn: 'P3M' }, 400, 'invalid-request'],
    ['an expiry after the year 9999', { ...GOOD, expiresIn: 'P99999999D' }, 422, 'invalid-value'],
    ['a pattern that no repository has', { ...GOOD, repositories: ['Team/*'] }, 400, 'invalid-request'],
    ['a text for repositories', { ...GOOD, repositories: 'team/*' }, 400, 'invalid-request'],
    ['a network that is none', { ...GOOD, networks: ['10.0.0.0/33'] }, 400, 'invalid-request'],
    ['one network twice', { ...GOOD, networks: ['10.0.0.0/8', '10.1.0.0/8'] }, 400, 'invalid-request'],
    ['101 repositories', { ...GOOD, repositories: Array(101).fill('a') }, 400, 'invalid-request'],
    ['a country that is none', { ...GOOD, expectedCountries: ['Germany'] }, 400, 'invalid-request'],
    ['a canary by name', { ...GOOD, canary: 'yes' }, 400, 'invalid-request'],
    ['a prototype', '{"name":"x","permission":"read","__proto__":{"a":1}}', 400, 'malformed-json'],
    [
      'labels with a prototype',
      '{"name":"x","permission":"read","labels":{"__proto__":"a"}}',
      400,
      'malformed-json',
    ],
    ['half a body', '{"name":"x",', 400, 'malformed-json'],
    ['a body of 1 MB', { ...GOOD, description: 'd'.repeat(1024 * 1024) }, 413, 'payload-too-large'],
  ])('%s is refused', async (_, body, status, code) => {
    await expectProblem(await server.api.call(KEYS, { body }), status, code);
  });

  it('200 emoji is not refused', async () => {
    const { name } = await server.api.generateKey({ name: '😀'.repeat(200) });
    expect([...name]).toHaveLength(200);
    position = await server.api.position();
  });

  it('another type of body, or an Idempotency-Key that is none, is refused', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await server.api.call(KEYS, { body: 'name=x', headers: form });
    await expectProblem(answer, 415, 'unsupported-media-type');
    for (const header of ['', 'a b', 'é', 'x'.repeat(256)]) {
      const headers = { 'idempotency-key': header };
      await expectProblem(await server.api.call(KEYS, { body: GOOD, headers }), 400, 'malformed-request');
    }
  });
});

describe('creating a registry with', () => {
  it.each([
    ['the slug ..', '..', 400, 'invalid-request'],
    ['dots in the slug', 'a..b', 400, 'invalid-request'],
    ['a slug in upper case', 'Team', 400, 'invalid-request'],
    ['a slug of one character', 'a', 400, 'invalid-request'],
    ['a slug of 41 characters', 'a'.repeat(41), 400, 'invalid-request'],
    ['the slug of another', 'myapp', 409, 'slug-taken'],
  ])('%s is refused', async (_, slug, status, code) => {
    const answer = await server.api.call('/v1/registries', { body: { slug, name: 'x' } });
    await expectProblem(answer, status, code);
  });

  it('a host with a path, or the domain of this installation, is refused', async () => {
    for (const host of ['a/b', 'other.registry.localhost', '', '..']) {
      const body = { slug: 'new', name: 'x', hosts: [host] };
      await expectProblem(await server.api.call('/v1/registries', { body }), 400, 'invalid-request');
    }
  });
});

describe('a list', () => {
  const forged = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');
  it('takes no cursor but its own, whatever it looks like', async () => {
    const { id } = await server.api.get<{ id: string }>('/v1/registries/myapp');
    const list = `keys ${id} -createdAt`;
    const cursors = [
      'zzz',
      '',
      forged(),
      forged(list),
      forged(list, 'a', 'notanumber'),
      forged(list, 'a', '1e5'),
      forged(list, 'a', '-1'),
      forged(list, 'a', '9'.repeat(40)),
      forged(list, 'a', 1),
      forged(list, 'a', '1', '2'),
      forged(`keys ${id} name`, 'a', '1'),
      forged('registries', 'a'),
      Buffer.from('{"0":"a"}').toString('base64url'),
    ];
    for (const after of cursors) {
      await expectProblem(await server.api.call(`${KEYS}?after=${after}`), 400, 'invalid-parameter');
    }
    for (const revision of ['x', '-1', '1.5', '9'.repeat(40)]) {
      const path = `${KEYS}/${own.id}/events?after=${forged(`events ${own.id}`, revision)}`;
      await expectProblem(await server.api.call(path), 400, 'invalid-parameter');
    }
  });

  it.each([
    ['limit=0', 400, 'invalid-parameter'],
    ['limit=201', 400, 'invalid-parameter'],
    ['limit=1&limit=2', 400, 'invalid-parameter'],
    ['status=nope', 400, 'invalid-parameter'],
    ['status=', 400, 'invalid-parameter'],
    ['sort=permission', 400, 'invalid-parameter'],
    ['expiresBefore=tomorrow', 400, 'invalid-parameter'],
    ['colour=red', 400, 'unknown-parameter'],
    ['__proto__=x', 400, 'unknown-parameter'],
    ['unusedSince=2020-01-01', 400, 'invalid-parameter'],
    ['unusedSince=2020-01-01T00:00:00Z&asOf=2020-01-01T00:00:00Z', 400, 'invalid-parameter'],
    ['asOf=2020-01-01', 400, 'invalid-parameter'],
    ['asOf=9999-01-01T00:00:00Z', 422, 'as-of-in-future'],
  ])('with ?%s is refused', async (query, status, code) => {
    await expectProblem(await server.api.call(`${KEYS}?${query}`), status, code);
  });
});

describe('an id that is none', () => {
  const ids = [
    'drk_../x',
    'drk_%2e%2e%2fx',
    '%00',
    'drk_%00',
    'x'.repeat(300),
    'drk_é',
    "drk_'--",
    '%E0%A4%A',
    '$all',
  ];
  it('is an address with nothing at it', async () => {
    for (const id of ids) {
      const calls: [string, string][] = [
        ['GET', ''],
        ['GET', '/events'],
        ['POST', '/revoke'],
        ['DELETE', ''],
      ];
      for (const [method, rest] of calls) {
        const path = `${KEYS}/${encodeNonAscii(id)}${rest}`;
        const answer = await server.api.call(path, { method });
        const isUnreadable = id === '%E0%A4%A';
        await expectProblem(
          answer,
          isUnreadable ? 400 : 404,
          isUnreadable ? 'malformed-request' : 'not-found',
        );
      }
    }
  });

  it('of a registry is one too, in the shape of a missing one', async () => {
    for (const registry of ['nobody', '..%2fmyapp', '%00', 'x'.repeat(300), 'reg_0000000000000000']) {
      await expectProblem(await server.api.call(`/v1/registries/${registry}/keys`), 404, 'not-found');
    }
  });

  const encodeNonAscii = (text: string) => text.replace(/[^\x21-\x7e]/gu, encodeURIComponent);
});

describe('credentials', () => {
  it('that are wrong, missing or a registry key do not open the management API', async () => {
    const wrong = formatKey(`drm_${randomSecret().slice(0, 16)}`, randomSecret());
    const headers = ['', 'Bearer', 'Bearer x', `Bearer ${wrong}`, `Bearer ${own.key}`, basic('a', 'b'), 'é'];
    for (const authorization of headers) {
      const answer = await server.api.call(KEYS, { body: GOOD, headers: { authorization } });
      await expectProblem(answer, 401, 'not-authenticated');
    }
    await expectProblem(await exchange(server.apiPort, { path: KEYS }), 401, 'not-authenticated');
  });

  it('of which the password is wrong get one text, whatever is wrong', async () => {
    const texts = new Set<string>();
    for (const email of ['admin@localhost', 'nobody@localhost']) {
      const answer = await exchange(server.apiPort, {
        path: '/v1/session',
        body: { email, password: 'wrong password' },
      });
      await expectProblem(answer, 401, 'sign-in-failed');
      texts.add((JSON.parse(answer.text) as { detail: string }).detail);
    }
    expect(texts.size).toBe(1);
  });

  it('at the gate that are malformed are a 401, and never a 5xx', async () => {
    const broken = own.key.slice(0, -1) + (own.key.endsWith('0') ? '1' : '0');
    const wrongSecret = formatKey(own.id, randomSecret());
    const values = [
      'Basic',
      'Basic %%%',
      `Basic ${Buffer.from('no colon').toString('base64')}`,
      `Basic ${Buffer.from([0xff, 0x3a, 0xfe]).toString('base64')}`,
      'Bearer x',
      basic('', ''),
      basic(own.key, ''),
      basic('', own.key),
      basic('somebody', own.key),
      basic(broken, broken),
      basic(own.id, broken),
      basic(own.id, wrongSecret),
      basic(own.id, `${own.key}\0`),
      basic(own.id, 'x'.repeat(10_000)),
    ];
    for (const authorization of values) {
      const asked: Exchange = { path: '/v2/', headers: { authorization } };
      const { status, text } = await exchange(server.gatePort, asked);
      expect({ authorization: values.indexOf(authorization), status }).toMatchObject({ status: 401 });
      expect(JSON.parse(text)).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }] });
    }
    expect((await server.api.v2(own.key)).status).toBe(200);
    // Refusals are counted in the log; of the key itself nothing was written.
    const { items } = await server.api.get<{ items: { type: string }[] }>(`${KEYS}/${own.id}/events`);
    expect(items.map(({ type }) => type)).toEqual(['KeyGenerated']);
  });
});
