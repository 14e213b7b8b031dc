import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { Catalogue, EventLog } from '#libs/event-store';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { createMasterKeyFile, readMasterKeyFile, replaceMasterKeyFile } from './master-key-file.js';
import { generateGeneration, newestOf } from './master-key.js';
import { subjectFacts, subjects } from './subject.js';
import { SubjectKeys } from './subject-keys.js';

const now = () => '2026-01-01T00:00:00.000Z';
const context = () => ({
  commandId: randomUUID(),
  actor: { type: 'system', id: 'test' } as const,
  correlationId: 'test',
});

let directory: ReturnType<typeof temporaryDirectory>;
let store: EmbeddedStore;
let log: EventLog;
let file: string;

beforeAll(async () => {
  directory = temporaryDirectory();
  store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
  log = new EventLog(store.connectionString, new Catalogue(subjectFacts));
});
afterAll(async () => {
  await log.close();
  await store.close();
  directory.remove();
});
beforeEach(() => {
  file = join(directory.path, randomUUID());
});

/** A node that was started with the file as it is now. */
const start = (through = log) => new SubjectKeys(through, readMasterKeyFile(file)!, now);

/** What `dockreg master-key rotate` does, with the subjects that are given. */
async function rotate(...those: readonly string[]): Promise<void> {
  const newest = generateGeneration();
  const both = { generations: [newest, ...readMasterKeyFile(file)!.generations] };
  replaceMasterKeyFile(file, both);
  const keys = new SubjectKeys(log, both, now);
  for (const subject of those) await keys.rewrap(subject, context());
  replaceMasterKeyFile(file, { generations: [newest] });
}

/** The log, with something that happens before, or after, the next call of `method`. */
function meddled(
  method: 'read' | 'transact',
  when: 'before' | 'after',
  happens: () => Promise<void>,
): EventLog {
  let due = true;
  return new Proxy(log, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== 'function') return value;
      if (name !== method) return value.bind(target) as unknown;
      return async (...args: unknown[]): Promise<unknown> => {
        const isNow = due;
        due = false;
        if (isNow && when === 'before') await happens();
        const result: unknown = await Reflect.apply(value, target, args);
        if (isNow && when === 'after') await happens();
        return result;
      };
    },
  });
}

describe('a node whose master key is rotated while it runs', () => {
  it('opens what it has never opened before, and seals for those who come after', async () => {
    createMasterKeyFile(file);
    const [node, other] = [start(), start()];
    const before = await other.seal('usr_before', 'x', context());
    await rotate('usr_before');
    expect(await node.open(before)).toBe('x');
    const after = await node.seal('usr_after', 'y', context());
    expect(await start().open(after)).toBe('y');
  });

  it.each(['before', 'after'] as const)(
    'loses nothing that it seals while the rotation passes by %s its append',
    async (when) => {
      createMasterKeyFile(file);
      const subject = `usr_new_${when}`;
      // The walk does not come to the subject: it was not there yet, or came too late.
      const sealed = await start(meddled('transact', when, () => rotate())).seal(subject, 'x', context());
      expect(await start().open(sealed)).toBe('x');
    },
  );

  it('seals nothing under a key that the rotation has passed by, whoever made it', async () => {
    const old = createMasterKeyFile(file);
    const newest = generateGeneration();
    replaceMasterKeyFile(file, { generations: [newest, ...old.generations] });
    // Its node still had the old file when it made it, and died.
    await new SubjectKeys(log, { generations: old.generations }, now).keyOf('usr_shared', context());
    const sealed = await start().seal('usr_shared', 'x', context());
    replaceMasterKeyFile(file, { generations: [newest] });
    expect(await start().open(sealed)).toBe('x');
  });

  it('opens a key that was wrapped anew after it had read the old one', async () => {
    createMasterKeyFile(file);
    const sealed = await start().seal('usr_between', 'x', context());
    const through = meddled('read', 'after', async () => {
      await rotate('usr_between');
      // Reads the file again, and so forgets the generation that the key needs as it was read.
      await node.keyOf('usr_meanwhile', context());
    });
    const node = start(through);
    expect(await node.open(sealed)).toBe('x');
  });

  it('makes no key when the file of the master key is gone, and opens what it can', async () => {
    createMasterKeyFile(file);
    const node = start();
    const sealed = await start().seal('usr_there', 'x', context());
    rmSync(file);
    expect(await node.open(sealed)).toBe('x');
    await expect(node.seal('usr_lost', 'y', context())).rejects.toMatchObject({ code: 'unavailable' });
    expect((await log.read(subjects, 'usr_lost')).events).toHaveLength(0);
  });

  it('shuts out no node that has yet to hear of a generation, when the operator brings them', async () => {
    const [newest, old] = [generateGeneration(), generateGeneration()];
    const late = () => new SubjectKeys(log, { generations: [old] }, now);
    await late().keyOf('usr_known', context());
    const sealed = await new SubjectKeys(log, { generations: [newest, old] }, now).seal(
      'usr_known',
      'x',
      context(),
    );
    expect(await late().open(sealed)).toBe('x');
  });

  it('leaves erased who is erased while its key is to be wrapped anew', async () => {
    const old = createMasterKeyFile(file);
    const sealed = await start().seal('usr_erased', 'x', context());
    const both = { generations: [generateGeneration(), ...old.generations] };
    const through = meddled('transact', 'before', () => start().erase('usr_erased'));
    expect(await new SubjectKeys(through, both, now).rewrap('usr_erased', context())).toBe('erased');
    expect(await new SubjectKeys(log, both, now).open(sealed)).toBeUndefined();
  });

  it('keeps no destroyed generation', async () => {
    createMasterKeyFile(file);
    const node = start();
    const destroyed = newestOf(readMasterKeyFile(file)!);
    const backup = await node.seal('usr_backup', 'x', context());
    await rotate();
    await node.keyOf('usr_next', context());
    node.forget('usr_backup');
    await expect(node.open(backup)).rejects.toThrow(destroyed.id);
  });
});
