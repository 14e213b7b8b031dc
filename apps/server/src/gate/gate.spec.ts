import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { formatKey } from '#libs/kernel';
import {
  basic,
  GateFixture,
  OTHER_HOST,
  OTHER_REGISTRY,
  type Answer,
  type TestKey,
} from './testing/gate-fixture.js';

const SECRET = 'X'.repeat(43);

let gate: GateFixture;
let reader: TestKey;
let writer: TestKey;

beforeAll(async () => {
  gate = await GateFixture.start({
    operations: (fastify) => fastify.get('/livez', () => ({ status: 'ok' })),
  });
});
afterAll(() => gate.gate.close());
beforeEach(() => {
  gate.decisions.length = 0;
  reader = gate.generateKey('read');
  writer = gate.generateKey('read-write');
});

/** An answer without what differs between any two: its date. */
function bytesOf({ status, headers, body }: Answer): string {
  return JSON.stringify({ status, headers: { ...headers, date: '' }, body });
}

function messageOf({ body }: Answer): string {
  return (JSON.parse(body) as { errors: { message: string }[] }).errors[0]!.message;
}

describe('the gate', () => {
  it('challenges a stranger in the shape that registry clients understand', async () => {
    const answer = await gate.ask('/v2/');
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="[^"]+"$/);
    expect(answer.headers['docker-distribution-api-version']).toBe('registry/2.0');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(JSON.parse(answer.body)).toEqual({
      errors: [{ code: 'UNAUTHORIZED', message: expect.any(String), detail: null }],
    });
  });

  it.each([
    ['key:key', (key: TestKey) => basic(`${key.key}:${key.key}`)],
    ['key id:key', (key: TestKey) => key.authorization],
    ['a lower-case scheme', (key: TestKey) => key.authorization.replace('Basic', 'basic')],
  ])('signs in with %s, by GET and HEAD', async (_, authorization) => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await gate.ask('/v2/', { method, headers: { authorization: authorization(reader) } });
      expect(answer.status).toBe(200);
      expect(answer.headers['docker-distribution-api-version']).toBe('registry/2.0');
      expect(answer.body).toBe(method === 'GET' ? '{}' : '');
    }
  });

  it('answers every stranger alike, byte for byte, at every path and to every method but HEAD', async () => {
    const revoked = gate.generateKey('read');
    gate.revoke(revoked);
    const wrongSecret = (id: string) => basic(`${id}:${formatKey(id, SECRET)}`);
    const strangers = [
      undefined,
      'Bearer x',
      'Basic !!',
      basic('no colon'),
      basic(`${reader.id}:`),
      basic(`:${reader.key}`),
      basic(`${writer.id}:${reader.key}`),
      basic(`${reader.id}:${reader.key}\0`),
      basic(`admin:${'p'.repeat(10_000)}`),
      wrongSecret('drk_unknownunknown00'),
      wrongSecret(reader.id),
      wrongSecret(revoked.id),
    ];
    const requests = [
      ['GET', '/v2/'],
      ['GET', '/v2/_catalog'],
      ['PUT', '/v2/a/manifests/x'],
      ['DELETE', '/v2/a/manifests/x'],
      ['GET', '/v2/a/%2e%2e/b'],
      ['OPTIONS', '/v2/'],
      ['PROPFIND', '/v2//'],
    ] as const;
    const expected = bytesOf(await gate.ask('/v2/'));
    for (const authorization of strangers) {
      const headers = authorization === undefined ? {} : { authorization };
      for (const [method, path] of requests) {
        expect(bytesOf(await gate.ask(path, { method, headers }))).toBe(expected);
      }
    }
    const head = await gate.ask('/v2/', { method: 'HEAD' });
    expect(bytesOf({ ...head, body: (await gate.ask('/v2/')).body })).toBe(expected);
  });

  it('refuses two Authorization headers as it refuses a stranger, also when both are good', async () => {
    const answer = await gate.ask('/v2/', {
      headers: { authorization: [reader.authorization, reader.authorization] as unknown as string },
    });
    expect(answer.status).toBe(401);
    expect(gate.decisions).toEqual([{ outcome: 'malformed', action: 'login' }]);
  });

  it('tells the holder of a key the reason for its refusal', async () => {
    const revoked = gate.generateKey('read');
    gate.revoke(revoked);
    const expired = gate.generateKey('read', { expiresAt: '2026-01-01T00:00:00.000Z' });
    const foreign = gate.generateKey('read', { registry: OTHER_REGISTRY });
    for (const [key, word] of [
      [revoked, 'revoked'],
      [expired, 'expired'],
      [foreign, 'another registry'],
    ] as const) {
      const answer = await gate.ask('/v2/', { headers: { authorization: key.authorization } });
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Basic /);
      expect(messageOf(answer)).toContain(word);
    }
  });

  it('lets the key of a registry in on the hosts of that registry only', async () => {
    const foreign = gate.generateKey('read', { registry: OTHER_REGISTRY });
    const status = async (key: TestKey, host: string) =>
      (await gate.ask('/v2/', { headers: { host, authorization: key.authorization } })).status;
    expect(await status(reader, 'mine.registry.example')).toBe(200);
    expect(await status(reader, `${OTHER_HOST}:5000`)).toBe(401);
    expect(await status(foreign, OTHER_HOST.toUpperCase())).toBe(200);
    expect(await status(foreign, `${OTHER_HOST}.`)).toBe(200);
    expect(await status(foreign, 'mine.registry.example')).toBe(401);
  });

  it.each(['unknown.example', '127.0.0.2', '[::1]', 'registry.example', 'mine.registry.example,x', 'a b'])(
    'knows no registry on the host %s, whatever key comes',
    async (host) => {
      const answer = await gate.ask('/v2/', { headers: { host, authorization: reader.authorization } });
      expect(answer.status).toBe(404);
      expect(answer.headers['www-authenticate']).toBeUndefined();
    },
  );

  it('knows no registry when a request names two hosts', async () => {
    const head = `GET /v2/ HTTP/1.1\r\nConnection: close\r\nAuthorization: ${reader.authorization}\r\n`;
    expect(await gate.raw(`${head}Host: 127.0.0.1\r\nHost: ${OTHER_HOST}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 404 /,
    );
    expect(await gate.raw(`${head}Host: 127.0.0.1\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('refuses a push by a read key with 403, and says that it is read-only', async () => {
    const headers = { authorization: reader.authorization };
    for (const [method, path] of [
      ['POST', '/v2/a/blobs/uploads/'],
      ['PATCH', '/v2/a/blobs/uploads/5f-1'],
      ['PUT', '/v2/a/manifests/latest'],
    ] as const) {
      const answer = await gate.ask(path, { method, headers });
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.body).errors[0].code).toBe('DENIED');
      expect(messageOf(answer)).toContain('read-only');
    }
  });

  it('refuses deleting to a read-write key, and names what it needs', async () => {
    const deletion = await gate.ask('/v2/a/manifests/x', {
      method: 'DELETE',
      headers: { authorization: writer.authorization },
    });
    expect(deletion.status).toBe(403);
    expect(messageOf(deletion)).toContain('read-write-delete');
  });

  it.each([
    ['GET', '/v2/a/%2e%2e/b', 400],
    ['GET', '/v2/%zz', 400],
    ['GET', '/v2//a', 400],
    ['GET', '//v2/', 400],
    ['GET', '/v2/a/../b/manifests/x', 400],
    ['GET', '/%zz', 400],
    ['GET', '/v2/Upper/tags/list', 400],
    ['GET', '/v2/nothing', 404],
    ['POST', '/v2/', 405],
    ['PROPFIND', '/v2/', 405],
    ['PATCH', '/v2/a/manifests/x', 405],
    ['GET', '/v2/a/manifests/x', 404],
  ])('tells the holder of a good key what is wrong with %s %s', async (method, path, status) => {
    const answer = await gate.ask(path, { method, headers: { authorization: writer.authorization } });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body).errors).toHaveLength(1);
    expect(answer.headers.allow !== undefined).toBe(status === 405);
  });

  it('answers bytes that are no HTTP request, and a request target with a host in it, in its own shape', async () => {
    const host = 'Host: 127.0.0.1\r\nConnection: close\r\n';
    for (const bytes of [
      'nonsense\r\n\r\n',
      `GET /v2/\xe9 HTTP/1.1\r\n${host}\r\n`,
      `BREW /v2/ HTTP/1.1\r\n${host}\r\n`,
      `GET /v2/ HTTP/1.1\r\n${host}X: ${'x'.repeat(20_000)}\r\n\r\n`,
      `GET http://127.0.0.1/v2/ HTTP/1.1\r\n${host}Authorization: ${reader.authorization}\r\n\r\n`,
      `OPTIONS * HTTP/1.1\r\n${host}Authorization: ${reader.authorization}\r\n\r\n`,
    ]) {
      const answer = await gate.raw(Buffer.from(bytes, 'latin1'));
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(answer).toContain('{"errors":[{"code":');
      expect(answer).not.toContain('statusCode');
    }
  });

  it('serves the routes of operations, and 404 in its own shape at every other path', async () => {
    expect(await gate.ask('/livez')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/nothing'],
      ['POST', '/livez'],
      ['PROPFIND', '/livez'],
      ['GET', '/v22/'],
    ] as const) {
      const answer = await gate.ask(path, { method });
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] });
    }
  });

  it('answers 503 with Retry-After while it is not ready, to whomever', async () => {
    gate.ready = 'the read model is not caught up';
    for (const headers of [{}, { authorization: reader.authorization }, { host: 'unknown.example' }]) {
      for (const path of ['/v2/', '/v2/a/manifests/x']) {
        const answer = await gate.ask(path, { headers });
        expect(answer.status).toBe(503);
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
        expect(JSON.parse(answer.body).errors[0].code).toBe('UNAVAILABLE');
      }
    }
    gate.ready = true;
    expect((await gate.ask('/v2/', { headers: { authorization: reader.authorization } })).status).toBe(200);
  });

  it('lets no request pass that starts after the expiry of its key', async () => {
    const key = gate.generateKey('read', { expiresAt: '2026-01-01T01:00:00.000Z' });
    const headers = { authorization: key.authorization };
    const start = gate.clock;
    gate.clock = Date.parse('2026-01-01T00:59:59.999Z');
    expect((await gate.ask('/v2/', { headers })).status).toBe(200);
    gate.clock += 1;
    expect((await gate.ask('/v2/', { headers })).status).toBe(401);
    gate.clock = start;
  });

  it('counts every decision once, by outcome and action', async () => {
    await gate.ask('/v2/');
    await gate.ask('/v2/', { headers: { authorization: reader.authorization } });
    await gate.ask('/v2/a/manifests/x', { method: 'PUT', headers: { authorization: reader.authorization } });
    await gate.ask('/v2/', { headers: { host: 'unknown.example' } });
    expect(gate.decisions).toEqual([
      { outcome: 'no_credentials', action: 'login' },
      { outcome: 'allowed', action: 'login' },
      { outcome: 'not_permitted', action: 'push' },
      { outcome: 'unknown_host', action: undefined },
    ]);
  });

  it('logs no key, no user name and no query', async () => {
    gate.logged.length = 0;
    for (const path of ['/v2/?account=someone-private', '/v2/%zz?account=someone-private']) {
      for (const pair of [`${reader.id}:${reader.key}`, `someone-private:${reader.key}`]) {
        await gate.ask(path, { method: 'POST', headers: { authorization: basic(pair) } });
      }
    }
    expect(gate.logged.length).toBeGreaterThan(0);
    const log = gate.logged.join('\n');
    for (const secret of [reader.key, reader.key.slice(21, 64), 'someone-private', reader.authorization]) {
      expect(log).not.toContain(secret);
    }
  });

  it('refuses before it invites the body of a client that waits for "100 Continue"', async () => {
    const answer = await gate.raw(
      'PUT /v2/a/manifests/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).not.toContain('100 Continue');
    // The client may send the body now, or the next request: the gate could not tell.
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  });
});
