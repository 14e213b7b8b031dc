import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { openSync, readFileSync, statSync, truncateSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { startEmbeddedStore } from '#libs/embedded-store';
import type { ClientResolvedEvent } from './client.js';
import { runKillCycles } from './kill-cycles.js';
import { killServedStores, serveStore } from './served-store.js';
import { jsonEvent, library, readIds, rejection, withClient, withDirectory } from './store-directory.js';

const KILL_CYCLES = 3;
const SLOW_MS = 60_000;

afterAll(killServedStores);

/** A closed store with three events in `damaged` and one in `whole`. */
async function writtenStore(directory: string): Promise<void> {
  const store = await startEmbeddedStore({ directory });
  await withClient(store.connectionString, async (client) => {
    const events = [1, 2, 3].map((n) => jsonEvent(randomUUID(), { text: `payload number ${n}` }));
    await client.appendToStream('damaged', events, {});
    await client.appendToStream('whole', [jsonEvent(randomUUID(), { text: 'untouched' })], {});
  });
  await store.close();
}

function flipByteOf(file: string, text: string): void {
  const offset = readFileSync(file).indexOf(text);
  expect(offset).toBeGreaterThan(0);
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.from([text.charCodeAt(0) ^ 0x01]), 0, 1, offset);
  closeSync(descriptor);
}

describe('what was acknowledged', () => {
  it(
    'is there exactly once after kill -9 under 16 writers',
    () =>
      withDirectory(async (directory) => {
        const { acknowledged, problems } = await runKillCycles(directory, KILL_CYCLES);
        expect(problems).toEqual([]);
        expect(acknowledged).toBeGreaterThan(KILL_CYCLES * 16);
      }),
    SLOW_MS,
  );

  it('is recognised when it is repeated after a restart, with an exact revision and with any', () =>
    withDirectory(async (directory) => {
      const [exact, any] = [randomUUID(), randomUUID()];
      for (let round = 0; round < 2; round++) {
        const store = await startEmbeddedStore({ directory });
        await withClient(store.connectionString, async (client) => {
          await client.appendToStream('exact', [jsonEvent(exact, {})], library.expecting('no_stream'));
          await client.appendToStream('any', [jsonEvent(any, {})], library.expecting('any'));
          expect(await readIds(client.readStream('exact', { maxCount: 10 }))).toEqual([exact]);
          expect(await readIds(client.readStream('any', { maxCount: 10 }))).toEqual([any]);
        });
        await store.close();
      }
    }));
});

describe('a damaged file', () => {
  it('with a flipped byte is noticed at the read of that event, which names it and does not serve it', () =>
    withDirectory(async (directory) => {
      await writtenStore(directory);
      flipByteOf(join(directory, 'events.db'), 'payload number 2');
      const store = await startEmbeddedStore({ directory });
      await withClient(store.connectionString, async (client) => {
        expect(await readIds(client.readStream('whole', { maxCount: 10 }))).toHaveLength(1);
        expect(await readIds(client.readStream('damaged', { maxCount: 1 }))).toHaveLength(1);
        await rejection(readIds(client.readStream('damaged', { maxCount: 10 })));
        await rejection(readIds(client.readAll({ maxCount: 10 })));
        const subscription = client.subscribeToAll({});
        const seen: ClientResolvedEvent[] = [];
        subscription.on('data', (event: ClientResolvedEvent) => seen.push(event));
        const [error] = (await once(subscription, 'error')) as [Error];
        expect(error.message).toContain(`the event at ${directory}, position 4 is not what was stored`);
        expect(seen.map(({ event }) => event!.position!.commit)).not.toContain(4n);
      });
      await store.close();
    }));

  it.each([
    ['by half', (bytes: number) => bytes / 2],
    ['by its last page', (bytes: number) => bytes - 4096],
  ])('truncated %s is refused at the start, by name', (_, left) =>
    withDirectory(async (directory) => {
      await writtenStore(directory);
      const file = join(directory, 'events.db');
      truncateSync(file, left(statSync(file).size));
      const error = await rejection(startEmbeddedStore({ directory }));
      expect(error).toMatchObject({ name: 'StoreUnreadable', message: expect.stringContaining(file) });
    }),
  );

  it('that is no database is refused and left as it is', () =>
    withDirectory(async (directory) => {
      const file = join(directory, 'events.db');
      const text = 'not a database, but somebody needs it '.repeat(100);
      const descriptor = openSync(file, 'w');
      writeSync(descriptor, text);
      closeSync(descriptor);
      expect(await rejection(startEmbeddedStore({ directory }))).toMatchObject({ name: 'StoreUnreadable' });
      expect(readFileSync(file, 'utf8')).toBe(text);
    }));
});

describe('a directory', () => {
  it('belongs to one process: the second is told so within a second, the lock dies with its owner', () =>
    withDirectory(async (directory) => {
      const first = await serveStore(directory);
      const start = Date.now();
      const error = await rejection(serveStore(directory));
      expect(error.message).toBe(
        `StoreLocked: The event store in ${directory} is in use by another process. Stop that one first, or choose another directory.`,
      );
      expect(Date.now() - start).toBeLessThan(1000);
      await first.kill();
      const next = await serveStore(directory);
      await next.stop();
    }));

  it('is given back by close, in the same process too', () =>
    withDirectory(async (directory) => {
      const first = await startEmbeddedStore({ directory });
      expect(await rejection(startEmbeddedStore({ directory }))).toMatchObject({
        name: 'StoreLocked',
        directory,
      });
      await first.close();
      await (await startEmbeddedStore({ directory })).close();
    }));
});

describe('a restart with open subscriptions', () => {
  it.each(['stop', 'kill'] as const)(
    '(%s) ends them with one error; a new one goes on from the checkpoint',
    (how) =>
      withDirectory(async (directory) => {
        const ids = [randomUUID(), randomUUID()];
        const first = await serveStore(directory);
        let checkpoint: unknown;
        await withClient(first.connectionString, async (client) => {
          const subscription = client.subscribeToAll({});
          const errors: Error[] = [];
          subscription.on('error', (error) => errors.push(error as Error));
          const data = once(subscription, 'data');
          await client.appendToStream('s', [jsonEvent(ids[0]!, {})], {});
          const [{ event }] = (await data) as [ClientResolvedEvent];
          checkpoint = event!.position;
          const failed = new Promise((resolve) => subscription.once('error', resolve));
          await first[how]();
          await failed;
          expect(errors).toHaveLength(1);
        });
        const second = await serveStore(directory);
        await withClient(second.connectionString, async (client) => {
          const subscription = client.subscribeToAll({ fromPosition: checkpoint });
          const data = once(subscription, 'data');
          await client.appendToStream('s', [jsonEvent(ids[1]!, {})], {});
          const [{ event }] = (await data) as [ClientResolvedEvent];
          expect(event!.id).toBe(ids[1]);
        });
        await second.stop();
      }),
  );
});
