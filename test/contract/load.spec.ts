import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, constants } from 'node:http2';
import type { ClientHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startEmbeddedStore } from '#libs/embedded-store';
import type { EmbeddedStore } from '#libs/embedded-store';
import type { Client, ClientResolvedEvent } from './client.js';
import { killServedStores, serveStore } from './served-store.js';
import { jsonEvent, library, readIds, withClient, withDirectory } from './store-directory.js';

const WRITERS = 64;
const APPENDS_EACH = 3;
const SLOW_MS = 60_000;

/** `Read` of `$all` from its start as a subscription, without a filter, as the client sends it. */
const SUBSCRIBE_ALL = Buffer.from('000000000e0a0c12021200320042004a021200', 'hex');

let store: EmbeddedStore;
let client: Client;
const directory = mkdtempSync(join(tmpdir(), 'embedded-store-'));

beforeAll(async () => {
  store = await startEmbeddedStore({ directory });
  client = library.connect(store.connectionString);
});

afterAll(async () => {
  killServedStores();
  await client.dispose();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('64 writers on one stream', () => {
  it(
    'that name the revision each get their events in, all in one gapless order',
    async () => {
      const stored = new Set<string>();
      const write = async () => {
        let expected: unknown = 'no_stream';
        for (let done = 0; done < APPENDS_EACH;) {
          const id = randomUUID();
          try {
            const answer = await client.appendToStream(
              'contended',
              [jsonEvent(id, {})],
              library.expecting(expected),
            );
            expected = answer.nextExpectedRevision;
            stored.add(id);
            done++;
          } catch (error) {
            const { type, actualState } = error as { type?: string; actualState?: unknown };
            if (type !== 'wrong-expected-version') throw error;
            expected = actualState;
          }
        }
      };
      await Promise.all(Array.from({ length: WRITERS }, write));
      const revisions: bigint[] = [];
      const found = new Set<string>();
      for await (const { event } of client.readStream('contended', { maxCount: 1000 })) {
        revisions.push(event!.revision);
        found.add(event!.id);
      }
      expect(revisions).toEqual(Array.from({ length: WRITERS * APPENDS_EACH }, (_, index) => BigInt(index)));
      expect(found).toEqual(stored);
    },
    SLOW_MS,
  );
});

describe('nothing waits for a delayed acknowledgement (40 ms)', () => {
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

  it('a read of a short stream', async () => {
    await client.appendToStream('short', [jsonEvent(randomUUID(), {})], {});
    const times: number[] = [];
    for (let count = 0; count < 50; count++) {
      const start = performance.now();
      await readIds(client.readStream('short', { maxCount: 20 }));
      times.push(performance.now() - start);
    }
    expect(median(times)).toBeLessThan(20);
  });

  it('an append on its way to a subscriber', async () => {
    const subscription = client.subscribeToAll({ fromPosition: 'end' });
    await once(subscription, 'caughtUp');
    const times: number[] = [];
    for (let count = 0; count < 50; count++) {
      const arrival = once(subscription, 'data');
      const start = performance.now();
      await client.appendToStream('delivered', [jsonEvent(randomUUID(), {})], {});
      await arrival;
      times.push(performance.now() - start);
    }
    await subscription.unsubscribe();
    expect(median(times)).toBeLessThan(20);
  });
});

/** A call of the raw protocol, for what the client does not do: read slowly, or come without the token. */
async function rawSubscription(
  port: string,
  connectionName: string,
): Promise<{ stream: ClientHttp2Stream; close: () => void }> {
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: '/event_store.client.streams.Streams/Read',
    'content-type': 'application/grpc',
    te: 'trailers',
    'connection-name': connectionName,
  });
  stream.end(SUBSCRIBE_ALL);
  return { stream, close: () => session.destroy() };
}

describe('a subscriber that does not keep up', () => {
  const EVENT_BYTES = 100_000;
  /** 10 events make an append of 1 MB; the reader is behind by 64 of them. */
  const APPENDS = 64;
  const BOUND_BYTES = 32 * 1024 * 1024;

  async function fill(writer: Client, appends: number): Promise<string[]> {
    const ids: string[] = [];
    for (let append = 0; append < appends; append++) {
      const own = Array.from({ length: 10 }, () => randomUUID());
      const events = own.map((id) =>
        library.binaryEvent({ id, type: 'Filler', data: randomBytes(EVENT_BYTES) }),
      );
      await writer.appendToStream('filler', events, {});
      ids.push(...own);
    }
    return ids;
  }

  it(
    'costs the store no memory, is never cut off, and gets everything in order when it goes on',
    () =>
      withDirectory(async (ownDirectory) => {
        const served = await serveStore(ownDirectory);
        const [, port, token] = /:(\d+)\?.*connectionName=(.*)$/.exec(served.connectionString)!;
        const { stream, close } = await rawSubscription(port!, token!);
        await once(stream, 'response');
        stream.pause();
        const ids: string[] = [];
        await withClient(served.connectionString, async (writer) => {
          ids.push(...(await fill(writer, APPENDS / 4)));
          const before = served.residentBytes();
          ids.push(...(await fill(writer, APPENDS)));
          expect(served.residentBytes() - before).toBeLessThan(BOUND_BYTES);
        });
        expect(await receivedIds(stream, new Set(ids))).toEqual(ids);
        close();
        await served.stop();
      }),
    SLOW_MS,
  );
});

/** The known ids in the order in which they come, until all have come. */
function receivedIds(stream: ClientHttp2Stream, known: ReadonlySet<string>): Promise<string[]> {
  const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
  const found: string[] = [];
  let tail = '';
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      const text = tail + chunk.toString('latin1');
      for (const [id] of text.matchAll(uuid)) if (known.has(id)) found.push(id);
      // An id may be cut in two by the chunks; one that was whole is not counted twice.
      tail = text.slice(-35);
      if (found.length >= known.size) resolve(found);
    });
    stream.on('close', () => reject(new Error('the subscription was cut off')));
    stream.resume();
  });
}

describe('the port', () => {
  it('listens on 127.0.0.1 only and names its token nowhere but in the connection string', async () => {
    expect(store.connectionString).toContain(`//127.0.0.1:${store.port}?`);
    expect(/connectionName=([\w-]{32})$/.test(store.connectionString)).toBe(true);
  });
});

describe('a subscription from far beyond the head', () => {
  it('delivers what comes next, and does no harm', async () => {
    const beyond = 2n ** 63n - 1n;
    const subscription = client.subscribeToAll({ fromPosition: { commit: beyond, prepare: beyond } });
    await once(subscription, 'caughtUp');
    const arrival = once(subscription, 'data');
    const id = randomUUID();
    await client.appendToStream('next', [jsonEvent(id, {})], {});
    const [{ event }] = (await arrival) as [ClientResolvedEvent];
    expect(event!.id).toBe(id);
    await subscription.unsubscribe();
  });
});
