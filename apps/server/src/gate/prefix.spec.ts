import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nameForClient } from './name-for-client.js';
import { GateFixture, OTHER_HOST, OTHER_REGISTRY, type TestKey } from './testing/gate-fixture.js';
import { Upstream } from './testing/upstream.js';

const DIGEST = `sha256:${'0'.repeat(64)}`;
const JSON_TYPE = { 'content-type': 'application/json' };

let upstream: Upstream;
let gate: GateFixture;
let headers: { authorization: string };

beforeEach(async () => {
  upstream = await Upstream.start();
  gate = await GateFixture.start({ upstream: new URL(`http://${upstream.host}`) });
  headers = { authorization: gate.generateKey('read-write').authorization };
});
afterEach(async () => {
  await gate.gate.close();
  await upstream.stop();
});

function answerWith(status: number, body: string, answerHeaders: IncomingHttpHeaders = JSON_TYPE): void {
  upstream.answer = (_, response) => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...answerHeaders });
    response.end(body);
  };
}

describe('the prefix on the way in', () => {
  it('is that of the registry whose host was asked, with whatever name and path', async () => {
    const foreign: TestKey = gate.generateKey('read-write', { registry: OTHER_REGISTRY });
    const paths = [
      '/v2/a/manifests/x',
      '/v2/mine/a/manifests/x',
      `/v2/other/a/blobs/${DIGEST}`,
      '/v2/tags/list/tags/list?n=1&last=mine',
      '/v2/blobs/uploads/blobs/uploads/5f-1',
    ];
    for (const path of paths) {
      const method = path.includes('uploads') ? 'PUT' : 'GET';
      await gate.ask(path, { method, headers });
      const there = { host: OTHER_HOST, authorization: foreign.authorization };
      await gate.ask(path, { method, headers: there });
    }
    expect(upstream.seen.map(({ url }) => url)).toEqual(
      paths.flatMap((path) => [path.replace('/v2/', '/v2/mine/'), path.replace('/v2/', '/v2/other/')]),
    );
  });

  it('leaves 255 characters less its own for a name; the holder of a key is told how many', async () => {
    const longest = 'a'.repeat(255 - 'mine/'.length);
    expect((await gate.ask(`/v2/${longest}/tags/list`, { headers })).status).toBe(200);
    const answer = await gate.ask(`/v2/${longest}a/tags/list`, { headers });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).errors[0]).toMatchObject({
      code: 'NAME_INVALID',
      message: expect.stringContaining('at most 250 characters'),
    });
    expect((await gate.ask(`/v2/${longest}a/tags/list`)).status).toBe(401);
    expect(upstream.seen).toHaveLength(1);
  });

  it('is there for no registry whose slug another one has: nothing of it is passed on', async () => {
    const twin = 'reg_cccccccccccccccc';
    gate.happens('RegistryCreated', twin, { slug: 'mine' });
    gate.happens('HostAdded', twin, { host: 'twin.example' });
    const { authorization } = gate.generateKey('read', { registry: twin });
    const answer = await gate.ask('/v2/a/tags/list', { headers: { host: 'twin.example', authorization } });
    expect(answer.status).toBe(500);
    expect(upstream.seen).toHaveLength(0);
  });
});

describe('the prefix on the way back', () => {
  it.each([
    [404, 'NAME_UNKNOWN', { name: 'mine/team/app' }, { name: 'team/app' }],
    [404, 'MANIFEST_UNKNOWN', { Name: 'mine/team/app', Tag: 'x' }, { Name: 'team/app', Tag: 'x' }],
    [400, 'NAME_INVALID', 'name=mine/team/app tag=x', 'name=team/app tag=x'],
    [500, 'UNKNOWN', { Path: '/r/mine/team/app/_uploads' }, { Path: '/r/team/app/_uploads' }],
  ])('is taken out of an error: %i %s %j', async (status, code, behind, shown) => {
    answerWith(status, JSON.stringify({ errors: [{ code, message: 'é', detail: behind }] }));
    const answer = await gate.ask('/v2/team/app/manifests/x', { headers });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toEqual({ errors: [{ code, message: 'é', detail: shown }] });
    const head = await gate.ask('/v2/team/app/manifests/x', { method: 'HEAD', headers });
    expect(head).toMatchObject({ status, body: '' });
    expect(head.headers['content-length']).toBeUndefined();
  });

  it.each(['{"name":"mine/team/app","tags":', '{"tags":'])(
    'is taken out of a list of 100,000 tags that begins with %s',
    async (head) => {
      const tags = Array.from({ length: 100_000 }, (_, number) => `v${number}`);
      const name = head.includes('name') ? '' : ',"name":"mine/team/app"';
      answerWith(200, `${head}${JSON.stringify(tags)}${name}}`);
      const answer = await gate.ask('/v2/team/app/tags/list', { headers });
      expect(JSON.parse(answer.body)).toEqual({ name: 'team/app', tags });
    },
  );

  it('is not looked for in blobs and manifests: their digest covers every byte', async () => {
    const body = '{"about":"mine/team/app"}';
    answerWith(200, body, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
    for (const path of ['manifests/x', `blobs/${DIGEST}`, `referrers/${DIGEST}`]) {
      const answer = await gate.ask(`/v2/team/app/${path}`, { headers });
      expect(answer.body).toBe(body);
      expect(answer.headers['content-length']).toBe(String(body.length));
    }
  });

  it.each(['json', 'prettyjws'])(
    'keeps a manifest of schema 1 (%s), which has it under a signature',
    async (kind) => {
      const type = `application/vnd.docker.distribution.manifest.v1+${kind}`;
      answerWith(200, '{"name":"mine/team/app"}', { 'content-type': type });
      const answer = await gate.ask('/v2/team/app/manifests/x', { headers });
      expect(answer.status).toBe(404);
      expect(answer.body).toContain('schema 1');
      expect(answer.body).not.toContain('mine');
    },
  );

  it('is not in a header', async () => {
    answerWith(200, '{}', { 'content-location': '/v2/mine/team/app/tags/list', ...JSON_TYPE });
    const answer = await gate.ask('/v2/team/app/tags/list', { headers });
    expect(JSON.stringify(answer.headers)).not.toContain('mine');
  });

  it('does not hide that the registry went away in the middle of an error', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(500, { 'content-length': '1000' });
      response.write('x'.repeat(500), () => response.destroy());
    };
    await expect(gate.ask('/v2/team/app/tags/list', { headers })).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
  });

  it('is found however the body is cut into chunks, and every other byte stays (2,000 bodies)', async () => {
    const target = { path: '', query: '', prefix: 'aa/', repository: 'a' };
    const piece = fc.constantFrom('aa/a', 'aa/', 'a', '/', '"', 'é', '\u0000');
    const chunks = fc.array(fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('')));
    await fc.assert(
      fc.asyncProperty(chunks, async (parts) => {
        const body = Readable.from(parts.map((part) => Buffer.from(part)));
        expect(await text(nameForClient(body, target))).toBe(parts.join('').replaceAll('aa/a', 'a'));
      }),
      { numRuns: 2_000 },
    );
  });
});
