import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Upstream as Server } from './testing/upstream.js';
import { OWN_UPSTREAMS_MAX, UNUSED_MS, Upstreams } from './upstreams.js';

const SHARED = new URL('http://gate:pass%3Aword@127.0.0.1:1');

let server: Server;
let url: URL;
let clock: number;
let upstreams: Upstreams;

beforeEach(async () => {
  server = await Server.start();
  url = new URL(`http://${server.host}`);
  clock = 0;
  upstreams = new Upstreams(SHARED, () => clock);
});
afterEach(async () => {
  await upstreams.close();
  await server.stop();
});

function ask() {
  return upstreams.of(url)!.pool.request({ method: 'GET', path: '/' });
}

/** A request to the registry's own upstream whose answer has begun and is finished by the test. */
async function halfAnswered() {
  let response: ServerResponse | undefined;
  server.answer = (_, answering) => {
    response = answering;
    answering.write('one ');
  };
  const { body } = await ask();
  return { body, response: response! };
}

describe('the registries behind the gate', () => {
  it('get the gate’s credentials only if they are the shared one', () => {
    const authorization = `Basic ${Buffer.from('gate:pass:word').toString('base64')}`;
    expect(upstreams.of(undefined)).toMatchObject({ authorization, url: new URL('http://127.0.0.1:1') });
    const own = upstreams.of(new URL('http://user:password@127.0.0.1:1'))!;
    expect(own.authorization).toBeUndefined();
    expect(own.url.href).toBe('http://127.0.0.1:1/');
  });

  it('are none where there is neither a shared one nor one of its own', async () => {
    const none = new Upstreams(undefined);
    expect(none.of(undefined)).toBeUndefined();
    expect(none.of(url)).toBeDefined();
    await none.close();
  });

  it('are reached by http and https only, without a path', () => {
    expect(() => upstreams.of(new URL('unix+http://%2Fvar%2Frun%2Fdocker.sock/'))).toThrow('http');
    expect(() => upstreams.of(new URL('file:///etc/passwd'))).toThrow('http');
    expect(() => new Upstreams(new URL('http://127.0.0.1:1/path'))).toThrow('no path');
    expect(() => new Upstreams(new URL('http://127.0.0.1:1/?query'))).toThrow('no query');
  });
});

describe('the connections to a registry’s own upstream', () => {
  it('are kept, and closed when nobody asks for it for minutes', async () => {
    const pool = upstreams.of(url)!.pool;
    await (await ask()).body.dump();
    clock = UNUSED_MS - 1;
    expect(upstreams.forgetUnused()).toBe(1);
    await (await ask()).body.dump();
    clock += UNUSED_MS - 1;
    expect(upstreams.forgetUnused()).toBe(1);
    const sockets = new Set(server.seen.map(({ socket }) => socket));
    const closed = [...sockets].map((socket) => once(socket, 'close'));
    expect([...sockets].some(({ destroyed }) => destroyed)).toBe(false);
    clock += 1;
    expect(upstreams.forgetUnused()).toBe(0);
    await Promise.all(closed);
    expect(pool.closed).toBe(true);
    expect(upstreams.of(url)!.pool === pool).toBe(false);
  });

  it('that carry a transfer are closed only after it', async () => {
    const { body, response } = await halfAnswered();
    clock = UNUSED_MS;
    expect(upstreams.forgetUnused()).toBe(0);
    response.end('two');
    expect(await text(body)).toBe('one two');
  });

  it('are cut at the end, those of a forgotten one too', async () => {
    const forgotten = await halfAnswered();
    clock = UNUSED_MS;
    upstreams.forgetUnused();
    const known = await halfAnswered();
    const broken = [forgotten, known].map(({ body }) => expect(text(body)).rejects.toThrow());
    await upstreams.close();
    await Promise.all(broken);
  });

  it('belong to so many at most: one more, and the one unused longest is forgotten', async () => {
    const origin = (number: number) => new URL(`http://127.0.0.1:${number + 1}`);
    const pools = Array.from(
      { length: OWN_UPSTREAMS_MAX },
      (_, number) => upstreams.of(origin(number))!.pool,
    );
    upstreams.of(origin(0));
    upstreams.of(url);
    expect(upstreams.forgetUnused()).toBe(OWN_UPSTREAMS_MAX);
    expect(pools.map(({ closed }) => closed).indexOf(true)).toBe(1);
    expect(pools.filter(({ closed }) => closed)).toHaveLength(1);
    expect(upstreams.of(origin(0))!.pool === pools[0]).toBe(true);
  });
});
