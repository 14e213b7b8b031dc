import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GateFixture, type TestKey } from './testing/gate-fixture.js';
import { growthDuring } from './testing/large-bodies.js';
import { Upstream } from './testing/upstream.js';

const silent = () => {};
const HEADERS_TIMEOUT_MS = 400;
const DRIP_EVERY_MS = 20;
const LINE = 'GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\n';
/** What a client that reads nothing may make the gate keep: a few buffers of the two sockets, not what it sent. */
const KEPT_MAX_BYTES = 64 * 1024 * 1024;
const UNREAD_BYTES = 400 * 1024 * 1024;

let upstream: Upstream;
let gate: GateFixture;
let reader: TestKey;

beforeAll(async () => {
  upstream = await Upstream.start();
  gate = await GateFixture.start({
    upstream: new URL(`http://${upstream.host}`),
    limits: { headersTimeoutMs: HEADERS_TIMEOUT_MS, lookForStalledEveryMs: 50, keepAliveTimeoutMs: 300 },
  });
  reader = gate.generateKey('read');
});
afterAll(async () => {
  await gate.gate.close();
  await upstream.stop();
});

async function open(port = gate.gate.port): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', silent);
  await once(socket, 'connect');
  return socket;
}

async function isServed(): Promise<boolean> {
  return (await gate.ask('/v2/', { headers: { authorization: reader.authorization } })).status === 200;
}

/** Sends one byte of a request after the other until the connection ends; returns what came back. */
async function drip(bytes: string): Promise<string> {
  const socket = await open();
  let sent = 0;
  const dripping = setInterval(() => socket.writable && socket.write(bytes[sent++]!), DRIP_EVERY_MS);
  const answer = await text(socket).catch(() => '');
  clearInterval(dripping);
  expect(sent).toBeLessThan(bytes.length);
  return answer;
}

describe('a hostile client', () => {
  it('that sends its headers byte by byte is told 408 and cut, while others are served', async () => {
    const slow = `${LINE}X-Slow: ${'x'.repeat(5_000)}`;
    const slowLorises = Array.from({ length: 20 }, () => drip(slow));
    expect(await isServed()).toBe(true);
    for (const answer of await Promise.all(slowLorises)) {
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
      expect(answer).toContain('{"errors":[{"code":"UNSUPPORTED"');
    }
  });

  it('that sends nothing, or goes in the middle of a header, keeps no connection', async () => {
    const nothing = text(await open()).catch(() => '');
    const half = await open();
    half.end('GET /v2/ HT');
    expect(await text(half)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await nothing).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('that stays idle after an answer is closed', async () => {
    const socket = await open();
    socket.write(`${LINE}\r\n`);
    expect((await text(socket)).match(/^HTTP\/1\.1 401 /g)).toHaveLength(1);
  });

  it.each([
    ['one header of 17 KB', `X: ${'x'.repeat(17_000)}\r\n`, 431],
    ['headers of 17 KB in all', `X: ${'x'.repeat(500)}\r\n`.repeat(34), 431],
    ['a request line of 17 KB', undefined, 431],
    ['101 headers', 'X: y\r\n'.repeat(98), 431],
    ['100 headers', 'X: y\r\n'.repeat(97), 200],
    ['3,000 headers', 'X:\r\n'.repeat(3_000), 431],
    [
      'a second Authorization header behind 3,000 others',
      `${'X:\r\n'.repeat(3_000)}Authorization: x\r\n`,
      431,
    ],
    ['a header with a NUL', 'X: \0\r\n', 400],
    ['a header without a colon', 'X\r\n', 400],
    ['a length and chunks', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', 400],
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 4\r\n', 400],
    ['a folded header', 'X: y\r\n z\r\n', 400],
  ])(
    'that sends %s gets an answer in the shape of the registry API: status %#',
    async (_, headers, status) => {
      const line = headers === undefined ? LINE.replace('/v2/', `/v2/?${'x'.repeat(17_000)}`) : LINE;
      const own = `Authorization: ${reader.authorization}\r\nConnection: close\r\n`;
      const answer = await gate.raw(Buffer.from(`${line}${own}${headers ?? ''}\r\n`, 'latin1'));
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      if (status !== 200) expect(answer).toContain('{"errors":[{"code":"UNSUPPORTED"');
    },
  );

  it('that sends 1,000 requests at once gets 1,000 answers in their order', async () => {
    const socket = await open();
    const good = `${LINE}Authorization: ${reader.authorization}\r\n\r\n`;
    const bad = `${LINE}\r\n`;
    socket.end((good + bad).repeat(499) + good + bad.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    const statuses = (await text(socket)).match(/HTTP\/1\.1 \d{3}/g)!;
    expect(statuses).toEqual(Array.from({ length: 500 }, () => ['HTTP/1.1 200', 'HTTP/1.1 401']).flat());
  });

  it('that sends requests without end and reads no answer is not read any further', async () => {
    const socket = await open();
    socket.pause();
    const many = Buffer.from(`${LINE}\r\n`.repeat(1_000));
    let sent = 0;
    const growth = await growthDuring(async () => {
      while (sent < UNREAD_BYTES) {
        sent += many.length;
        if (socket.write(many)) continue;
        const drained = once(socket, 'drain').then(
          () => true,
          () => false,
        );
        const stuck = new Promise((resolve) => setTimeout(resolve, 1_000, false));
        if (!(await Promise.race([drained, stuck]))) break;
      }
    });
    expect(sent).toBeLessThan(UNREAD_BYTES);
    expect(growth).toBeLessThan(KEPT_MAX_BYTES);
    expect(await isServed()).toBe(true);
    socket.destroy();
  });

  it('that sends garbage during an answer gets no other bytes into it', async () => {
    let finish = silent;
    const begun = new Promise<void>((resolve) => {
      upstream.answer = (_, response) => {
        response.writeHead(200, { 'content-length': '6' });
        response.write('one');
        finish = () => response.end('two');
        resolve();
      };
    });
    const socket = await open();
    const path = `/v2/a/blobs/sha256:${'0'.repeat(64)}`;
    const own = `Authorization: ${reader.authorization}\r\n\r\n`;
    socket.write(LINE.replace('/v2/', path) + own);
    await begun;
    await once(socket, 'readable');
    socket.write('garbage\r\n\r\n');
    const answer = await text(socket).catch(() => '');
    finish();
    expect(answer.split('\r\n\r\n')[1] ?? '').toBe('one');
  });

  it('finds no more than so many connections, and those that are there go on', async () => {
    const small = await GateFixture.start({ limits: { connectionsMax: 3 } });
    const held = await Promise.all([1, 2, 3].map(() => open(small.gate.port)));
    // Answered, so the gate has accepted them.
    for (const socket of held) {
      socket.write(`${LINE}\r\n`);
      await once(socket, 'readable');
    }
    expect(await text(await open(small.gate.port)).catch(() => '')).toBe('');
    const [one, ...others] = held;
    one!.read();
    one!.end(`${LINE}Connection: close\r\n\r\n`);
    expect(await text(one!)).toMatch(/^HTTP\/1\.1 401 /);
    const next = await open(small.gate.port);
    next.end(`${LINE}Connection: close\r\n\r\n`);
    expect(await text(next)).toMatch(/^HTTP\/1\.1 401 /);
    for (const socket of others) socket.destroy();
    await small.gate.close();
  });
});
