import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { Catalogue, EventLog } from '#libs/event-store';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { generateGeneration, type MasterKey } from './master-key.js';
import { subjectFacts, subjects } from './subject.js';
import { MasterKeyMissing, SubjectKeys } from './subject-keys.js';

const at = '2026-01-01T00:00:00.000Z';
const [first, second] = [generateGeneration(), generateGeneration()];
const old: MasterKey = { generations: [first] };
const rotating: MasterKey = { generations: [second, first] };
const rotated: MasterKey = { generations: [second] };

const context = () => ({
  commandId: randomUUID(),
  actor: { type: 'system', id: 'test' } as const,
  correlationId: 'test',
});

let directory: ReturnType<typeof temporaryDirectory>;
let store: EmbeddedStore;
let log: EventLog;
const node = (masterKey: MasterKey) => new SubjectKeys(log, masterKey, () => at);

beforeAll(async () => {
  directory = temporaryDirectory();
  store = await startEmbeddedStore({ directory: directory.path });
  log = new EventLog(store.connectionString, new Catalogue(subjectFacts));
});
afterAll(async () => {
  await log.close();
  await store.close();
  directory.remove();
});

describe('the keys of subjects', () => {
  it('seal on one node what another node with the same master key opens', async () => {
    const sealed = await node(old).seal('usr_a', 'anna@example.com', context());
    expect(await node(old).open(sealed)).toBe('anna@example.com');
  });

  it('are one for each subject, whoever makes it first', async () => {
    const nodes = Array.from({ length: 8 }, () => node(old));
    const keys = await Promise.all(nodes.map((each) => each.keyOf('usr_race', context())));
    for (const key of keys) expect(key).toEqual(keys[0]);
    expect((await log.read(subjects, 'usr_race')).events).toHaveLength(1);
    const sealed = await Promise.all(nodes.map((each, n) => each.seal('usr_race', `text ${n}`, context())));
    const opened = await Promise.all(sealed.map((one) => node(old).open(one)));
    expect(opened).toEqual(nodes.map((_, n) => `text ${n}`));
    expect(await nodes[0]!.keyOf('usr_other', context())).not.toEqual(keys[0]);
  });

  it('are gone for good once the subject is erased', async () => {
    const keys = node(old);
    const sealed = await keys.seal('usr_erased', 'x', context());
    await keys.erase('usr_erased');
    await keys.erase('usr_erased');
    expect(await keys.open(sealed)).toBeUndefined();
    expect(await node(old).open(sealed)).toBeUndefined();
    await expect(keys.seal('usr_erased', 'y', context())).rejects.toMatchObject({ code: 'not-found' });
    expect(await keys.rewrap('usr_erased', context())).toBe('erased');
  });

  it('stay in the memory of another node until it is told to forget', async () => {
    const [here, there] = [node(old), node(old)];
    const sealed = await here.seal('usr_told', 'x', context());
    expect(await there.open(sealed)).toBe('x');
    await here.erase('usr_told');
    there.forget('usr_told');
    expect(await there.open(sealed)).toBeUndefined();
  });

  it('of a subject that never had one open nothing', async () => {
    const sealed = await node(old).seal('usr_b', 'x', context());
    expect(await node(old).open({ ...sealed, subject: 'usr_unknown' })).toBeUndefined();
  });

  it('move to the newest generation, once, and the old one alone opens none of them any more', async () => {
    const sealed = await node(old).seal('usr_moved', 'x', context());
    await expect(node(rotated).open(sealed)).rejects.toThrow(MasterKeyMissing);
    const moving = node(rotating);
    expect(await moving.rewrap('usr_moved', context())).toBe('rewrapped');
    expect(await moving.rewrap('usr_moved', context())).toBe('unchanged');
    expect(await node(rotated).open(sealed)).toBe('x');
    await expect(node(old).open(sealed)).rejects.toThrow(MasterKeyMissing);
    await expect(node(old).open(sealed)).rejects.toThrow(second.id);
  });

  it('are wrapped with the newest generation when they are new', async () => {
    const sealed = await node(rotating).seal('usr_new', 'x', context());
    expect(await node(rotated).open(sealed)).toBe('x');
  });

  it('are all found by a walk over the log, each once', async () => {
    const found: string[] = [];
    for await (const subject of node(rotating).all()) found.push(subject);
    expect(found).toEqual(expect.arrayContaining(['usr_a', 'usr_race', 'usr_moved', 'usr_new']));
    expect(new Set(found).size).toBe(found.length);
  });
});
