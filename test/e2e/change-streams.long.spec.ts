import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Api } from './api.js';
import { bearer, everything, FEEDS_MAX, head, Streams, type Change } from './change-feed.js';
import type { EventStream } from './event-stream.js';
import { addMember, register, type Person } from './people.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

/** A stream is given up by its server when its client takes nothing for 10 s. */
const SLOW_LIMIT_MS = 30_000;
/** What the kernel holds for a client that reads nothing is less. */
const UNREAD_BYTES = 12 * 1024 * 1024;
const LANES = 8;
/** More than a node keeps in memory, and than one page of the log holds. */
const CHANGES = 2_500;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
const streams = new Streams();
let server: ServerProcess;
let owner: Person;

beforeAll(async () => {
  server = await installation.start();
  await server.api.createRegistry('ours');
  owner = await register(server.api, 'owner');
  await addMember(server.api, 'ours', owner.userId, 'owner');
}, 60_000);
afterAll(async () => {
  streams.closeAll();
  await installation.remove();
}, 20_000);

/** Generates keys, many at once. */
async function generate(count: number, changes: object): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await server.api.generateKey(changes, 'ours');
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

describe('a stream', () => {
  it('that begins far behind delivers everything once, in order, while more is written', async () => {
    const before = await head(server.api);
    await generate(CHANGES, {});
    const opened = await streams.open(server.apiPort, bearer(owner.token), `?after=${before}`);
    const writing = generate(100, {});
    let seen = 0;
    const delivered = await opened.until(() => ++seen === CHANGES + 100);
    await writing;
    expect(delivered).toEqual(await everything(server.api, before));
    opened.close();
  }, 120_000);

  it('is cut off when its client takes nothing, and holds up nobody else', async () => {
    const headers = bearer(owner.token);
    const api = new Api(server.apiPort, owner.token, 0);
    const before = await head(server.api);
    const repositories = Array.from({ length: 100 }, (_, index) => `${'a'.repeat(200)}/${index}`);
    await generate(UNREAD_BYTES / JSON.stringify(repositories).length, { repositories });
    const others: EventStream<Change>[] = [];
    const socket = connect(server.apiPort, '127.0.0.1').pause();
    socket.on('error', () => undefined);
    socket.write(
      `GET /v1/changes/stream?after=${before} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${owner.token}\r\n\r\n`,
    );
    const isFull = async () => (await api.call('/v1/changes?wait=0')).status === 429;
    for (let number = 1; number < FEEDS_MAX; number++)
      others.push(await streams.open(server.apiPort, headers));
    await eventually('the slow one is there', 5_000, isFull);
    await eventually('the slow one is cut off', SLOW_LIMIT_MS, async () => !(await isFull()));
    const key = await server.api.generateKey({}, 'ours');
    expect((await others.at(-1)!.next())?.data.subject).toBe(key.id);
    socket.destroy();
  }, 60_000);
});
