import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ClientAddresses } from './client-address.js';
import { GATE_LIMITS } from './limits.js';
import { Listener } from './listener.js';
import { inet, inet6, proxyHeader } from './testing/proxy-header.js';

const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const HEADER_TIMEOUT_MS = 300;
const silent = () => {};
const log = { debug: silent, info: silent, warn: silent, error: silent };

/** A server behind a listener that answers with the client's address. It listens on 127.0.0.1 and believes `trusted`. */
async function serve(trusted: string[]) {
  const clients = new ClientAddresses(trusted);
  const listener = new Listener({
    clients,
    certificate: undefined,
    proxyProtocol: true,
    limits: { ...GATE_LIMITS, proxyHeaderTimeoutMs: HEADER_TIMEOUT_MS },
    log,
    onClientError: (_, socket) => socket.destroy(),
  });
  const server = listener.open((request, response) => response.end(clients.addressOf(request)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, listener, port: (server.address() as AddressInfo).port };
}

let served: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => (served = await serve(['127.0.0.1'])));
afterAll(async () => {
  served.listener.cut();
  served.server.close();
  await once(served.server, 'close');
});

async function open(port = served.port): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', silent);
  await once(socket, 'connect');
  return socket;
}

/** Sends the parts, each in a segment of its own, and returns the body of the answer; empty when there is none. */
async function answerTo(...parts: (Buffer | string)[]): Promise<string> {
  const socket = (await open()).setNoDelay();
  const answer = text(socket).catch(() => '');
  for (const part of parts) {
    socket.write(part);
    // The one before was sent by then.
    await new Promise(setImmediate);
  }
  return (await answer).split('\r\n\r\n')[1] ?? '';
}

describe('a PROXY protocol header of version 2', () => {
  it.each([
    ['IPv4', proxyHeader(0x21, 0x11, inet('198.51.100.7')), '198.51.100.7'],
    ['IPv4 over datagrams', proxyHeader(0x21, 0x12, inet('198.51.100.7')), '198.51.100.7'],
    ['IPv6', proxyHeader(0x21, 0x21, inet6('2001:db8:0:0:0:0:0:7')), '2001:db8::7'],
    ['IPv4 mapped into IPv6', proxyHeader(0x21, 0x21, inet6('0:0:0:0:0:ffff:c633:6407')), '198.51.100.7'],
    [
      'IPv4 and further fields',
      proxyHeader(0x21, 0x11, [...inet('198.51.100.7'), 4, 0, 2, 9, 9]),
      '198.51.100.7',
    ],
    ['a proxy that speaks for itself', proxyHeader(0x20, 0x00, []), '127.0.0.1'],
    [
      'a proxy that speaks for itself, with addresses',
      proxyHeader(0x20, 0x11, inet('198.51.100.7')),
      '127.0.0.1',
    ],
    [
      'a proxy that speaks for itself, with a family that does not exist',
      proxyHeader(0x20, 0xff, [1]),
      '127.0.0.1',
    ],
    ['a client of unknown address', proxyHeader(0x21, 0x00, [1, 2, 3]), '127.0.0.1'],
    ['a client on a Unix socket', proxyHeader(0x21, 0x31, Array<number>(216).fill(65)), '127.0.0.1'],
  ])('names the client: %s', async (_, header, address) => {
    expect(await answerTo(Buffer.concat([header, Buffer.from(REQUEST)]))).toBe(address);
  });

  it('is read however it is cut into segments, and takes no byte of the request', async () => {
    const header = proxyHeader(0x21, 0x11, [...inet('198.51.100.7'), 4, 0, 2, 9, 9]);
    for (let cut = 1; cut < header.length; cut++) {
      const parts = [header.subarray(0, cut), Buffer.concat([header.subarray(cut), Buffer.from(REQUEST)])];
      expect(await answerTo(...parts)).toBe('198.51.100.7');
    }
    expect(await answerTo(header, REQUEST.slice(0, 9), REQUEST.slice(9))).toBe('198.51.100.7');
  });

  it.each([
    ['no header', Buffer.from(REQUEST)],
    ['version 1', Buffer.from(`PROXY TCP4 198.51.100.7 127.0.0.1 4711 5000\r\n${REQUEST}`)],
    ['another signature', proxyHeader(0x21, 0x11, inet('198.51.100.7'), '\r\n\r\n\0\r\nQUIT\r')],
    ['version 3', proxyHeader(0x31, 0x11, inet('198.51.100.7'))],
    ['an unknown command', proxyHeader(0x22, 0x11, inet('198.51.100.7'))],
    ['an unknown family', proxyHeader(0x21, 0x41, inet('198.51.100.7'))],
    ['an unknown transport', proxyHeader(0x21, 0x13, inet('198.51.100.7'))],
    ['addresses that are too short', proxyHeader(0x21, 0x21, inet('198.51.100.7'))],
    ['more than 4,096 bytes', proxyHeader(0x21, 0x11, Array<number>(4_097).fill(0))],
  ])('is demanded: %s ends the connection without an answer', async (_, header) => {
    expect(await answerTo(Buffer.concat([header, Buffer.from(REQUEST)]))).toBe('');
  });

  it('of up to 4,096 bytes passes', async () => {
    const header = proxyHeader(0x21, 0x11, [...inet('198.51.100.7'), ...Array<number>(4_084).fill(0)]);
    expect(await answerTo(Buffer.concat([header, Buffer.from(REQUEST)]))).toBe('198.51.100.7');
  });

  it('must come in time, and whole', async () => {
    const header = proxyHeader(0x21, 0x11, inet('198.51.100.7'));
    const start = performance.now();
    expect(await answerTo(header.subarray(0, 20))).toBe('');
    expect(performance.now() - start).toBeGreaterThanOrEqual(HEADER_TIMEOUT_MS - 1);
    const ended = (await open()).end(header.subarray(0, 20));
    expect(await text(ended).catch(() => '')).toBe('');
  });

  it('counts for every request of its connection', async () => {
    const keepAlive = REQUEST.replace('close', 'keep-alive');
    const header = proxyHeader(0x21, 0x11, inet('198.51.100.7'));
    const socket = await open();
    socket.write(Buffer.concat([header, Buffer.from(keepAlive + keepAlive + REQUEST)]));
    expect((await text(socket)).match(/198\.51\.100\.7/g)).toHaveLength(3);
  });

  it('makes no forwarded header count that an unknown client may have written', async () => {
    const spoofed = REQUEST.replace('\r\n', '\r\nX-Forwarded-For: 192.0.2.99\r\n');
    for (const [header, address] of [
      [proxyHeader(0x21, 0x00, []), '127.0.0.1'],
      [proxyHeader(0x20, 0x00, []), '127.0.0.1'],
      [proxyHeader(0x21, 0x11, inet('198.51.100.7')), '198.51.100.7'],
      // A client that is a trusted proxy itself.
      [proxyHeader(0x21, 0x11, inet('127.0.0.1')), '192.0.2.99'],
    ] as const) {
      expect(await answerTo(Buffer.concat([header, Buffer.from(spoofed)]))).toBe(address);
    }
  });

  it('of anybody but a trusted proxy ends the connection', async () => {
    const others = await serve(['127.0.0.2']);
    const socket = await open(others.port);
    socket.write(Buffer.concat([proxyHeader(0x21, 0x11, inet('198.51.100.7')), Buffer.from(REQUEST)]));
    expect(await text(socket).catch(() => '')).toBe('');
    others.server.close();
    await once(others.server, 'close');
  });
});
