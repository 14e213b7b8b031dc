import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls, { type ConnectionOptions } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { makeCertificate } from './testing/certificates.js';
import { startDockerRegistry } from './testing/docker-registry.js';
import {
  GateFixture,
  OTHER_HOST,
  OTHER_REGISTRY,
  REGISTRY,
  type AskOptions,
  type TestKey,
} from './testing/gate-fixture.js';
import { digestOf } from './testing/blobs.js';
import { Upstream } from './testing/upstream.js';

const DIGEST = `sha256:${'0'.repeat(64)}`;

let shared: Upstream;
let own: Upstream;
let gate: GateFixture;
let writer: TestKey;
let foreign: TestKey;

beforeEach(async () => {
  shared = await Upstream.start();
  own = await Upstream.start();
  gate = await GateFixture.start({ upstream: new URL(`http://gate:password@${shared.host}`) });
  writer = gate.generateKey('read-write');
  foreign = gate.generateKey('read-write', { registry: OTHER_REGISTRY });
  movesTo(`http://${own.host}`);
});
afterEach(async () => {
  await gate.gate.close();
  await shared.stop();
  await own.stop();
});

function movesTo(upstream: string | null): void {
  gate.happens('RegistryUpstreamChanged', REGISTRY, { upstream });
}

function ask(path: string, { headers, ...options }: AskOptions = {}) {
  return gate.ask(path, { ...options, headers: { authorization: writer.authorization, ...headers } });
}

describe('a registry with an upstream of its own', () => {
  it('has its requests go there, under the names that the client uses; those of others go on to the shared one', async () => {
    await ask('/v2/team/app/manifests/x');
    await ask(`/v2/team/app/blobs/uploads/?mount=${DIGEST}&from=team/base`, { method: 'POST' });
    const headers = { host: OTHER_HOST, authorization: foreign.authorization };
    await gate.ask('/v2/team/app/manifests/x', { headers });
    expect(own.seen.map(({ url }) => url)).toEqual([
      '/v2/team/app/manifests/x',
      `/v2/team/app/blobs/uploads/?mount=${DIGEST}&from=team/base`,
    ]);
    expect(own.seen[0]!.headers.host).toBe(own.host);
    expect(shared.seen.map(({ url }) => url)).toEqual(['/v2/other/team/app/manifests/x']);
  });

  it('has names as long as they may be: no prefix takes a part of them', async () => {
    expect((await ask(`/v2/${'a'.repeat(255)}/tags/list`)).status).toBe(200);
    expect((await ask(`/v2/${'a'.repeat(256)}/tags/list`)).status).toBe(400);
  });

  it('gets no credentials, neither those of the gate nor those of the client', async () => {
    await ask('/v2/team/app/manifests/x');
    expect(own.seen[0]!.headers.authorization).toBeUndefined();
    movesTo(null);
    await ask('/v2/team/app/manifests/x');
    expect(shared.seen[0]!.headers.authorization).toBe(`Basic ${btoa('gate:password')}`);
  });

  it('goes back to the shared one, and on to another, with the next request', async () => {
    await ask('/v2/a/manifests/1');
    movesTo(null);
    await ask('/v2/a/manifests/2');
    movesTo(`http://${own.host}`);
    await ask('/v2/a/manifests/3');
    expect(own.seen.map(({ url }) => url)).toEqual(['/v2/a/manifests/1', '/v2/a/manifests/3']);
    expect(shared.seen.map(({ url }) => url)).toEqual(['/v2/mine/a/manifests/2']);
  });

  it('has its answers pass by the byte, also those that name a repository', async () => {
    const body = '{"name":"mine/team/app","tags":null}';
    own.answer = (_, response) => response.setHeader('content-length', body.length).end(body);
    const answer = await ask('/v2/team/app/tags/list');
    expect(answer).toMatchObject({ status: 200, body });
    expect(answer.headers['content-length']).toBe(String(body.length));
  });

  it('has its links and locations made the client’s', async () => {
    own.answer = (_, response) => {
      response.setHeader('link', `<http://${own.host}/v2/a/tags/list?last=b>; rel="next"`);
      response.writeHead(202, { location: `http://${own.host}/v2/a/blobs/uploads/5f-1?_state=x` }).end();
    };
    const { headers } = await ask('/v2/a/blobs/uploads/', { method: 'POST' });
    expect(headers).toMatchObject({
      location: '/v2/a/blobs/uploads/5f-1?_state=x',
      link: '</v2/a/tags/list?last=b>; rel="next"',
    });
  });

  it.each([
    ['another host', () => 'https://bucket.example/v2/a?signature=s3cret'],
    ['the shared registry', () => `http://${shared.host}/v2/other/a`],
    ['a path outside the API', () => '/token'],
  ])('may not send a client to %s', async (_, location) => {
    own.answer = (__, response) => response.writeHead(307, { location: location() }).end();
    expect((await ask(`/v2/a/blobs/${DIGEST}`)).status).toBe(502);
  });

  it('is 502 when it wants credentials, and when it is away: the shared one does not stand in', async () => {
    own.answer = (_, response) => response.writeHead(401, { 'www-authenticate': 'Basic' }).end();
    expect((await ask('/v2/a/tags/list')).status).toBe(502);
    movesTo('http://127.0.0.1:1');
    expect((await ask('/v2/a/tags/list')).status).toBe(502);
    expect(shared.seen).toHaveLength(0);
  });

  it('is served where no registry stands behind the gate for all', async () => {
    await gate.gate.close();
    gate = await GateFixture.start();
    writer = gate.generateKey('read');
    expect((await ask('/v2/a/tags/list')).status).toBe(404);
    movesTo(`http://${own.host}`);
    expect((await ask('/v2/a/tags/list')).status).toBe(200);
    expect((await ask('/v2/_catalog')).status).toBe(502);
    expect(own.seen.map(({ url }) => url)).toEqual(['/v2/a/tags/list', '/v2/_catalog?n=1000']);
  });

  it('has a catalog of its own, and pushes and pulls of its own', async () => {
    const registry = await startDockerRegistry();
    try {
      await registry.addRepositories(['other/a', 'z']);
      movesTo(registry.url.origin);
      const { location } = (await ask('/v2/team/app/blobs/uploads/', { method: 'POST' })).headers;
      const body = Buffer.from('a layer');
      const commit = { method: 'PUT', headers: { 'content-type': 'application/octet-stream' }, body };
      expect((await ask(`${location}&digest=${digestOf(body)}`, commit)).status).toBe(201);
      expect((await ask(`/v2/team/app/blobs/${digestOf(body)}`)).body).toBe('a layer');
      const { body: catalog } = await ask('/v2/_catalog');
      expect(JSON.parse(catalog)).toEqual({ repositories: ['other/a', 'team/app', 'z'] });
      expect(shared.seen).toHaveLength(0);
    } finally {
      await registry.stop();
    }
  });
});

describe('an upstream by https', () => {
  it('is asked only when its certificate is one that the process trusts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dockreg-upstream-'));
    const { cert, keyFile } = makeCertificate(folder, 'upstream');
    const server = createServer({ cert, key: readFileSync(keyFile) }, (_, response) => response.end('{}'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    movesTo(`https://localhost:${(server.address() as AddressInfo).port}`);
    try {
      expect((await ask('/v2/a/tags/list')).status).toBe(502);
      // What NODE_EXTRA_CA_CERTS does for a whole process.
      const connect = tls.connect.bind(tls) as (options: ConnectionOptions) => tls.TLSSocket;
      const trusting = jest.spyOn(tls, 'connect');
      trusting.mockImplementation(((options: ConnectionOptions) =>
        connect({ ...options, ca: cert })) as never);
      expect((await ask('/v2/a/tags/list')).status).toBe(200);
      trusting.mockRestore();
    } finally {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});
