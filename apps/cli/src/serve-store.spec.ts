import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventLog, RawEvents, readHead } from '#libs/event-store';
import { readSettings } from '#libs/platform';
import { command, count, counterCatalogue, counters } from '../../../test/support/counters.js';
import { followCounters } from '../../../test/support/follow-counters.js';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { dockreg } from './testing/dockreg.js';
import { startDockregStore, type DockregStore } from './testing/dockreg-store.js';

let directory: ReturnType<typeof temporaryDirectory>;
let dataDir: string;
const running = new Set<DockregStore>();
const logs = new Set<EventLog>();
beforeEach(() => {
  directory = temporaryDirectory();
  dataDir = join(directory.path, 'data');
});
afterEach(async () => {
  await Promise.all([...logs].map((log) => log.close()));
  logs.clear();
  await Promise.all([...running].map((store) => store.stop('SIGKILL')));
  running.clear();
  directory.remove();
});

async function start(port = 0): Promise<DockregStore> {
  const store = await startDockregStore(dataDir, port);
  running.add(store);
  return store;
}

function open({ connectionString }: DockregStore): EventLog {
  const log = new EventLog(connectionString, counterCatalogue);
  logs.add(log);
  return log;
}

describe('dockreg store', () => {
  it('serves other processes at what it prints for EVENTSTORE_URL, and ends with 0 on SIGTERM', async () => {
    const store = await start();
    expect(readSettings({ EVENTSTORE_URL: store.connectionString }).eventStoreUrl).toBe(
      store.connectionString,
    );
    const follower = followCounters(open(store));
    await open(store).create(counters, 'a', count(1), command());
    await follower.until(1);
    follower.end();

    const published = join(dataDir, 'events', 'connection');
    expect(readFileSync(published, 'utf8')).toBe(`${store.connectionString}\n`);
    for (const file of [published, join(dataDir, 'store-token')]) {
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
    expect(await store.stop('SIGTERM')).toBe(0);
    expect(existsSync(published)).toBe(false);
  });

  it('keeps its address over restarts and kill -9: a log that is open goes on', async () => {
    const first = await start();
    const log = open(first);
    const follower = followCounters(log);
    for (const [index, signal] of (['SIGTERM', 'SIGKILL'] as const).entries()) {
      await log.transact(counters, 'a', count(1), command());
      await follower.until(index + 1);
      await [...running].at(-1)!.stop(signal);
      expect((await start(first.port)).connectionString).toBe(first.connectionString);
    }
    await log.transact(counters, 'a', count(1), command());
    await follower.until(3);
    expect((await log.read(counters, 'a')).state).toBe(3);
    follower.end();
  });

  it('is reached by the other commands of the same data directory, and by nobody without the token', async () => {
    const store = await start();
    const raw = new RawEvents(store.connectionString);
    const bytes = new Uint8Array();
    await raw.append('a-1', 0n, [
      { id: command().commandId, type: 'A', isJson: false, data: bytes, metadata: bytes },
    ]);
    await raw.close();
    const status = await dockreg(dataDir, ['projections', 'status', '--json']);
    expect(status.err).toContain('The log is empty');
    const stranger = store.connectionString.replace(
      /connectionName=[^&]*/,
      `connectionName=${'x'.repeat(32)}`,
    );
    await expect(readHead(stranger)).rejects.toThrow();
    expect(await readHead(store.connectionString)).toBeGreaterThan(0n);
  });

  it('ends with 1, and says why, when another process has the directory or the port', async () => {
    const store = await start();
    const second = await dockreg(dataDir, ['store']);
    expect(second).toMatchObject({ code: 1, out: '', err: expect.stringContaining(`uses ${dataDir}`) });
    const elsewhere = join(directory.path, 'elsewhere');
    const taken = await dockreg(elsewhere, ['store', '--port', String(store.port)]);
    expect(taken).toMatchObject({
      code: 1,
      err: `dockreg: 127.0.0.1:${store.port} is in use. End the other program, or choose another port.\n`,
    });
  });

  it('does not go on with a token that others may have read', async () => {
    await (await start()).stop('SIGTERM');
    chmodSync(join(dataDir, 'store-token'), 0o644);
    const { code, err } = await dockreg(dataDir, ['store']);
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('can be read by others') });
  });

  it.each(['65536', '-1', 'http'])('takes no port %s', async (port) => {
    expect(await dockreg(dataDir, ['store', '--port', port])).toMatchObject({ code: 2, out: '' });
  });
});
