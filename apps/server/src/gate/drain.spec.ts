import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GateFixture, type Answer, type TestKey } from './testing/gate-fixture.js';
import { Upstream } from './testing/upstream.js';

const silent = () => {};
const BLOB = `/v2/a/blobs/sha256:${'0'.repeat(64)}`;
const UPLOAD = '/v2/a/blobs/uploads/5f-1';
/** Shorter than any wait of a test, longer than it takes this machine to answer. */
const DRAIN_MS = 400;

let upstream: Upstream;
let gate: GateFixture;
let writer: TestKey;
let finish: () => void;

/** The registry behind answers in two parts: the first when it is asked, the rest when the test says so. */
function answersInTwoParts(): Promise<void> {
  return new Promise((resolve) => {
    upstream.answer = (incoming, response) => {
      incoming.resume();
      response.writeHead(200, { 'content-length': '6' });
      response.write('one');
      finish = () => response.end('two');
      resolve();
    };
  });
}

/** The registry behind is asked, and says nothing until the test lets it. */
function staysSilent(): Promise<void> {
  return new Promise((resolve) => {
    upstream.answer = (incoming, response) => {
      incoming.resume();
      finish = () => response.end('at last');
      resolve();
    };
  });
}

async function startGate(drainMs: number): Promise<void> {
  gate = await GateFixture.start({ upstream: new URL(`http://${upstream.host}`), drainMs });
  writer = gate.generateKey('read-write');
}

beforeEach(async () => {
  upstream = await Upstream.start();
});
afterEach(async () => {
  await upstream.stop();
});

const authorized = () => ({ authorization: writer.authorization });

async function open(): Promise<Socket> {
  const socket = connect(gate.gate.port, '127.0.0.1').on('error', silent);
  await once(socket, 'connect');
  return socket;
}

function head(method: string, path: string, more = ''): string {
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${writer.authorization}\r\n${more}\r\n`;
}

function askOn(agent: Agent, path: string): Promise<Answer> {
  const target = { host: '127.0.0.1', port: gate.gate.port, path, agent, headers: authorized() };
  return new Promise((resolve, reject) => {
    request(target, (response: IncomingMessage) => {
      const { headers, statusCode } = response;
      text(response).then((body) => resolve({ status: statusCode!, headers, body }), reject);
    })
      .once('error', reject)
      .end();
  });
}

describe('a gate that ends', () => {
  it('answers what it had accepted, and tells the client that the connection ends', async () => {
    await startGate(60_000);
    const agent = new Agent({ keepAlive: true });
    const arrived = staysSilent();
    const answer = askOn(agent, BLOB);
    await arrived;
    const closed = gate.gate.close();
    finish();
    const { status, headers, body } = await answer;
    expect({ status, body, connection: headers.connection }).toEqual({
      status: 200,
      body: 'at last',
      connection: 'close',
    });
    await closed;
  });

  it('still answers a request that comes on an open connection, and ends that', async () => {
    await startGate(60_000);
    const socket = await open();
    const arrived = answersInTwoParts();
    socket.write(head('GET', BLOB));
    await arrived;
    const closed = gate.gate.close();
    socket.write(head('GET', '/v2/'));
    finish();
    const answers = await text(socket);
    expect(answers).toContain('onetwo');
    const last = answers.slice(answers.lastIndexOf('HTTP/1.1'));
    expect(last).toMatch(/^HTTP\/1\.1 200 /);
    expect(last).toMatch(/\r\nconnection: close\r\n/i);
    await closed;
  });

  it('accepts no connection, and closes those on which nothing is under way, silent ones too', async () => {
    await startGate(60_000);
    const [quiet, idle] = await Promise.all([open(), open()]);
    idle.write(head('GET', '/v2/'));
    await once(idle, 'readable');
    await gate.gate.close();
    expect(await text(idle)).not.toMatch(/\r\nconnection: close\r\n/i);
    expect(await text(quiet).catch(() => '')).toBe('');
    await expect(gate.ask('/v2/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('tells a client whose upload outlasts the drain 503 with Retry-After, then cuts it', async () => {
    await startGate(DRAIN_MS);
    const arrived = staysSilent();
    const socket = await open();
    socket.write(head('PATCH', UPLOAD, 'Content-Length: 1000000\r\n') + 'some');
    await arrived;
    const answer = text(socket);
    const start = performance.now();
    await gate.gate.close();
    expect(performance.now() - start).toBeGreaterThanOrEqual(DRAIN_MS - 1);
    expect(await answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(await answer).toMatch(/\r\nretry-after: 1\r\n/);
    const body = (await answer).split('\r\n\r\n')[1]!;
    expect(JSON.parse(body)).toEqual({
      errors: [{ code: 'UNAVAILABLE', message: expect.stringContaining('shutting down'), detail: null }],
    });
  });

  it('tells a client that waits for the registry behind the same, and closes', async () => {
    await startGate(DRAIN_MS);
    const arrived = staysSilent();
    const answer = gate.ask(BLOB, { headers: authorized() });
    await arrived;
    const closed = gate.gate.close();
    expect(await answer).toMatchObject({ status: 503, headers: { 'retry-after': '1', connection: 'close' } });
    await closed;
    expect(gate.logged.join('\n')).not.toContain('does not answer');
  });

  it('says nothing into a part of an answer that outlasts the drain, but cuts it', async () => {
    await startGate(DRAIN_MS);
    const arrived = answersInTwoParts();
    const socket = await open();
    socket.write(head('GET', BLOB));
    await arrived;
    const answer = text(socket).catch(() => 'reset');
    await gate.gate.close();
    expect((await answer).split('\r\n\r\n')[1] ?? 'one').toBe('one');
  });

  it('waits no longer than the drain and half a second for a client that begins a request and stalls', async () => {
    await startGate(DRAIN_MS);
    const stalled = await open();
    stalled.write('GET /v2/ HT');
    await gate.ask('/v2/');
    const start = performance.now();
    await gate.gate.close();
    expect(performance.now() - start).toBeLessThan(DRAIN_MS + 3_000);
    expect(await text(stalled).catch(() => '')).toBe('');
  });
});
