import { spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from './client.js';
import { killServedStores, serveStore } from './served-store.js';
import { jsonEvent, library, readIds, rejection, withClient, withDirectory } from './store-directory.js';

/** A real disk that is full, and one that fails: a small tmpfs, and errors put into fsync by strace. */

const LONG_MS = 120_000;
/** Larger than the reserve (8 MiB) and the write-ahead log. */
const TMPFS_BYTES = 32 * 1024 * 1024;
const FILLER_BYTES = 8 * 1024 * 1024;

beforeAll(() => {
  const missing = ['unshare', 'strace'].filter((program) => spawnSync(program, ['--version']).error);
  if (missing.length > 0)
    throw new Error(`missing: ${missing.join(', ')}. apt-get install -y util-linux strace`);
});
afterAll(killServedStores);

/** Appends until the store refuses; returns the ids that were acknowledged and the error. */
async function appendUntilRefused(client: Client, bytes: number): Promise<{ ids: string[]; error: Error }> {
  const ids: string[] = [];
  for (;;) {
    const id = randomUUID();
    try {
      await client.appendToStream(
        'filler',
        [library.binaryEvent({ id, type: 'Filler', data: randomBytes(bytes) })],
        {},
      );
      ids.push(id);
    } catch (error) {
      return { ids, error: error as Error };
    }
  }
}

async function eventually(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      await work();
      return;
    } catch {
      await delay(100);
    }
  }
  await work();
}

describe('a full disk', () => {
  const critical = () => jsonEvent(randomUUID(), { reason: 'leaked' }, { critical: true });
  const ordinary = () => jsonEvent(randomUUID(), {}, {});

  it(
    'refuses ordinary appends, still stores small critical ones, serves reads, and recovers when there is room',
    () =>
      withDirectory(async (parent) => {
        const directory = join(parent, 'disk');
        mkdirSync(directory);
        const mount = `mount -t tmpfs -o size=${TMPFS_BYTES} tmpfs "$0" && exec "$@"`;
        const store = await serveStore(directory, ['unshare', '-rm', 'sh', '-c', mount, directory]);
        const filler = `/proc/${store.pid}/root${directory}/filler`;
        writeFileSync(filler, Buffer.alloc(FILLER_BYTES, 1));
        await withClient(store.connectionString, async (client) => {
          const { ids, error } = await appendUntilRefused(client, 500_000);
          expect(error.message).toContain('The disk of the event store is full');
          for (let count = 0; count < 100; count++) {
            await client.appendToStream(`key-${count}`, [critical()], library.expecting('no_stream'));
          }
          await rejection(client.appendToStream('key-1', [ordinary()], {}));
          expect(await readIds(client.readStream('filler', { maxCount: 1000 }))).toEqual(ids);
          expect(await readIds(client.readStream('key-99', { maxCount: 10 }))).toHaveLength(1);
          rmSync(filler);
          await eventually(() => client.appendToStream('key-1', [ordinary()], {}));
        });
        await store.stop();
      }),
    LONG_MS,
  );
});

describe('a disk that fails at fsync', () => {
  it(
    'acknowledges nothing more, says so, serves reads, and has every acknowledged event after the restart',
    () =>
      withDirectory(async (directory) => {
        // The first calls are those of the start.
        const inject = ['-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:error=EIO:when=80+'];
        const store = await serveStore(directory, ['strace', '-f', '-o', '/dev/null', ...inject]);
        let acknowledged: string[] = [];
        await withClient(store.connectionString, async (client) => {
          const { ids, error } = await appendUntilRefused(client, 1000);
          acknowledged = ids;
          expect(error.message).toContain('read-only until it is opened again');
          expect(await store.failed).toContain('read-only until it is opened again');
          await rejection(
            client.appendToStream('other', [jsonEvent(randomUUID(), {}, { critical: true })], {}),
          );
          expect(await readIds(client.readStream('filler', { maxCount: 10_000 }))).toEqual(ids);
        });
        await store.kill();
        const next = await serveStore(directory);
        await withClient(next.connectionString, async (client) => {
          const ids = await readIds(client.readStream('filler', { maxCount: 10_000 }));
          expect(ids.slice(0, acknowledged.length)).toEqual(acknowledged);
        });
        await next.stop();
      }),
    LONG_MS,
  );
});
