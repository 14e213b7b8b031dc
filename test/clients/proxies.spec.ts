import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requirePrograms } from '../../apps/server/src/gate/testing/docker-registry.js';
import { formatKey } from '#libs/kernel';
import { formsOf } from '../e2e/canary.js';
import { basic, exchange, type Exchange } from '../e2e/http-exchange.js';
import { eventually, randomSecret } from '../e2e/server-process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { makeCertificate, type Certificate } from './certificate.js';
import { startCaddy, startNginx, type ShippedProxy } from './shipped-proxy.js';

/** More than nginx takes by default (1 MB) and than it keeps in memory. */
const LARGE_BYTES = 8 * 1024 * 1024;
const KEY = formatKey(`drk_${randomSecret().slice(0, 16)}`, randomSecret());

const { path: folder, remove } = temporaryDirectory();
let certificate: Certificate;
let ca: string;

/** In the gate's place: keeps what reached it, and answers as the test wants. */
class StandIn {
  readonly server: Server = createServer((incoming, response) => {
    this.requests.push(incoming);
    this.answer(incoming, response);
  });
  readonly requests: IncomingMessage[] = [];
  answer: (incoming: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end('{}');

  get last(): IncomingMessage {
    return this.requests.at(-1)!;
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

beforeAll(() => {
  requirePrograms('nginx', 'caddy', 'openssl');
  certificate = makeCertificate(join(folder, 'certificate'));
  ca = readFileSync(certificate.caFile, 'utf8');
});
afterAll(remove);

describe.each([
  ['nginx', startNginx],
  ['Caddy', startCaddy],
] as const)('%s on the file of docs/deploy', (name, start) => {
  const gate = new StandIn();
  let proxy: ShippedProxy;
  beforeAll(async () => {
    proxy = await start(join(folder, name), { gatePort: await gate.listen(), certificate });
  });
  afterAll(async () => {
    gate.close();
    await proxy.stop();
  });

  const ask = (asked: Exchange) => exchange(proxy.port, { ca, ...asked });
  /** A request whose body is written piece by piece. */
  const begin = (method: string, path: string) =>
    request({ host: '127.0.0.1', port: proxy.port, ca, method, path, agent: false });

  /** Bytes that no client of HTTP would send; resolves when the connection has ended. */
  async function sendRaw(bytes: string): Promise<void> {
    const socket = connect({ host: '127.0.0.1', port: proxy.port, ca, servername: '' });
    socket.on('error', () => undefined).resume();
    const closed = once(socket, 'close');
    socket.write(bytes);
    await closed;
  }

  it('passes on host, path, credentials and body as they came', async () => {
    const path = '/v2/team/app/blobs/uploads/..%2f//x/../y?digest=sha256%3aab&a=b';
    const body = Buffer.from('a layer');
    let received = '';
    gate.answer = (incoming, response) =>
      void text(incoming).then((whole) => {
        received = whole;
        response.writeHead(201, { location: '/v2/team/app/blobs/1' }).end();
      });
    const headers = { host: 'team.registry.example.com', authorization: basic(KEY, KEY) };
    const answer = await ask({ method: 'PUT', path, headers, body });
    expect(gate.last).toMatchObject({ method: 'PUT', url: path });
    expect(gate.last.headers).toMatchObject(headers);
    expect(received).toBe('a layer');
    expect(answer).toMatchObject({ status: 201, headers: { location: '/v2/team/app/blobs/1' } });
  });

  it("tells the client's own address, whatever the client says of itself", async () => {
    gate.answer = (_, response) => response.end('{}');
    const lies = { 'x-forwarded-for': '10.9.9.9', 'x-forwarded-proto': 'http', forwarded: 'for=10.9.9.9' };
    await ask({ path: '/v2/', headers: { ...lies, 'x-forwarded-host': 'other.example.com' } });
    expect(gate.last.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https' });
    expect(JSON.stringify(gate.last.headers)).not.toMatch(/10\.9\.9\.9|other\.example/);
  });

  it('asks for nothing that the client did not ask for, and leaves the bytes alone', async () => {
    const headers = { 'content-encoding': 'gzip', 'content-type': 'application/octet-stream' };
    gate.answer = (_, response) => response.writeHead(200, headers).end('no gzip at all');
    const answer = await ask({ path: '/v2/a/blobs/sha256:1' });
    expect(gate.last.headers).not.toHaveProperty('accept-encoding');
    expect(answer).toMatchObject({ status: 200, headers, text: 'no gzip at all' });
  });

  it('streams an upload: the gate has the first piece before the client has sent the second', async () => {
    const firstPiece = new Promise<string>((resolve) => {
      gate.answer = (incoming, response) => {
        incoming.once('data', (piece: Buffer) => resolve(piece.toString()));
        incoming.once('end', () => response.writeHead(202).end());
      };
    });
    const upload = begin('PATCH', '/v2/a/blobs/uploads/1');
    upload.write('first');
    expect(await firstPiece).toBe('first');
    upload.end('second');
    const [answer] = (await once(upload, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(202);
    answer.resume();
  });

  it('streams a download: the client has the first piece before the gate has sent the second', async () => {
    let finish: () => unknown = () => undefined;
    gate.answer = (_, response) => {
      response.writeHead(200, { 'content-length': 'first second'.length }).write('first');
      finish = () => response.end(' second');
    };
    const download = begin('GET', '/v2/a/blobs/sha256:1').end();
    const [answer] = (await once(download, 'response')) as [IncomingMessage];
    const [piece] = (await once(answer, 'data')) as [Buffer];
    expect(piece.toString()).toBe('first');
    finish();
    expect(await text(answer)).toBe(' second');
  });

  it('has no limit to a layer', async () => {
    let count = 0;
    gate.answer = (incoming, response) => {
      incoming.on('data', (piece: Buffer) => (count += piece.length));
      incoming.once('end', () => response.writeHead(201).end());
    };
    const { status } = await ask({
      method: 'PUT',
      path: '/v2/a/blobs/uploads/1',
      body: Buffer.alloc(LARGE_BYTES),
    });
    expect({ status, count }).toEqual({ status: 201, count: LARGE_BYTES });
  });

  it.each([401, 403, 404, 429, 500, 502, 503, 504])("leaves the gate's own %d as it is", async (status) => {
    const headers = { 'retry-after': '17', 'www-authenticate': 'Basic realm="x"' };
    gate.answer = (_, response) => response.writeHead(status, headers).end('{"errors":[]}');
    expect(await ask({ path: '/v2/' })).toMatchObject({ status, headers, text: '{"errors":[]}' });
  });

  it('lets nobody see what the gate tells its own network', async () => {
    gate.answer = (_, response) => response.end('{}');
    const { length } = gate.requests;
    for (const path of ['/metrics', '/v1/status', '/readyz', '/']) {
      expect(await ask({ path })).toMatchObject({ status: 404 });
    }
    expect(gate.requests).toHaveLength(length);
    for (const path of ['/v2/../metrics', '/v2/%2e%2e/metrics']) await ask({ path });
    // The gate knows no such path, and turns it into no other.
    for (const { url } of gate.requests.slice(length)) expect(url).toMatch(/^\/v2\//);
  });

  it('logs who came when for which repository, and nothing that a client may have put a key into', async () => {
    gate.answer = (_, response) => response.end('{}');
    const repository = `/v2/team/log-${name.toLowerCase()}/manifests/`;
    const secret = { authorization: basic(KEY, KEY), 'user-agent': KEY, referer: KEY, cookie: KEY };
    const places: Exchange[] = [
      { path: `${repository}${KEY}?account=${KEY}` },
      { path: `/v2/${KEY}/tags/list` },
      { path: `/${KEY}` },
      { path: '/v2/', headers: { host: KEY } },
    ];
    for (const asked of places) await ask({ ...asked, headers: { ...secret, ...asked.headers } });
    for (const method of [KEY, KEY.slice(0, 30)]) {
      await sendRaw(`${method} /v2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    }
    await sendRaw(`GET /v2/?${KEY} HTTP/${KEY}\r\n${KEY}\r\n\r\n`);
    gate.answer = (incoming, response) => {
      response.writeHead(200, { 'content-length': 9 }).write('half');
      setImmediate(() => incoming.socket.destroy());
    };
    await ask({ path: `/v2/a/blobs/${KEY}?account=${KEY}`, headers: secret }).catch(() => undefined);
    gate.answer = (incoming) => incoming.socket.destroy();
    await ask({ path: `/v2/a/tags/list?account=${KEY}`, headers: secret });
    const logged = await eventually('the log is written', 5_000, () => {
      const lines = readFileSync(proxy.accessLog, 'utf8');
      return lines.includes('/v2/a/tags/') && lines;
    });
    expect(logged).toContain(repository);
    expect(logged).toContain('127.0.0.1');
    for (const file of [proxy.accessLog, proxy.errorLog].filter((path) => existsSync(path))) {
      const content = readFileSync(file);
      const found = formsOf(KEY).filter(({ bytes }) => content.includes(bytes));
      expect({ file, found: found.map(({ encoding }) => encoding) }).toEqual({ file, found: [] });
      const lines = content.toString().split('\n');
      const withId = lines.filter((line) => line.toLowerCase().includes(KEY.slice(0, 20).toLowerCase()));
      expect({ file, withId }).toEqual({ file, withId: [] });
    }
  });

  it('answers 503 with Retry-After, in the shape of the registry API, while no gate is there', async () => {
    gate.close();
    await once(gate.server, 'close').catch(() => undefined);
    const answer = await ask({ path: '/v2/', headers: { authorization: basic(KEY, KEY) } });
    expect(answer).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5', 'content-type': 'application/json' },
    });
    expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ code: 'UNAVAILABLE' }] });
  });
});
