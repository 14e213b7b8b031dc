import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GeneratedKey } from './api.js';
import type { Answer } from './http-exchange.js';
import { Installation, type ServerProcess } from './server-process.js';

/** Each round adds and removes a host under the eyes of a client that asks at once. */
const ROUNDS = 20;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
let ours: GeneratedKey;
let theirs: GeneratedKey;
beforeAll(async () => {
  server = await installation.start();
  await server.api.createRegistry('ours');
  await server.api.createRegistry('theirs');
  ours = await server.api.generateKey({}, 'ours');
  theirs = await server.api.generateKey({}, 'theirs');
}, 40_000);
afterAll(() => installation.remove(), 20_000);

const add = (host: unknown, slug = 'ours', more: object = {}) =>
  server.api.call(`/v1/registries/${slug}/hosts`, { body: { host, ...more } });
const remove = (host: string, slug = 'ours') =>
  server.api.call(`/v1/registries/${slug}/hosts/${encodeURIComponent(host)}`, { method: 'DELETE' });
const login = async ({ key }: GeneratedKey, host: string) => (await server.api.v2(key, { host })).status;
const hostsOf = async (slug = 'ours') =>
  (await server.api.get<{ hosts: string[] }>(`/v1/registries/${slug}`)).hosts;

async function expectProblem(answer: Answer, status: number, code: string): Promise<void> {
  expect({ status: answer.status, body: answer.text }).toMatchObject({ status });
  expect(JSON.parse(answer.text)).toMatchObject({ status, code, type: `/problems/${code}` });
}

describe('a host of a registry', () => {
  it('answers at the gate at the next request once it is added, and is unknown at the next one once it is removed', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const host = `round-${round}.example.com`;
      expect(await login(ours, host)).toBe(404);
      const added = await add(host);
      expect({ status: added.status, body: JSON.parse(added.text) }).toMatchObject({
        status: 201,
        body: { slug: 'ours', hosts: ['ours.registry.localhost', host] },
      });
      expect([await login(ours, host), await login(theirs, host)]).toEqual([200, 401]);
      const removed = await remove(host);
      expect([removed.status, removed.text]).toEqual([204, '']);
      expect(await login(ours, host)).toBe(404);
    }
    expect(await hostsOf()).toEqual(['ours.registry.localhost']);
    expect(await login(ours, 'ours.registry.localhost')).toBe(200);
  });

  it('is met in any case, with a port and with a final dot', async () => {
    await add('images.example.com');
    for (const host of ['IMAGES.example.COM', 'images.example.com:5000', 'images.example.com.']) {
      expect(await login(ours, host)).toBe(200);
    }
    expect(await login(ours, 'sub.images.example.com')).toBe(404);
    expect((await remove('images.example.com')).status).toBe(204);
  });

  it('belongs to one registry: another gets it when it was removed, and then only its keys open it', async () => {
    const host = 'shared.example.com';
    expect((await add(host)).status).toBe(201);
    expect((await add(host)).status).toBe(200);
    await expectProblem(await add(host, 'theirs'), 409, 'host-taken');
    await expectProblem(await remove(host, 'theirs'), 404, 'not-found');
    await expectProblem(await add('127.0.0.1'), 409, 'host-taken');
    expect(await login(ours, host)).toBe(200);
    expect((await remove(host)).status).toBe(204);
    expect((await add(host, 'theirs')).status).toBe(201);
    expect([await login(ours, host), await login(theirs, host)]).toEqual([401, 200]);
    expect((await remove(host, 'theirs')).status).toBe(204);
  });

  it('that was removed is unknown after a restart too, and one that was added answers', async () => {
    await add('stays.example.com');
    await add('goes.example.com');
    await remove('goes.example.com');
    await server.stop();
    server = await installation.start();
    expect([await login(ours, 'stays.example.com'), await login(ours, 'goes.example.com')]).toEqual([
      200, 404,
    ]);
    expect(await hostsOf()).toEqual(['ours.registry.localhost', 'stays.example.com']);
    expect((await remove('stays.example.com')).status).toBe(204);
  });

  it('that every registry has, or the first one on loopback, is not removed', async () => {
    await expectProblem(await remove('ours.registry.localhost'), 409, 'host-fixed');
    for (const host of ['127.0.0.1', 'localhost', '[::1]']) {
      await expectProblem(await remove(host, 'myapp'), 409, 'host-fixed');
    }
    const key = await server.api.generateKey();
    expect(await login(key, '127.0.0.1')).toBe(200);
  });
});

describe('a host that is none', () => {
  it.each<[string, unknown]>([
    ['in upper case', 'Images.example.com'],
    ['with a port', 'images.example.com:5000'],
    ['with a scheme', 'https://images.example.com'],
    ['with a path', 'images.example.com/v2'],
    ['with a final dot', 'images.example.com.'],
    ['with an underscore', 'my_images.example.com'],
    ['with letters beyond ASCII', 'bücher.example'],
    ['with a Cyrillic а', 'exаmple.com'],
    ['with a full-width dot', 'images。example.com'],
    ['with an xn-- label that is none', 'xn--a.example.com'],
    ['with a wildcard', '*.example.com'],
    ['with an empty label', 'images..example.com'],
    ['with a label of 64 letters', `${'a'.repeat(64)}.example.com`],
    ['of 254 characters', `${'a.'.repeat(126)}ab`],
    ['with a blank', 'images example.com'],
    ['with a line feed', 'images.example.com\n'],
    ['with a user', 'me@images.example.com'],
    ['with two names', 'a.example.com,b.example.com'],
    ['that is an address in another form', '127.1'],
    ['that is a number', '2130706433'],
    ['that is no address', '999.1.1.1'],
    ['that is an IPv6 address without brackets', 'fd00::1'],
    ['that is an IPv6 address in another form', '[fd00:0::1]'],
    ['of the domain of this installation', 'other.registry.localhost'],
    ['that is that domain', 'registry.localhost'],
    ['of no character', ''],
    ['that is a number in JSON', 7],
    ['that is a list', ['images.example.com']],
    ['that is null', null],
    ['that is not there', undefined],
  ])('%s is refused', async (_, host) => {
    const position = await server.api.position();
    await expectProblem(await add(host), 400, 'invalid-request');
    const body = { slug: 'new', name: 'x', hosts: [host] };
    const created = await server.api.call('/v1/registries', { body });
    expect(created.status).toBe(400);
    expect(await server.api.writtenSince(position)).toEqual([]);
    if (typeof host === 'string' && host !== '') {
      const answer = await remove(host);
      expect([400, 404]).toContain(answer.status);
    }
  });
});

describe('an unknown field or parameter', () => {
  it.each<[string, string, unknown]>([
    ['POST', '/v1/registries/ours/hosts', { host: 'a.example.com', proof: 'x' }],
    ['PATCH', '/v1/registries/ours', { name: 'x', slug: 'other' }],
    ['PUT', '/v1/registries/ours/policy', { serveReadsFor: 'PT1M', colour: 'red' }],
    ['POST', '/v1/registries', { slug: 'new', name: 'x', colour: 'red' }],
    ['DELETE', '/v1/registries/ours/hosts/a.example.com', { force: true }],
  ])('of %s %s is refused, and nothing is written', async (method, path, body) => {
    const position = await server.api.position();
    await expectProblem(await server.api.call(path, { method, body }), 400, 'unknown-field');
    const query = await server.api.call(`${path}?colour=red`, { method, body: {} });
    await expectProblem(query, 400, 'unknown-parameter');
    expect(await server.api.writtenSince(position)).toEqual([]);
  });

  it('is no way to a method that an address has not', async () => {
    const answers = [
      await server.api.call('/v1/registries/ours/hosts', { method: 'GET' }),
      await server.api.call('/v1/registries/ours/hosts/a.example.com', { method: 'GET' }),
      await server.api.call('/v1/registries/ours/policy', { method: 'DELETE' }),
      await server.api.call('/v1/registries/ours', { method: 'PUT' }),
    ];
    const allowed = answers.map(({ status, headers }) => [status, headers.allow]);
    expect(allowed).toEqual([
      [405, 'POST'],
      [405, 'DELETE'],
      [405, 'GET, HEAD, PUT'],
      [405, 'GET, HEAD, PATCH'],
    ]);
  });
});
