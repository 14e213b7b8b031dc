import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { digestOf } from './testing/blobs.js';
import { startDockerRegistry, type DockerRegistry } from './testing/docker-registry.js';
import { GateFixture, type Answer, type AskOptions, type TestKey } from './testing/gate-fixture.js';

const UPLOADS = '/v2/team/app/blobs/uploads/';
const ABSENT = `sha256:${'0'.repeat(64)}`;
const CONTENT = Buffer.from('the content of a layer');

let registry: DockerRegistry;
let gate: GateFixture;
let writer: TestKey;

beforeAll(async () => {
  registry = await startDockerRegistry();
  gate = await GateFixture.start({ upstream: registry.url });
});
afterAll(async () => {
  await gate?.gate.close();
  await registry?.stop();
});
beforeEach(() => {
  writer = gate.generateKey('read-write-delete');
});

function authorized(headers: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  return { authorization: writer.authorization, ...headers };
}

function ask(method: string, path: string, { headers, ...options }: AskOptions = {}): Promise<Answer> {
  return gate.ask(path, { method, headers: authorized(headers), ...options });
}

async function startUpload(): Promise<string> {
  const { status, headers } = await ask('POST', UPLOADS);
  expect(status).toBe(202);
  return headers.location!;
}

function blobOf(digest: string): string {
  return `/v2/team/app/blobs/${digest}`;
}

/** Pushes a blob of the registry's own and returns its path. */
async function pushed(content = CONTENT): Promise<string> {
  const digest = digestOf(content);
  const { status } = await ask('PUT', `${await startUpload()}&digest=${digest}`, { body: content });
  expect(status).toBe(201);
  return blobOf(digest);
}

describe('a pull through the gate', () => {
  it('of a part gets 206 with that part, and of all 200', async () => {
    const blob = await pushed();
    const part = await ask('GET', blob, { headers: { range: 'bytes=4-10' } });
    expect(part).toMatchObject({ status: 206, body: 'content' });
    expect(part.headers).toMatchObject({
      'content-range': `bytes 4-10/${CONTENT.length}`,
      'content-length': '7',
    });
    const whole = await ask('GET', blob);
    expect(whole).toMatchObject({ status: 200, body: CONTENT.toString() });
    expect(whole.headers['accept-ranges']).toBe('bytes');
  });

  it('of a part that there is not gets 416 and then, as from this registry itself, a cut', async () => {
    const sent = gate.open('GET', await pushed(), authorized({ range: 'bytes=100-' })).end();
    const [beyond] = (await once(sent, 'response')) as [IncomingMessage];
    expect(beyond.statusCode).toBe(416);
    expect(beyond.headers['content-range']).toBe(`bytes */${CONTENT.length}`);
    // Distribution 2.8 announces as many bytes as the blob has, sends none of them and closes.
    await expect(text(beyond)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('by HEAD gets the headers of the GET and no body', async () => {
    const blob = await pushed();
    const [get, head] = [await ask('GET', blob), await ask('HEAD', blob)];
    expect(head).toMatchObject({ status: 200, body: '' });
    const { date: _, ...headers } = get.headers;
    expect(head.headers).toMatchObject(headers);
    expect(head.headers['content-length']).toBe(String(CONTENT.length));
    expect(await ask('HEAD', blobOf(ABSENT))).toMatchObject({ status: 404, body: '' });
  });

  it('of what the client already has gets 304', async () => {
    const blob = await pushed();
    const { etag } = (await ask('GET', blob)).headers;
    const again = await ask('GET', blob, { headers: { 'if-none-match': etag } });
    expect(again).toMatchObject({ status: 304, body: '' });
  });

  it('of referrers gets the 404 of a registry that has no such API', async () => {
    expect((await ask('GET', `/v2/team/app/referrers/${ABSENT}`)).status).toBe(404);
  });
});

describe('an upload through the gate', () => {
  it('tells how far it came, goes on from there in chunks, and takes the last one with its commit', async () => {
    const chunks = ['the ', 'content ', 'of a layer'].map((chunk) => Buffer.from(chunk));
    let location = await startUpload();
    let sent = 0;
    for (const chunk of chunks.slice(0, 2)) {
      const range = { 'content-range': `${sent}-${sent + chunk.length - 1}`, 'content-length': chunk.length };
      const type = { 'content-type': 'application/octet-stream' };
      const patched = await ask('PATCH', location, { headers: { ...range, ...type }, body: chunk });
      expect(patched.status).toBe(202);
      sent += chunk.length;
      expect(patched.headers.range).toBe(`0-${sent - 1}`);
      const status = await ask('GET', patched.headers.location!);
      expect(status).toMatchObject({ status: 204, body: '' });
      expect(status.headers.range).toBe(`0-${sent - 1}`);
      expect(status.headers['docker-upload-uuid']).toBe(patched.headers['docker-upload-uuid']);
      location = status.headers.location!;
    }
    const digest = digestOf(CONTENT);
    const committed = await ask('PUT', `${location}&digest=${digest}`, { body: chunks[2]! });
    expect(committed.status).toBe(201);
    expect(committed.headers).toMatchObject({
      location: blobOf(digest),
      'docker-content-digest': digest,
      'content-length': '0',
    });
    expect((await ask('GET', blobOf(digest))).body).toBe(CONTENT.toString());
  });

  it('of unknown length comes in chunks of the transfer encoding', async () => {
    const chunks = ['of un', 'known ', 'length'];
    const patched = await ask('PATCH', await startUpload(), { body: Readable.from(chunks) });
    expect(patched.status).toBe(202);
    expect(patched.headers.range).toBe('0-16');
    const digest = digestOf(Buffer.from(chunks.join('')));
    expect((await ask('PUT', `${patched.headers.location}&digest=${digest}`)).status).toBe(201);
    expect((await ask('GET', blobOf(digest))).body).toBe('of unknown length');
  });

  it('whose content is not what its digest says is refused by the registry, in its words', async () => {
    const { status, body } = await ask('PUT', `${await startUpload()}&digest=${ABSENT}`, { body: CONTENT });
    expect(status).toBe(400);
    expect(JSON.parse(body).errors[0].code).toBe('DIGEST_INVALID');
  });

  it('is over when it is cancelled', async () => {
    const location = await startUpload();
    expect((await ask('GET', location)).status).toBe(204);
    expect(await ask('DELETE', location)).toMatchObject({ status: 204, body: '' });
    for (const method of ['GET', 'PATCH', 'DELETE']) expect((await ask(method, location)).status).toBe(404);
  });

  it('in one POST with the digest gets what the registry makes of it: here a session', async () => {
    const { status, headers } = await ask('POST', `${UPLOADS}?digest=${digestOf(CONTENT)}`, {
      body: CONTENT,
    });
    expect(status).toBe(202);
    expect(headers.location).toMatch(/^\/v2\/team\/app\/blobs\/uploads\/[0-9a-f-]+\?_state=/);
  });

  it('whose client waits for "100 Continue" is invited when the key is good, and told so when it is not', async () => {
    const location = `${await startUpload()}&digest=${digestOf(CONTENT)}`;
    const waiting = { expect: '100-continue', 'content-length': CONTENT.length };
    const refused = gate.open('PUT', location, { ...authorized(waiting), authorization: 'Basic eDp5' });
    refused.once('continue', () => refused.destroy(new Error('invited without a key')));
    refused.flushHeaders();
    const [refusal] = (await once(refused, 'response')) as [IncomingMessage];
    expect(refusal.statusCode).toBe(401);
    refused.destroy();
    const allowed = gate.open('PUT', location, authorized(waiting));
    allowed.flushHeaders();
    await once(allowed, 'continue');
    allowed.end(CONTENT);
    const [answer] = (await once(allowed, 'response')) as [IncomingMessage];
    expect([answer.statusCode, await text(answer)]).toEqual([201, '']);
  });
});
