import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GateFixture, type TestKey } from './testing/gate-fixture.js';
import { countBytes, zeros } from './testing/large-bodies.js';
import { Upstream } from './testing/upstream.js';

const DIGEST = `sha256:${'0'.repeat(64)}`;
const UPLOAD = '/v2/a/blobs/uploads/5f-1';
const BLOB = `/v2/a/blobs/${DIGEST}`;
const REFERRERS = `/v2/a/referrers/${DIGEST}`;
const CHUNK = Buffer.alloc(65_536);
/** More than all buffers on the way take. */
const LARGE_BYTES = 50 * 1024 * 1024;

let upstream: Upstream;
let gate: GateFixture;
let writer: TestKey;

beforeEach(async () => {
  upstream = await Upstream.start();
  gate = await GateFixture.start({ upstream: new URL(`http://${upstream.host}`) });
  writer = gate.generateKey('read-write');
});
afterEach(async () => {
  await gate.gate.close();
  await upstream.stop();
});

function authorized(headers: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  return { authorization: writer.authorization, ...headers };
}

describe('what distribution cannot do, but a registry may', () => {
  it('the list of referrers passes by the byte, with its filter and the link to the next page', async () => {
    const index = '{"schemaVersion":2,"manifests":[],"annotations":{"about":"mine/a"}}';
    upstream.answer = ({ url }, response) => {
      response.writeHead(200, {
        'content-type': 'application/vnd.oci.image.index.v1+json',
        'oci-filters-applied': 'artifactType',
        link: `<${url}&last=x>; rel="next"`,
      });
      response.end(index);
    };
    const query = '?artifactType=application%2Fvnd.example%2Bjson';
    const answer = await gate.ask(REFERRERS + query, { headers: authorized() });
    expect(upstream.seen[0]!.url).toBe(REFERRERS.replace('/v2/', '/v2/mine/') + query);
    expect(answer).toMatchObject({ status: 200, body: index });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/vnd.oci.image.index.v1+json',
      'oci-filters-applied': 'artifactType',
      link: `<${REFERRERS}${query}&last=x>; rel="next"`,
    });
  });

  it('a push says what its manifest refers to', async () => {
    upstream.answer = (incoming, response) => {
      incoming.resume().once('end', () => response.writeHead(201, { 'oci-subject': DIGEST }).end());
    };
    const body = Buffer.from('{}');
    const answer = await gate.ask('/v2/a/manifests/x', { method: 'PUT', headers: authorized(), body });
    expect(answer.headers['oci-subject']).toBe(DIGEST);
  });

  it('an upload in one POST passes with its body', async () => {
    const bodies: string[] = [];
    upstream.answer = (incoming, response) => {
      void text(incoming).then((body) => {
        bodies.push(body);
        response.writeHead(201, { location: BLOB.replace('/v2/', '/v2/mine/') }).end();
      });
    };
    const start = `/v2/a/blobs/uploads/?digest=${DIGEST}`;
    const headers = authorized({ 'content-type': 'application/octet-stream' });
    const answer = await gate.ask(start, { method: 'POST', headers, body: Buffer.from('all of it') });
    expect(answer).toMatchObject({ status: 201, headers: { location: BLOB } });
    expect(bodies).toEqual(['all of it']);
    expect(upstream.seen[0]!.url).toBe(start.replace('/v2/', '/v2/mine/'));
  });

  it.each([
    ['5f-2?_state=x', `${UPLOAD.replace('5f-1', '5f-2')}?_state=x`],
    ['./5f-2', UPLOAD.replace('5f-1', '5f-2')],
    ['../../manifests/x', '/v2/a/manifests/x'],
    ['?_state=x', `${UPLOAD}?_state=x`],
  ])('the location %s is relative to what was asked', async (location, shown) => {
    upstream.answer = (_, response) => {
      response.writeHead(202, { location }).end();
    };
    const answer = await gate.ask(UPLOAD, { method: 'PATCH', headers: authorized() });
    expect(answer).toMatchObject({ status: 202, headers: { location: shown } });
  });

  it('two links pass both; two locations are none', async () => {
    upstream.answer = (_, response) => {
      const page = (last: string, rel: string) => `</v2/mine/a/tags/list?last=${last}>; rel="${rel}"`;
      response.setHeader('link', [page('b', 'next'), page('a', 'prev')]).end('{}');
    };
    const tags = await gate.ask('/v2/a/tags/list', { headers: authorized() });
    expect(tags.headers.link).toBe(
      '</v2/a/tags/list?last=b>; rel="next",</v2/a/tags/list?last=a>; rel="prev"',
    );
    upstream.answer = (_, response) => {
      response.setHeader('location', ['/v2/mine/a/x', '/v2/mine/a/y']).writeHead(202).end();
    };
    expect((await gate.ask(UPLOAD, { method: 'PATCH', headers: authorized() })).status).toBe(502);
  });

  it('a header in another script passes by the byte', async () => {
    const name = Buffer.from('größe →').toString('latin1');
    upstream.answer = ({ socket }) => {
      socket.end(`HTTP/1.1 200 OK\r\nX-Name: ${name}\r\nContent-Length: 0\r\n\r\n`, 'latin1');
    };
    expect((await gate.ask(BLOB, { headers: authorized() })).headers['x-name']).toBe(name);
  });

  it('a status that HTTP does not have ends with 502', async () => {
    upstream.answer = ({ socket }) => socket.end('HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n');
    expect((await gate.ask(BLOB, { headers: authorized() })).status).toBe(502);
  });

  it('an answer begins at the client when it begins at the registry, before its body', async () => {
    let finish = (): void => {};
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-length': 3 }).flushHeaders();
      finish = () => response.end('abc');
    };
    const sent = gate.open('GET', BLOB, authorized()).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    finish();
    expect(await text(response)).toBe('abc');
  });
});

describe('a registry that dies half way', () => {
  it('cuts a download before its first byte: the client never takes it for an empty blob', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-length': '1000000' }).flushHeaders();
      response.socket!.end();
    };
    const sent = gate.open('GET', BLOB, authorized()).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    await expect(countBytes(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('cuts a download of unknown length without its last chunk', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(200);
      response.write(CHUNK, () => response.destroy());
    };
    const sent = gate.open('GET', BLOB, authorized()).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    await expect(countBytes(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(response.complete).toBe(false);
  });

  it.each([['of known length', { 'content-length': LARGE_BYTES }] as const, ['in chunks', {}] as const])(
    'ends an upload %s with 502, which the client that sends on can read',
    async (_, length) => {
      upstream.answer = (incoming) => {
        incoming.once('data', () => incoming.socket.destroy());
      };
      const body = zeros(LARGE_BYTES);
      const answer = await gate.ask(UPLOAD, { method: 'PATCH', headers: authorized(length), body });
      expect(answer.status).toBe(502);
      expect(JSON.parse(answer.body).errors[0].code).toBe('UNAVAILABLE');
      expect(upstream.seen).toHaveLength(1);
    },
  );

  it('ends a commit with 502 when it dies before it has answered', async () => {
    upstream.answer = (incoming) => {
      incoming.resume().once('end', () => incoming.socket.destroy());
    };
    const headers = authorized({ 'content-length': 3 });
    const body = Buffer.from('abc');
    expect((await gate.ask(UPLOAD, { method: 'PUT', headers, body })).status).toBe(502);
  });
});
