import type { OutgoingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  GateFixture,
  OTHER_HOST,
  OTHER_REGISTRY,
  type Answer,
  type TestKey,
} from './testing/gate-fixture.js';
import { Upstream } from './testing/upstream.js';

/** What the clients and proxies of section 7 of the data plane's design do to a gate. */

const DIGEST = `sha256:${'0'.repeat(64)}`;
const PERMISSIONS = ['read', 'read-write', 'read-write-delete'] as const;

let upstream: Upstream;
let gate: GateFixture;
let direct: GateFixture;
let writer: TestKey;

beforeAll(async () => {
  upstream = await Upstream.start();
  gate = await startGate(['127.0.0.1']);
  direct = await startGate([]);
});
afterAll(async () => {
  await gate.gate.close();
  await direct.gate.close();
  await upstream.stop();
});
beforeEach(() => {
  upstream.seen.length = 0;
  upstream.answer = (_, response) => response.end();
  writer = gate.generateKey('read-write');
});

function startGate(trustedProxies: string[]): Promise<GateFixture> {
  return GateFixture.start({ upstream: new URL(`http://${upstream.host}`), trustedProxies });
}

function ask(key: TestKey, path: string, method = 'GET', headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  return gate.ask(path, { method, headers: { authorization: key.authorization, ...headers } });
}

function errorOf({ body }: Answer): { code: string; message: string } {
  return (JSON.parse(body) as { errors: [{ code: string; message: string }] }).errors[0];
}

describe('every method and path', () => {
  const repositories = ['app', 'a/manifests/b', 'blobs/uploads', 'tags/list', 'a/blobs/uploads/b'];
  const requests = (name: string): [method: string, path: string, least: (typeof PERMISSIONS)[number]][] => [
    ...['GET', 'HEAD'].flatMap((method) =>
      [`manifests/latest`, `manifests/${DIGEST}`, `blobs/${DIGEST}`, 'tags/list', `referrers/${DIGEST}`].map(
        (rest) => [method, `/v2/${name}/${rest}`, 'read'] as [string, string, 'read'],
      ),
    ),
    ['PUT', `/v2/${name}/manifests/latest`, 'read-write'],
    ['POST', `/v2/${name}/blobs/uploads/`, 'read-write'],
    ['POST', `/v2/${name}/blobs/uploads/?mount=${DIGEST}&from=base`, 'read-write'],
    ['GET', `/v2/${name}/blobs/uploads/5f-1`, 'read-write'],
    ['PATCH', `/v2/${name}/blobs/uploads/5f-1`, 'read-write'],
    ['PUT', `/v2/${name}/blobs/uploads/5f-1?digest=${DIGEST}`, 'read-write'],
    ['DELETE', `/v2/${name}/blobs/uploads/5f-1`, 'read-write'],
    ['DELETE', `/v2/${name}/manifests/${DIGEST}`, 'read-write-delete'],
    ['DELETE', `/v2/${name}/blobs/${DIGEST}`, 'read-write-delete'],
  ];

  it.each(repositories)('needs its permission, no less and no more, in the repository %s', async (name) => {
    const keys = PERMISSIONS.map((permission) => gate.generateKey(permission));
    for (const [method, path, least] of requests(name)) {
      for (const [level, key] of keys.entries()) {
        const passed = upstream.seen.length;
        const { status } = await ask(key, path, method);
        const isPermitted = level >= PERMISSIONS.indexOf(least);
        expect({ method, path, level, status }).toEqual({
          method,
          path,
          level,
          status: isPermitted ? 200 : 403,
        });
        expect(upstream.seen.length - passed).toBe(isPermitted ? 1 : 0);
      }
    }
  });

  it.each([
    '/v2/a/..%2fb/manifests/x',
    '/v2/a%2fb/manifests/x',
    '/v2/%61/manifests/x',
    '/v2/a/./manifests/x',
    '/v2/a/%2e/manifests/x',
    '/v2/a/..;/manifests/x',
    '/v2/a\\b/manifests/x',
    '/V2/a/manifests/x',
    '/v2/../v2/a/manifests/x',
  ])('that could be read in two ways goes nowhere: %s', async (path) => {
    expect((await ask(writer, path)).status).toBeGreaterThanOrEqual(400);
    expect(upstream.seen).toEqual([]);
  });
});

describe('headers of a proxy family that does not stand in front', () => {
  const asIfPull = (path: string): OutgoingHttpHeaders => ({
    'x-original-method': 'GET',
    'x-original-uri': path,
    'x-original-url': path,
    'x-original-host': OTHER_HOST,
    'x-forwarded-method': 'GET',
    'x-forwarded-uri': path,
    'x-forwarded-host': OTHER_HOST,
    'x-forwarded-server': OTHER_HOST,
    'x-forwarded-prefix': '/v2',
    'x-forwarded-port': '443',
    'x-rewrite-url': path,
    'x-http-method-override': 'GET',
    'x-method-override': 'GET',
    'x-envoy-original-path': path,
    'x-real-ip': '198.51.100.1',
    forwarded: `for=198.51.100.1;host=${OTHER_HOST};proto=https`,
    via: '1.1 other',
    'x-remote-user': 'admin',
  });

  it('turn no push into a pull, and no registry into another, also behind a trusted proxy', async () => {
    const reader = gate.generateKey('read');
    const foreign = gate.generateKey('read-write', { registry: OTHER_REGISTRY });
    const headers = asIfPull('/v2/app/manifests/latest');
    const push = await ask(reader, '/v2/app/manifests/latest', 'PUT', headers);
    expect(push.status).toBe(403);
    expect(errorOf(push).message).toContain('read-only');
    expect((await ask(foreign, '/v2/app/manifests/latest', 'GET', headers)).status).toBe(401);
    expect((await ask(writer, '/v2/nothing', 'GET', headers)).status).toBe(404);
    expect(upstream.seen).toEqual([]);
  });

  it('do not reach the registry behind', async () => {
    await ask(writer, '/v2/app/manifests/latest', 'GET', asIfPull('/v2/app/manifests/other'));
    const [{ url, headers }] = upstream.seen as [Upstream['seen'][number]];
    expect(url).toBe('/v2/mine/app/manifests/latest');
    const names = Object.keys(headers).filter((name) => /^x-|^forwarded$|^via$/.test(name));
    expect(names.toSorted()).toEqual(['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']);
    expect(headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': `127.0.0.1:${gate.gate.port}`,
      'x-forwarded-proto': 'http',
    });
  });
});

describe('the address of the client', () => {
  const spoofed = { 'x-forwarded-for': '192.0.2.9, 198.51.100.1', 'x-forwarded-proto': 'https' };

  it('reaches the registry behind as a trusted proxy tells it', async () => {
    await ask(writer, '/v2/app/tags/list', 'GET', spoofed);
    expect(upstream.seen[0]!.headers).toMatchObject({
      'x-forwarded-for': '198.51.100.1',
      'x-forwarded-proto': 'https',
    });
  });

  it('is that of the connection where no proxy is trusted, whatever is forwarded', async () => {
    const key = direct.generateKey('read');
    const headers = { authorization: key.authorization, ...spoofed };
    await direct.ask('/v2/app/tags/list', { headers });
    expect(upstream.seen[0]!.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
    });
  });
});

describe('a key for some networks', () => {
  const networks = ['198.51.100.0/24', '2001:db8::/32'];

  it('is refused elsewhere with 403, and the network that it came from', async () => {
    const key = gate.generateKey('read', { networks });
    for (const address of ['198.51.100.7', '::ffff:198.51.100.7', '2001:db8:9::1']) {
      expect((await ask(key, '/v2/', 'GET', { 'x-forwarded-for': address })).status).toBe(200);
    }
    const answer = await ask(key, '/v2/app/tags/list', 'GET', { 'x-forwarded-for': '203.0.113.7' });
    expect(answer.status).toBe(403);
    expect(errorOf(answer)).toMatchObject({
      code: 'DENIED',
      message: `${key.id}: this key may not be used from this network (203.0.113.0/24)`,
    });
    expect(gate.decisions.at(-1)).toEqual({ outcome: 'network_refused', action: 'pull' });
    expect(upstream.seen).toEqual([]);
  });

  it('is not opened by a forwarded address that no trusted proxy vouches for', async () => {
    const key = direct.generateKey('read', { networks });
    for (const headers of [
      { 'x-forwarded-for': '198.51.100.7' },
      { forwarded: 'for=198.51.100.7' },
      { 'x-real-ip': '198.51.100.7' },
      { 'client-ip': '198.51.100.7' },
      {},
    ]) {
      const authorized = { authorization: key.authorization, ...headers };
      expect((await direct.ask('/v2/', { headers: authorized })).status).toBe(403);
    }
    // What the client writes itself stands left of what the proxy saw.
    const behind = gate.generateKey('read', { networks });
    const header = { 'x-forwarded-for': '198.51.100.7, 203.0.113.7' };
    expect((await ask(behind, '/v2/', 'GET', header)).status).toBe(403);
    expect((await ask(behind, '/v2/', 'GET', { 'x-forwarded-for': '198.51.100.7, x' })).status).toBe(403);
  });

  it('tells a holder elsewhere first that the key was revoked', async () => {
    const key = gate.generateKey('read', { networks });
    gate.revoke(key);
    expect((await ask(key, '/v2/')).status).toBe(401);
  });
});

describe('a key for some repositories', () => {
  it('is refused in others with 403 and the name, and may sign in', async () => {
    const key = gate.generateKey('read-write', { repositories: ['team/*'] });
    expect((await ask(key, '/v2/')).status).toBe(200);
    expect((await ask(key, '/v2/team/app/manifests/latest')).status).toBe(200);
    upstream.seen.length = 0;
    for (const [method, path, name] of [
      ['GET', '/v2/other/manifests/latest', 'other'],
      ['PUT', '/v2/team/app/deep/manifests/latest', 'team/app/deep'],
      ['GET', '/v2/team/tags/list', 'team'],
    ] as const) {
      const answer = await ask(key, path, method);
      expect(answer.status).toBe(403);
      expect(errorOf(answer)).toMatchObject({
        code: 'DENIED',
        message: `${key.id}: this key may not use the repository ${name}`,
      });
    }
    expect(upstream.seen).toEqual([]);
  });

  it('is told of a permission that it lacks, where it lacks both', async () => {
    const key = gate.generateKey('read', { repositories: ['team/*'] });
    expect(errorOf(await ask(key, '/v2/other/manifests/latest', 'PUT')).message).toContain('read-only');
  });

  it.each([
    ['from=other', ''],
    ['from=other&digest-algorithm=sha512', '?digest-algorithm=sha512'],
    ['from=team%2fapp', `?mount=${DIGEST}&from=mine/team/app`],
  ])('mounts from its own repositories only: %s', async (from, query) => {
    const key = gate.generateKey('read-write', { repositories: ['team/*'] });
    const { status } = await ask(key, `/v2/team/app/blobs/uploads/?mount=${DIGEST}&${from}`, 'POST');
    expect(status).toBe(200);
    expect(upstream.seen[0]!.url).toBe(`/v2/mine/team/app/blobs/uploads/${query}`);
  });
});

describe('a revocation', () => {
  it('among 100 clients that never pause is followed by no decision in their favour', async () => {
    const ending = new AbortController();
    const paths = ['/v2/', '/v2/app/manifests/latest', `/v2/app/blobs/${DIGEST}`];
    let askedWithSuccess = 0;
    let seenByAll = (): void => {};
    const isBusy = new Promise<void>((resolve) => (seenByAll = resolve));
    const client = async (number: number): Promise<void> => {
      for (let turn = number; !ending.signal.aborted; turn++) {
        const { status } = await ask(writer, paths[turn % paths.length]!);
        if (status === 200 && ++askedWithSuccess === 300) seenByAll();
      }
    };
    const clients = Promise.all(Array.from({ length: 100 }, (_, number) => client(number)));
    await isBusy;
    gate.revoke(writer);
    const before = gate.decisions.length;
    while (gate.decisions.length < before + 300) await ask(writer, '/v2/');
    ending.abort();
    await clients;
    expect(new Set(gate.decisions.slice(before).map(({ outcome }) => outcome))).toEqual(new Set(['revoked']));
    const passed = gate.decisions.slice(0, before).filter(({ action }) => action === 'pull').length;
    expect(upstream.seen.length).toBeLessThanOrEqual(passed);
  });
});
