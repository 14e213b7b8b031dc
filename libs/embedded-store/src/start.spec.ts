import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventLog } from '#libs/event-store';
import { command, count, counterCatalogue, counters } from '../../../test/support/counters.js';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import {
  isStoreToken,
  newStoreToken,
  PortTaken,
  startEmbeddedStore,
  type EmbeddedStore,
  type EmbeddedStoreOptions,
} from './start.js';

let directory: ReturnType<typeof temporaryDirectory>;
let other: ReturnType<typeof temporaryDirectory>;
let open: { close(): Promise<void> }[];
beforeEach(() => {
  directory = temporaryDirectory();
  other = temporaryDirectory();
  open = [];
});
afterEach(async () => {
  for (const each of open.reverse()) await each.close();
  [directory, other].forEach((each) => each.remove());
});

async function start(options: Partial<EmbeddedStoreOptions> = {}): Promise<EmbeddedStore> {
  const store = await startEmbeddedStore({ directory: directory.path, ...options });
  open.push(store);
  return store;
}

function logOf({ connectionString }: EmbeddedStore): EventLog {
  const log = new EventLog(connectionString, counterCatalogue);
  open.push(log);
  return log;
}

describe('an embedded store with a port and a token of its own', () => {
  it('keeps its connection string across restarts, so that whoever has it goes on', async () => {
    const token = newStoreToken();
    const first = await start({ token });
    const log = logOf(first);
    await log.create(counters, 'a', count(1), command());
    await first.close();
    const again = await start({ port: first.port, token });
    expect(again.connectionString).toBe(first.connectionString);
    await log.transact(counters, 'a', count(2), command());
    expect((await log.read(counters, 'a')).state).toBe(3);
  });

  it('says which port is in use, and gives the directory back', async () => {
    const taken = await start({ directory: other.path });
    const refused = start({ port: taken.port });
    await expect(refused).rejects.toThrow(PortTaken);
    await expect(refused).rejects.toThrow(`127.0.0.1:${taken.port} is in use`);
    await start();
  });

  it.each(['', 'short', `${newStoreToken()}x`, newStoreToken().replace(/.$/, '&')])(
    'takes no token that anybody could guess or that breaks the connection string: %p',
    async (token) => {
      expect(isStoreToken(token)).toBe(false);
      await expect(start({ token })).rejects.toThrow(TypeError);
    },
  );
});

/** Size, time of the last write and content of every file. */
function files(path: string) {
  return readdirSync(path).map((name) => {
    const { size, mtimeMs } = statSync(join(path, name));
    return { name, size, mtimeMs, content: readFileSync(join(path, name)).toString('base64') };
  });
}

describe('a store that nobody writes to', () => {
  it('writes nothing itself: not for reads, not for subscriptions, not when they come and go', async () => {
    const log = logOf(await start());
    await log.create(counters, 'a', count(1), command());
    const before = files(directory.path);
    for (let round = 0; round < 3; round++) {
      await log.readStream('counter-a');
      await log.readStream('counter-none');
      await log.readAllAfter(undefined, ['counter']);
      await new Promise<void>((onCaughtUp, onFailure) => {
        const subscription = log.subscribe(undefined, ['counter'], {
          onEvents: () => undefined,
          onFailure,
          onCaughtUp: () => {
            subscription.close();
            onCaughtUp();
          },
        });
      });
    }
    expect(files(directory.path)).toEqual(before);
  });
});
