import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Post } from '@nestjs/common';
import { EdgeApp } from './edge-app.js';

/** Requests that wait until the spec lets them go. */
const held: { arrived: () => void; release: Promise<void> } = {
  arrived: () => undefined,
  release: Promise.resolve(),
};

@Controller('v1/waits')
class Waits {
  @Get()
  async wait() {
    held.arrived();
    await held.release;
    return { done: true };
  }

  @Post()
  write(): void {
    return;
  }
}

let app: EdgeApp | undefined;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
afterEach(async () => {
  agent.destroy();
  await app?.close().catch(() => undefined);
});

async function get(port: number): Promise<IncomingMessage & { body: string }> {
  const sent = httpRequest({ host: '127.0.0.1', port, path: '/v1/waits', agent });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return Object.assign(answer, { body: await text(answer) });
}

/** Resolves once nobody listens on the port any more: ending begins a few turns after the call. */
async function refusal(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (!connected) return;
  }
}

describe('a server that ends', () => {
  it('answers what is under way, takes no new connection, and waits for nobody who is idle', async () => {
    app = await EdgeApp.start({ controllers: [Waits] });
    const { port } = app;
    expect((await get(port)).statusCode).toBe(200);
    let release = () => {};
    held.release = new Promise((resolve) => (release = resolve));
    const arrived = new Promise<void>((resolve) => (held.arrived = resolve));
    const answer = get(port);
    await arrived;
    const closed = app.close();
    await refusal(port);
    release();
    expect(await answer).toMatchObject({ statusCode: 200, body: '{"done":true}' });
    await closed;
  });
});

describe('a request that does not arrive whole', () => {
  it.each([
    ['with half a header', 'GET /v1/waits HTTP/1.1\r\nHost: a'],
    [
      'with half a body',
      'POST /v1/waits HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"a',
    ],
  ])('%s is given up in time', async (_, bytes) => {
    app = await EdgeApp.start({ controllers: [Waits] }, { requestTimeoutMs: 200 });
    const socket = connect(app.port, '127.0.0.1');
    socket.write(bytes);
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('"code":"request-timeout"');
  });
});
