import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ApiProblem, dockregApi, eachItem, NoAnswer, type DockregApi, type DockregOptions } from './index.js';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Reply = (response: ServerResponse) => void;

const path = { registry: 'myapp' };
const KEYS = '/v1/registries/{registry}/keys';
const TOKEN = 'drm_0123456789abcdef_secret';

let server: Server;
let asked: Asked[];
/** One for each request, in turn; the last one for all that follow. */
let replies: Reply[];
let origin: string;

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    void text(request).then((body) => {
      const { method = '', url = '', headers } = request;
      asked.push({ method, url, headers, body });
      (replies.length > 1 ? replies.shift()! : replies[0]!)(response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const api = (options: Partial<DockregOptions> = {}): DockregApi =>
  dockregApi({ baseUrl: origin, token: TOKEN, ...options });

function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function problem(status: number, code: string, headers: Record<string, string> = {}): Reply {
  const body = {
    type: `/problems/${code}`,
    title: 'A title',
    status,
    detail: 'A detail.',
    code,
    requestId: 'req_1',
  };
  return json(
    status,
    { ...body, errors: [{ pointer: '/name', code: 'x', detail: 'y' }], more: 1 },
    {
      'content-type': 'application/problem+json; charset=utf-8',
      ...headers,
    },
  );
}

const cut: Reply = (response) => response.destroy();

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

const generate = (client: DockregApi) =>
  client.POST(KEYS, { params: { path }, body: { name: 'a', permission: 'read' } });

describe('an answer', () => {
  it('comes as data, for a call that carries the access token', async () => {
    replies = [json(200, { id: 'drk_1' })];
    const { data } = await api().GET(`${KEYS}/{key}`, { params: { path: { ...path, key: 'a/b' } } });
    expect(data).toEqual({ id: 'drk_1' });
    expect(asked[0]).toMatchObject({ method: 'GET', url: '/v1/registries/myapp/keys/a%2Fb' });
    expect(asked[0]!.headers.authorization).toBe(`Bearer ${TOKEN}`);
  });

  it('that refuses is thrown with all that the problem document says', async () => {
    replies = [problem(422, 'invalid-value')];
    const error = await failureOf(generate(api()));
    expect(error).toBeInstanceOf(ApiProblem);
    expect(error).toMatchObject({
      status: 422,
      code: 'invalid-value',
      title: 'A title',
      detail: 'A detail.',
      errors: [{ pointer: '/name' }],
      requestId: 'req_1',
      retryAfter: undefined,
      document: { more: 1 },
      message: 'A detail. (invalid-value)',
    });
  });

  it('of something that is not the API is told by its status', async () => {
    replies = [(response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad</h1>')];
    expect(await failureOf(api().GET('/v1/session'))).toMatchObject({ status: 502, code: 'not-a-problem' });
  });

  it('that leads elsewhere is followed nowhere', async () => {
    replies = [(response) => response.writeHead(302, { location: `${origin}/other` }).end()];
    expect(await failureOf(api().GET('/v1/session'))).toMatchObject({ status: 302 });
    expect(asked).toHaveLength(1);
  });

  it('that does not come in time is told', async () => {
    replies = [() => undefined];
    const error = await failureOf(api({ timeoutMs: 50, retries: 0 }).GET('/v1/session'));
    expect(error).toBeInstanceOf(NoAnswer);
    expect((error as Error).message).not.toContain('secret');
  });
});

describe('a call is made again', () => {
  it.each([409, 429, 503])(
    'when the server asks for it with %i, with the same Idempotency-Key and body',
    async (status) => {
      replies = [problem(status, 'x', { 'retry-after': '0' }), json(201, { key: 'drk_1' })];
      expect((await generate(api())).data).toEqual({ key: 'drk_1' });
      const [first, second] = asked;
      expect(first!.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
      expect(second!.headers['idempotency-key']).toBe(first!.headers['idempotency-key']);
      expect(second!.body).toBe(first!.body);
    },
  );

  it('when a read was cut off', async () => {
    replies = [cut, cut, json(200, { items: [], next: null })];
    expect((await api().GET('/v1/registries')).data).toEqual({ items: [], next: null });
    expect(asked).toHaveLength(3);
  });

  it('so many times at most', async () => {
    replies = [problem(503, 'unavailable', { 'retry-after': '0' })];
    expect(await failureOf(api({ retries: 2 }).GET('/v1/session'))).toMatchObject({ retryAfter: 0 });
    expect(asked).toHaveLength(3);
  });

  it.each<[string, Reply, (client: DockregApi) => Promise<unknown>]>([
    ['a creation was cut off', cut, generate],
    ['the server does not say when', problem(503, 'unavailable'), generate],
    ['the server wants a long pause', problem(429, 'too-many-requests', { 'retry-after': '31' }), generate],
    ['it was refused', problem(409, 'conflict'), generate],
    [
      'a PATCH failed',
      problem(503, 'unavailable', { 'retry-after': '0' }),
      (client) =>
        client.PATCH(`${KEYS}/{key}`, { params: { path: { ...path, key: 'k' } }, body: { name: 'b' } }),
    ],
  ])('never when %s', async (_when, reply, call) => {
    replies = [reply];
    await failureOf(call(api()));
    expect(asked).toHaveLength(1);
  });

  it('no more once its caller has given it up', async () => {
    const gaveUp = new AbortController();
    replies = [
      (response) => {
        problem(503, 'unavailable', { 'retry-after': '20' })(response);
        response.once('close', () => setImmediate(() => gaveUp.abort(new Error('given up'))));
      },
    ];
    const call = api().GET('/v1/session', { signal: gaveUp.signal });
    expect(await failureOf(call)).toMatchObject({ message: 'given up' });
    expect(asked).toHaveLength(1);
  });
});

describe('an Idempotency-Key', () => {
  it('of the caller is sent as it is, and another one with each other POST', async () => {
    replies = [json(201, {})];
    const body = { name: 'a', permission: 'read' } as const;
    await api().POST(KEYS, { params: { path }, body, headers: { 'Idempotency-Key': 'mine' } });
    await generate(api());
    await generate(api());
    const keys = asked.map(({ headers }) => headers['idempotency-key']);
    expect(keys[0]).toBe('mine');
    expect(new Set(keys).size).toBe(3);
  });

  it('is sent with nothing else', async () => {
    replies = [json(200, {})];
    await api().GET('/v1/session');
    expect(asked[0]!.headers['idempotency-key']).toBeUndefined();
  });
});

describe('a list', () => {
  it('is read page by page, as far as it is asked for', async () => {
    replies = [json(200, { items: [1, 2], next: 'a+b' }), json(200, { items: [3], next: null })];
    const read = () =>
      eachItem((after) => api().GET(KEYS, { params: { path, query: { q: 'x', ...after } } }));
    const items: unknown[] = [];
    for await (const item of read()) items.push(item);
    expect(items).toEqual([1, 2, 3]);
    expect(asked.map(({ url }) => url.split('?')[1])).toEqual(['q=x', 'q=x&after=a%2Bb']);
    replies = [json(200, { items: [1, 2], next: 'c' })];
    for await (const item of read()) if (item) break;
    expect(asked).toHaveLength(3);
  });
});
