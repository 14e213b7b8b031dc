import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isPublicAddress } from './addresses.js';
import { Outgoing, OutgoingError, targetProblem } from './outgoing.js';

const v4 = (a: number, b: number, c: number, d: number) => `${a}.${b}.${c}.${d}`;
const byte = fc.integer({ min: 0, max: 255 });
/** Addresses of each network that must never be reached. */
const notPublic = fc.oneof(
  fc.tuple(fc.constantFrom(0, 10, 127), byte, byte, byte),
  fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), byte, byte),
  fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
  fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), byte, byte),
  fc.tuple(fc.constant(192), fc.constant(168), byte, byte),
  fc.tuple(fc.integer({ min: 224, max: 255 }), byte, byte, byte),
);
/** Spellings of one IPv4 address that URLs take (WHATWG URL, "host parsing"), and IPv6 addresses that lead to it. */
const SPELLINGS: ((bytes: readonly [number, number, number, number]) => string)[] = [
  (bytes) => v4(...bytes),
  (bytes) => `${v4(...bytes)}.`,
  (bytes) => String(whole(bytes)),
  (bytes) => `0x${whole(bytes).toString(16)}`,
  (bytes) => `0${whole(bytes).toString(8)}`,
  ([a, b, c, d]) => `0x${a.toString(16)}.0${b.toString(8)}.${c}.${d}`,
  ([a, b, c, d]) => `${a}.${b * 65_536 + c * 256 + d}`,
  ([a, b, c, d]) => `${a}.${b}.${c * 256 + d}`,
  (bytes) => v4(...bytes).replaceAll('.', '。'),
  (bytes) => `%3${v4(...bytes)[0]}${v4(...bytes).slice(1)}`,
  (bytes) => `[::ffff:${v4(...bytes)}]`,
  (bytes) => `[0:0:0:0:0:FFFF:${hex(bytes)}]`,
  (bytes) => `[64:ff9b::${v4(...bytes)}]`,
  (bytes) => `[64:ff9b::${hex(bytes)}]`,
  (bytes) => `[64:ff9b:1::${hex(bytes)}]`,
  (bytes) => `[::${hex(bytes)}]`,
  ([a, b, c, d]) => `[2002:${hex([a, b, c, d])}::1]`,
];
const whole = ([a, b, c, d]: readonly [number, number, number, number]) =>
  ((a * 256 + b) * 256 + c) * 256 + d;
const hex = ([a, b, c, d]: readonly [number, number, number, number]) =>
  `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;

describe('what is a public address', () => {
  it.each([
    '8.8.8.8', '1.1.1.1', '100.63.255.255', '100.128.0.0', '172.15.255.255', '172.32.0.0', '223.255.255.255',
    '2606:4700:4700::1111', '2a00:1450:4001:81b::200e', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8',
  ])('%s is', (address) => expect(isPublicAddress(address)).toBe(true)); // prettier-ignore

  it.each([
    '0.0.0.0', '127.0.0.1', '169.254.169.254', '100.100.100.200', '168.63.129.16', '192.0.0.192', '255.255.255.255',
    '::', '::1', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'fc00::1', 'fd00:ec2::254', 'ff02::1', '2001:db8::1', '2001::1', '3fff::1',
    '5f00::1', '::ffff:127.0.0.1', '::ffff:0:127.0.0.1', '64:ff9b::169.254.169.254', '64:ff9b:1::808:808', '2002:7f00:1::',
    '', 'localhost', '127.1', '0x7f.1', '1.2.3.4.5', '[::1]',
  ])('%s is not', (address) => expect(isPublicAddress(address)).toBe(false)); // prettier-ignore
});

describe('a target', () => {
  it('is refused in every spelling of an address that is not public', () => {
    fc.assert(
      fc.property(
        notPublic,
        fc.constantFrom(...SPELLINGS),
        fc.constantFrom('http', 'https'),
        (bytes, spell, scheme) => {
          expect(targetProblem(`${scheme}://${spell(bytes)}:8080/hook`, false)).toBeDefined();
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it.each([
    'ftp://example.com/', 'file:///etc/passwd', 'gopher://example.com/', 'javascript:alert(1)', 'data:text/plain,x', '//example.com/',
    'https://user@example.com/', 'https://user:password@example.com/', 'https://:password@example.com/', 'example.com', '',
    `https://example.com/${'x'.repeat(2_048)}`,
  ])('%s is refused, also where private ones are allowed', (url) => expect(targetProblem(url, true)).toBeDefined()); // prettier-ignore

  it('with a name passes: the name is looked up when it is used', () =>
    expect(targetProblem('https://hooks.example.com/a?b=c', false)).toBeUndefined());
});

describe('a request to a target of a user', () => {
  let server: Server;
  let port: number;
  let received: IncomingMessage[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      received.push(request);
      if (request.url === '/moved') return response.writeHead(302, { location: '/secret' }).end();
      if (request.url === '/large') return endless(response);
      if (request.url === '/silent') return undefined;
      return response.writeHead(200, { 'x-name': 'value' }).end('fine');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  function endless(response: NodeJS.WritableStream): void {
    const more = (): void => {
      while (response.write(Buffer.alloc(65_536, 'x')));
      response.once('drain', more);
    };
    response.on('error', () => undefined);
    more();
  }

  const to = (...addresses: string[]) => {
    let asked = 0;
    const resolve = async () => {
      const address = addresses[Math.min(asked++, addresses.length - 1)]!;
      return [{ address, family: 4 }];
    };
    return { resolve, asked: () => asked };
  };
  const get = (path: string) => ({ url: `http://hooks.example.com:${port}${path}`, method: 'GET' }) as const;

  it('reaches the address of the name, under the name', async () => {
    received = [];
    const answer = await new Outgoing(true, to('127.0.0.1')).send(get('/a?b=c'));
    expect({ ...answer, body: answer.body.toString() }).toMatchObject({
      status: 200,
      headers: { 'x-name': 'value' },
      body: 'fine',
    });
    expect(received.map(({ url, headers }) => [url, headers.host])).toEqual([
      ['/a?b=c', `hooks.example.com:${port}`],
    ]);
  });

  it('is refused when the name leads to an address that is not public, and nothing is connected', async () => {
    received = [];
    await expect(new Outgoing(false, to('127.0.0.1')).send(get('/'))).rejects.toThrow(OutgoingError);
    expect(received).toEqual([]);
  });

  it('is refused when only one of the addresses of the name is not public', async () => {
    const resolve = async () => [
      { address: '8.8.8.8', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    await expect(new Outgoing(false, { resolve }).send(get('/'))).rejects.toThrow(/not public/);
  });

  it('looks a name up once, so that another answer later leads nowhere else', async () => {
    const names = to('127.0.0.1', '127.0.0.2');
    await new Outgoing(true, names).send(get('/'));
    expect(names.asked()).toBe(1);
  });

  it('follows no redirect', async () => {
    received = [];
    const answer = await new Outgoing(true, to('127.0.0.1')).send(get('/moved'));
    expect(answer.status).toBe(302);
    expect(received.map(({ url }) => url)).toEqual(['/moved']);
  });

  it('reads a bounded part of an endless answer', async () => {
    const { body } = await new Outgoing(true, to('127.0.0.1')).send(get('/large'));
    expect(body.length).toBe(65_536);
  });

  it('ends when its time is over', async () => {
    const request = new Outgoing(true, { ...to('127.0.0.1'), timeoutMs: 100 }).send(get('/silent'));
    await expect(request).rejects.toThrow('there was no answer in time');
  });

  it('ends when the resolver never answers', async () => {
    const resolve = () => new Promise<never>(() => undefined);
    const request = new Outgoing(true, { resolve, timeoutMs: 50 }).send(get('/'));
    await expect(request).rejects.toThrow('took too long to resolve');
  });

  it('says nothing of the URL when it fails', async () => {
    const url = 'http://127.0.0.1:1/services/T0/B0/secret';
    const failure = new Outgoing(true).send({ url, method: 'GET' }).catch((error: unknown) => error);
    expect(String(await failure)).toBe('OutgoingError: the connection was refused');
  });
});
