import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GateFixture, type TestKey } from './testing/gate-fixture.js';
import { countBytes, growthDuring, zeros } from './testing/large-bodies.js';
import { Upstream } from './testing/upstream.js';

const UPLOAD = '/v2/a/blobs/uploads/5f-1';
const BLOB = `/v2/a/blobs/sha256:${'0'.repeat(64)}`;
/** More than the buffers of a connection take: the client is still sending when the answer comes. */
const HASTY_BYTES = 50 * 1024 * 1024;
const TIME_TO_READ_MS = 1_000;
const CHUNK = Buffer.alloc(65_536);
/** 600 MB, the size that the project promises to pass in constant memory. */
const LARGE_BYTES = 600 * 1024 * 1024;
/** What the buffers under way and the garbage between two collections may take, in the gate, client and registry together. */
const GROWTH_MAX_BYTES = 250 * 1024 * 1024;

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

describe('a broken transfer', () => {
  it('is aborted at the registry when the client goes away in the middle of an upload', async () => {
    const arrived = new Promise<IncomingMessage>((resolve) => (upstream.answer = resolve));
    const sent = gate.open('PATCH', UPLOAD, authorized({ 'content-length': 1_000_000 }));
    sent.write(CHUNK);
    const incoming = await arrived;
    const failed = once(incoming, 'error');
    incoming.once('data', () => sent.destroy());
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
  });

  it('is aborted at the registry when the client goes away before the answer', async () => {
    const arrived = new Promise<IncomingMessage>((resolve) => (upstream.answer = resolve));
    const sent = gate.open('GET', BLOB, authorized());
    sent.end();
    const { socket } = await arrived;
    const closed = once(socket, 'close');
    sent.destroy();
    await closed;
  });

  it('is aborted at the registry when the client goes away in the middle of a download', async () => {
    const broken = new Promise<boolean>((resolve) => {
      upstream.answer = (_, response) => {
        response.once('close', () => resolve(!response.writableFinished));
        zeros(LARGE_BYTES).pipe(response);
      };
    });
    const sent = gate.open('GET', BLOB, authorized());
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.once('data', () => response.destroy());
    expect(await broken).toBe(true);
  });

  it('reaches the client as broken when the registry goes away in the middle of a download', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-length': '1000000' });
      response.write(CHUNK, () => response.destroy());
    };
    const sent = gate.open('GET', BLOB, authorized());
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    await expect(countBytes(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('an answer before the end of the body', () => {
  const length = { 'content-length': HASTY_BYTES };

  it('of the registry reaches a client that sends on, and the rest of the body is dropped', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(404).end('no such upload');
    };
    const options = { method: 'PATCH', headers: authorized(length), body: zeros(HASTY_BYTES) };
    expect(await gate.ask(UPLOAD, options)).toMatchObject({ status: 404, body: 'no such upload' });
  });

  it('of the gate reaches a client that sends a large body with a revoked key', async () => {
    gate.revoke(writer);
    const options = { method: 'PATCH', headers: authorized(length), body: zeros(HASTY_BYTES) };
    expect((await gate.ask(UPLOAD, options)).status).toBe(401);
    expect(upstream.seen).toHaveLength(0);
  });

  it('is followed by the end of a connection whose client neither sends on nor goes', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(404).end('no such upload');
    };
    const revoked = gate.generateKey('read-write');
    gate.revoke(revoked);
    const start = performance.now();
    const answers = await Promise.all([revoked, writer].map(stall));
    expect(answers[0]!.answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answers[1]!.answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(Math.min(...answers.map(({ endedAt }) => endedAt)) - start).toBeGreaterThan(TIME_TO_READ_MS);
    // The connection is not closed together with the answer, which a reset could then destroy.
    for (const { answer } of answers) expect(answer).not.toMatch(/\r\nconnection: close\r\n/i);
  }, 15_000);
});

/** Begins an upload, sends four bytes of it and returns what comes back until the connection ends. */
async function stall({ authorization }: TestKey): Promise<{ answer: string; endedAt: number }> {
  const socket = connect(gate.gate.port, '127.0.0.1');
  socket.write(`PATCH ${UPLOAD} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${authorization}\r\n`);
  socket.write('Content-Length: 1000000\r\n\r\nsome');
  return { answer: await text(socket), endedAt: performance.now() };
}

describe('a blob of 600 MB', () => {
  it('is uploaded in constant memory', async () => {
    let received: Promise<number> | undefined;
    upstream.answer = (incoming, response) => {
      received = countBytes(incoming).finally(() => response.writeHead(202).end());
    };
    const growth = await growthDuring(async () => {
      const headers = authorized({ 'content-length': LARGE_BYTES });
      const answer = await gate.ask(UPLOAD, { method: 'PATCH', headers, body: zeros(LARGE_BYTES) });
      expect(answer.status).toBe(202);
    });
    expect(await received).toBe(LARGE_BYTES);
    expect(growth).toBeLessThan(GROWTH_MAX_BYTES);
  }, 60_000);

  it('is downloaded in constant memory', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-length': LARGE_BYTES });
      zeros(LARGE_BYTES).pipe(response);
    };
    const growth = await growthDuring(async () => {
      const sent = gate.open('GET', BLOB, authorized());
      sent.end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      expect(await countBytes(response)).toBe(LARGE_BYTES);
    });
    expect(growth).toBeLessThan(GROWTH_MAX_BYTES);
  }, 60_000);
});

describe('closing the gate', () => {
  it('lets a transfer under way finish, and accepts nothing new', async () => {
    let finish = (): void => {};
    const arrived = new Promise<void>((resolve) => {
      upstream.answer = (_, response) => {
        response.write('one');
        finish = () => response.end('two');
        resolve();
      };
    });
    const answer = gate.ask(BLOB, { headers: authorized() });
    await arrived;
    const closed = gate.gate.close();
    await expect(gate.ask('/v2/', { headers: authorized() })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    finish();
    expect((await answer).body).toBe('onetwo');
    await closed;
  });

  it('cuts a transfer that does not finish, and ends within 8 seconds', async () => {
    const arrived = new Promise<void>((resolve) => {
      upstream.answer = (_, response) => {
        response.write('one');
        resolve();
      };
    });
    const answer = gate.ask(BLOB, { headers: authorized() });
    const broken = expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
    await arrived;
    const start = performance.now();
    await gate.gate.close();
    expect(performance.now() - start).toBeLessThan(8_000);
    await broken;
  }, 15_000);
});
