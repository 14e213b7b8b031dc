import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GateFixture, type TestKey } from './testing/gate-fixture.js';
import { Upstream } from './testing/upstream.js';

const UPLOAD = '/v2/a/blobs/uploads/5f-1';
const DIGEST = `sha256:${'0'.repeat(64)}`;
const BLOB = `/v2/a/blobs/${DIGEST}`;

/** What the registry behind is asked for a path of the client's. */
function behind(path: string): string {
  return path.replace('/v2/', '/v2/mine/');
}

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

describe('the way to the registry', () => {
  it('carries method, path, query, body and its description, and nothing that speaks in another name', async () => {
    upstream.answer = (incoming, response) => {
      void text(incoming).then((body) => response.end(body));
    };
    const path = `${UPLOAD}?_state=a%2Bb%3D&digest=${DIGEST}`;
    const answer = await gate.ask(path, {
      method: 'PUT',
      headers: authorized({
        'content-type': 'application/x.unheard-of; a="b',
        'content-range': '0-4',
        'user-agent': 'a client',
        'accept-encoding': 'gzip',
        cookie: 'a=b',
        connection: 'keep-alive, x-hop',
        'x-hop': '1',
        'x-forwarded-for': '203.0.113.1',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        'x-forwarded-method': 'GET',
        'x-original-method': 'GET',
        'x-remote-user': 'root',
        forwarded: 'for=203.0.113.1',
      }),
      body: Buffer.from('hello'),
    });
    expect(answer).toMatchObject({ status: 200, body: 'hello' });
    expect(upstream.seen).toHaveLength(1);
    expect(upstream.seen[0]).toMatchObject({ method: 'PUT', url: behind(path) });
    const { connection: _, ...headers } = upstream.seen[0]!.headers;
    expect(headers).toEqual({
      host: upstream.host,
      'accept-encoding': 'identity',
      'content-type': 'application/x.unheard-of; a="b',
      'content-length': '5',
      'content-range': '0-4',
      'user-agent': 'a client',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': `127.0.0.1:${gate.gate.port}`,
      'x-forwarded-proto': 'http',
    });
  });

  it('shows the registry the credentials of its own URL, never those of the client', async () => {
    await gate.gate.close();
    gate = await GateFixture.start({ upstream: new URL(`http://gate:pass%3Aword@${upstream.host}`) });
    writer = gate.generateKey('read-write');
    await gate.ask(BLOB, { headers: authorized() });
    const pair = Buffer.from('gate:pass:word').toString('base64');
    expect(upstream.seen[0]!.headers.authorization).toBe(`Basic ${pair}`);
  });

  it('takes a doubtful mount out of the query, and out of a form in the body', async () => {
    const start = '/v2/a/blobs/uploads/';
    await gate.ask(`${start}?mount=${DIGEST}&from=B`, { method: 'POST', headers: authorized() });
    await gate.ask(`${start}?mount=${DIGEST}&from=b`, { method: 'POST', headers: authorized() });
    await gate.ask(start, {
      method: 'POST',
      headers: authorized({ 'content-type': 'application/x-www-form-urlencoded' }),
      body: Buffer.from(`mount=${DIGEST}&from=b`),
    });
    const opened = behind(start);
    const mounted = `${opened}?mount=${DIGEST}&from=mine/b`;
    expect(upstream.seen.map(({ url }) => url)).toEqual([opened, mounted, opened]);
    expect(upstream.seen[2]!.headers['content-type']).toBe('application/octet-stream');
  });

  it('passes a body of unknown length on as it comes in', async () => {
    const arrived = new Promise<IncomingMessage>((resolve) => {
      upstream.answer = (incoming, response) => {
        resolve(incoming);
        incoming.once('end', () => response.end());
      };
    });
    const sent = gate.open('PATCH', UPLOAD, authorized());
    sent.write('one');
    const incoming = await arrived;
    expect(incoming.headers['transfer-encoding']).toBe('chunked');
    const body = text(incoming);
    sent.end('two');
    expect(await body).toBe('onetwo');
    await once(sent, 'response');
  });

  it('drops the body of a request that has none by its method', async () => {
    const answer = await gate.ask(BLOB, {
      headers: authorized({ 'content-length': 3 }),
      body: Buffer.from('abc'),
    });
    expect(answer.status).toBe(200);
    expect(upstream.seen[0]!.headers['content-length']).toBeUndefined();
  });

  it('invites the body of a client that waits for "100 Continue" after it was allowed', async () => {
    upstream.answer = (incoming, response) => {
      void text(incoming).then((body) => response.end(body));
    };
    const sent = gate.open('PUT', UPLOAD, authorized({ expect: '100-continue', 'content-length': 3 }));
    sent.flushHeaders();
    await once(sent, 'continue');
    sent.end('abc');
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(await text(response)).toBe('abc');
    expect(upstream.seen[0]!.headers.expect).toBeUndefined();
  });
});

describe('the way back', () => {
  it('carries status, description and length as the registry gave them, also to HEAD', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(206, {
        'content-type': 'application/vnd.oci.image.manifest.v1+json',
        'content-length': '4',
        'docker-content-digest': DIGEST,
        'content-range': 'bytes 0-3/9',
        connection: 'x-hop',
        'x-hop': '1',
        'set-cookie': 'a=b',
      });
      response.end('body');
    };
    for (const method of ['GET', 'HEAD']) {
      const answer = await gate.ask(BLOB, { method, headers: authorized() });
      expect(answer).toMatchObject({ status: 206, body: method === 'GET' ? 'body' : '' });
      expect(answer.headers).toMatchObject({
        'content-type': 'application/vnd.oci.image.manifest.v1+json',
        'content-length': '4',
        'docker-content-digest': DIGEST,
        'content-range': 'bytes 0-3/9',
        'docker-distribution-api-version': 'registry/2.0',
      });
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(answer.headers['x-hop']).toBeUndefined();
    }
  });

  it.each([
    ['a path', 202, () => '/v2/mine/a/blobs/uploads/5f-1?_state=a%2Bb%3D'],
    [
      'the host of the registry',
      202,
      () => `http://${upstream.host}/v2/mine/a/blobs/uploads/5f-1?_state=a%2Bb%3D`,
    ],
    [
      'our host',
      202,
      () => `https://127.0.0.1:${gate.gate.port}/v2/mine/a/blobs/uploads/5f-1?_state=a%2Bb%3D`,
    ],
    ['a name of its own', 202, () => 'http://upstream.internal/v2/mine/a/blobs/uploads/5f-1?_state=a%2Bb%3D'],
    [
      'our host in a redirect',
      307,
      () => `http://${upstream.host}/v2/mine/a/blobs/uploads/5f-1?_state=a%2Bb%3D`,
    ],
  ])(
    'points a client that the registry sends to %s to the host that it came by',
    async (_, status, location) => {
      upstream.answer = (__, response) => {
        response.writeHead(status, { location: location() }).end();
      };
      const answer = await gate.ask('/v2/a/blobs/uploads/', { method: 'POST', headers: authorized() });
      expect(answer.status).toBe(status);
      expect(answer.headers.location).toBe('/v2/a/blobs/uploads/5f-1?_state=a%2Bb%3D');
    },
  );

  it.each([
    ['to another host', 307, 'https://bucket.example/v2/mine/a?signature=s3cret'],
    ['to a path outside the API', 307, '/other?signature=s3cret'],
    ["to another registry's repository", 307, '/v2/other/a?signature=s3cret'],
    ['to a repository beside the prefix', 307, '/v2/mine2/a?signature=s3cret'],
    ['out of the prefix', 307, '/v2/mine/../other/a?signature=s3cret'],
    ['out of the prefix by an escape', 202, '/v2/mine/%2e%2E/other/a?signature=s3cret'],
    ['to a place that cannot be read', 302, 'http://['],
    ['to another host without a scheme', 307, '//bucket.example/v2/mine/?signature=s3cret'],
    ['with an upload outside the API', 202, 'https://bucket.example/upload?signature=s3cret'],
  ])('ends with 502 when the registry sends a client %s', async (_, status, location) => {
    upstream.answer = (__, response) => {
      response.writeHead(status, { location, 'docker-content-digest': DIGEST }).end('go there');
    };
    const answer = await gate.ask(BLOB, { headers: authorized() });
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body).errors[0].code).toBe('UNAVAILABLE');
    expect(JSON.stringify(answer.headers) + answer.body + gate.logged.join()).not.toContain('s3cret');
    expect(answer.headers['docker-content-digest']).toBeUndefined();
  });

  it('rewrites the link to the next page', async () => {
    upstream.answer = (_, response) => {
      response
        .setHeader('link', `<http://${upstream.host}/v2/mine/a/tags/list?last=b&n=1>; rel="next"`)
        .end('{}');
    };
    const answer = await gate.ask('/v2/a/tags/list?n=1', { headers: authorized() });
    expect(answer.headers.link).toBe('</v2/a/tags/list?last=b&n=1>; rel="next"');
  });

  it.each(['</v2/other/a/tags/list?n=1>', '</v2/mine/../other/a/tags/list>', '<http://[>'])(
    'carries no link that leads out of the registry: %s',
    async (link) => {
      upstream.answer = (_, response) => {
        response.setHeader('link', `${link}; rel="next"`).end('{}');
      };
      const answer = await gate.ask('/v2/a/tags/list?n=1', { headers: authorized() });
      expect(answer.status).toBe(200);
      expect(answer.headers.link).toBeUndefined();
    },
  );

  it('does not pass on that the registry refuses the gate', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="other"' }).end();
    };
    const answer = await gate.ask(BLOB, { headers: authorized() });
    expect(answer.status).toBe(502);
    expect(answer.headers['www-authenticate']).toBeUndefined();
  });

  it('asks the registry once, also when it answers 503', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(503, { 'retry-after': '0' }).end();
    };
    expect((await gate.ask(BLOB, { headers: authorized() })).status).toBe(503);
    expect(upstream.seen).toHaveLength(1);
  });

  it('is 502 in the shape of the registry when no registry listens', async () => {
    await upstream.stop();
    const answer = await gate.ask(BLOB, { headers: authorized() });
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body).errors[0].code).toBe('UNAVAILABLE');
    upstream = await Upstream.start();
  });

  it('is 502 when the registry cuts the connection before it answers', async () => {
    upstream.answer = (incoming) => incoming.socket.destroy();
    expect((await gate.ask(BLOB, { headers: authorized() })).status).toBe(502);
  });
});

describe('a gate that cannot start', () => {
  it('says that the port is in use', async () => {
    await expect(GateFixture.start({ port: gate.gate.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('says that the URL of the registry behind it must have no path', async () => {
    const upstream = new URL('http://127.0.0.1:1/prefix');
    await expect(GateFixture.start({ upstream })).rejects.toThrow('no path');
  });
});
