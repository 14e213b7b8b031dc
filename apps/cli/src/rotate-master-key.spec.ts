import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createMasterKeyFile,
  formatMasterKey,
  generateGeneration,
  masterKeyFile,
  newestOf,
  parseMasterKey,
  readMasterKeyFile,
  SubjectKeys,
  type Sealed,
} from '#libs/personal-data';
import { now, tiedTo } from '#libs/platform';
import { lockDirectory } from '#libs/sqlite';
import { bodyOf } from '../../../test/e2e/api.js';
import { exchange } from '../../../test/e2e/http-exchange.js';
import { eventually, Installation, type ServerProcess } from '../../../test/e2e/server-process.js';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { dockreg, MAIN, type Ran } from './testing/dockreg.js';
import { openAll, testContext, withEvents } from './testing/personal-data.js';

interface User {
  readonly id: string;
  readonly email: string;
}
interface Result {
  readonly generation: string;
  readonly keys: number;
  readonly rewrapped: number;
  readonly destroyed: readonly string[];
  readonly removable: readonly string[];
}

const resultOf = ({ out }: Ran) => JSON.parse(out) as Result;
/** Keys enough that a rotation of them is interrupted on its way: it takes about a millisecond for each. */
const MANY = 1_000;

describe('dockreg master-key rotate beside a running server', () => {
  const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
  const { dataDir, folder } = installation;
  const file = masterKeyFile(dataDir);
  const backup = join(folder, 'backup');
  let server: ServerProcess;
  let erased: User;
  let oldText: string;
  let rotated: Ran;
  const created: User[] = [];
  const create = async (email: string): Promise<User> => {
    const answer = await server.api.call('/v1/users', { body: { email, name: `${email} by name` } });
    return bodyOf<User>(answer, 201);
  };
  /** The generations that wrap what the log still holds of a subject's key, read past the end of its stream. */
  const wrapsOf = (subject: string) =>
    withEvents(join(dataDir, 'events'), async (log) =>
      (await log.readAllAfter(undefined, ['subject']))
        .filter(({ id, type }) => id === subject && type === 'SubjectKeyWrapped')
        .map(({ data }) => (data as { generation: string }).generation),
    );
  const emails = async () => (await server.api.all<User>('/v1/users')).map(({ email }) => email).sort();

  beforeAll(async () => {
    server = await installation.start();
    for (const name of ['anna', 'ben', 'carl']) created.push(await create(`${name}@example.com`));
    await server.stop();
    cpSync(join(dataDir, 'events'), backup, { recursive: true });
    oldText = readFileSync(file, 'utf8');
    // It has opened nobody's data since, apart from what its start needs.
    server = await installation.start();
    erased = created.pop()!;
    bodyOf(await server.api.call(`/v1/users/${erased.id}/erase`, { method: 'POST' }), 200);
    const over = new AbortController();
    const busy = (async () => {
      while (!over.signal.aborted) created.push(await create(`${created.length}@example.com`));
    })();
    rotated = await dockreg(dataDir, ['master-key', 'rotate', '--json']);
    over.abort();
    await busy;
  }, 120_000);
  afterAll(() => installation.remove(), 20_000);

  it('replaces the file by one with a new generation alone, for its owner', () => {
    expect(rotated).toMatchObject({ code: 0, err: '' });
    const [old] = parseMasterKey(oldText).generations;
    const { generations } = readMasterKeyFile(file)!;
    expect(resultOf(rotated)).toMatchObject({ generation: generations[0]!.id, destroyed: [old!.id] });
    // The installation, its administrator, Anna and Ben; Carl was erased.
    expect(resultOf(rotated).rewrapped).toBeGreaterThanOrEqual(4);
    expect(generations).toHaveLength(1);
    expect(generations[0]!.id).not.toBe(old!.id);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('leaves the server at work: it opens, seals and signs in, and so does the next one', async () => {
    created.push(await create('after@example.com'));
    const expected = ['admin@localhost', ...created.map(({ email }) => email)].sort();
    expect(await emails()).toEqual(expected);
    await server.stop();
    server = await installation.start();
    expect(await emails()).toEqual(expected);
    const body = { email: 'admin@localhost', password: installation.password };
    expect((await exchange(server.apiPort, { path: '/v1/session', body })).status).toBe(200);
    await server.stop();
  }, 60_000);

  it('makes a backup from before unreadable, which the old master key alone opens', async () => {
    const before = await openAll(backup, parseMasterKey(oldText));
    expect(before).toEqual(expect.arrayContaining(['anna@example.com', erased.email]));
    const after = await openAll(backup, readMasterKeyFile(file)!);
    expect(after).toHaveLength(before.length);
    expect(new Set(after)).toEqual(new Set(['MasterKeyMissing']));
  });

  it('opens everything that lives, and nothing of who was erased', async () => {
    const found = await openAll(join(dataDir, 'events'), readMasterKeyFile(file)!);
    expect(found).toEqual(expect.arrayContaining(created.map(({ email }) => email)));
    expect(found).not.toContain(erased.email);
    expect(found.filter((text) => text === 'erased')).toHaveLength(2);
    expect(found).not.toContain('MasterKeyMissing');
    const left = await wrapsOf(erased.id);
    expect(left).not.toContain(newestOf(readMasterKeyFile(file)!).id);
    const old = await openAll(join(dataDir, 'events'), parseMasterKey(oldText));
    expect(new Set(old)).toEqual(new Set(['MasterKeyMissing', 'erased']));
  });
});

describe('dockreg master-key rotate', () => {
  const directory = temporaryDirectory();
  const dataDir = join(directory.path, 'data');
  const file = masterKeyFile(dataDir);
  const outputs: Ran[] = [];
  const sealed: Sealed[] = [];
  const rotate = async (environment: Record<string, string> = {}, ...args: string[]): Promise<Ran> => {
    const ran = await dockreg(dataDir, ['master-key', 'rotate', ...args], environment);
    outputs.push(ran);
    return ran;
  };
  /** How many of the texts that were sealed the file's master key, or the one given, opens. */
  const readable = (masterKey = readMasterKeyFile(file)!): Promise<number> =>
    withEvents(join(dataDir, 'events'), async (log) => {
      const keys = new SubjectKeys(log, masterKey, now);
      const texts = await Promise.allSettled(sealed.map((one) => keys.open(one)));
      return texts.filter((one, n) => one.status === 'fulfilled' && one.value === `text ${n}`).length;
    });

  beforeAll(async () => {
    const masterKey = createMasterKeyFile(file);
    await withEvents(join(dataDir, 'events'), async (log) => {
      const keys = new SubjectKeys(log, masterKey, now);
      const texts = Array.from({ length: MANY }, (_, n) => `text ${n}`);
      sealed.push(...(await Promise.all(texts.map((text, n) => keys.seal(`usr_${n}`, text, testContext())))));
    });
  }, 60_000);
  afterAll(() => directory.remove());

  it('that is killed half way leaves a file that opens everything, and is completed by the next one', async () => {
    const [command, ...args] = tiedTo(process.pid, process.execPath, [MAIN, 'master-key', 'rotate']);
    const env = { PATH: process.env['PATH'], DATA_DIR: dataDir };
    const child = spawn(command, args, { env, stdio: 'ignore' });
    const ended = once(child, 'exit');
    const half = await eventually('a second generation', 20_000, () => {
      const { generations } = readMasterKeyFile(file)!;
      return generations.length === 2 && { generations };
    });
    await eventually('some keys are moved', 20_000, () => hasGrown());
    child.kill('SIGKILL');
    expect((await ended)[1]).toBe('SIGKILL');
    expect(await readable()).toBe(MANY);
    const [newest, old] = half.generations;
    const moved = await readable({ generations: [newest!] });
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(MANY);
    writeFileSync(`${file}.1.00c0ffee`, formatMasterKey(half));

    const ran = await rotate({}, '--json');
    expect(ran).toMatchObject({ code: 0 });
    expect(resultOf(ran)).toMatchObject({ keys: MANY, rewrapped: MANY, destroyed: [newest!.id, old!.id] });
    expect(readMasterKeyFile(file)!.generations).toHaveLength(1);
    expect(existsSync(`${file}.1.00c0ffee`)).toBe(false);
    expect(await readable()).toBe(MANY);
    expect(await readable(half)).toBe(0);
  }, 90_000);

  it('is refused while another one runs', async () => {
    const before = readFileSync(file, 'utf8');
    const unlock = lockDirectory(join(dataDir, 'master-key.rotation'));
    expect(await rotate()).toMatchObject({
      code: 1,
      err: expect.stringContaining('Another dockreg rotates'),
    });
    unlock();
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('destroys nothing when there is a key that it cannot open', async () => {
    const before = readMasterKeyFile(file)!;
    const foreign = { generations: [generateGeneration()] };
    writeFileSync(file, formatMasterKey(foreign));
    const ran = await rotate();
    expect(ran).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^dockreg: The key of usr_\d+ .*Nothing was destroyed/),
    });
    expect(readMasterKeyFile(file)!.generations.at(-1)!.id).toBe(newestOf(foreign).id);
    writeFileSync(file, formatMasterKey(before));
  });

  it('needs --only-node with EVENTSTORE_URL, where other nodes may have a copy', async () => {
    const ran = await rotate({ EVENTSTORE_URL: 'kurrentdb://127.0.0.1:1?tls=false' });
    expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('--only-node') });
  });

  it('moves everything to the first generation of MASTER_KEY, and says which may be taken out', async () => {
    const [old, newest] = [readMasterKeyFile(file)!, generateGeneration()];
    const both = { generations: [newest, ...old.generations] };
    rmSync(file);
    const MASTER_KEY = formatMasterKey(both).trim().replace('\n', ',');
    const ran = await rotate({ MASTER_KEY, DATA_DIR: directory.path }, '--data-dir', dataDir);
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toContain(`May be taken out of MASTER_KEY, and destroyed: ${newestOf(old).id} `);
    expect(await readable({ generations: [newest] })).toBe(MANY);
    expect(existsSync(file)).toBe(false);
    const again = await rotate({ MASTER_KEY }, '--json');
    expect(resultOf(again)).toEqual({
      generation: newest.id,
      keys: MANY,
      rewrapped: 0,
      removable: [newestOf(old).id],
    });
    const alone = await rotate({ MASTER_KEY: formatMasterKey({ generations: [newest] }).trim() });
    expect(alone).toMatchObject({ code: 0, out: expect.stringContaining('put a new one in front') });
  }, 60_000);

  it('says what is wrong with the master key, or that there is none', async () => {
    const one = formatMasterKey({ generations: [generateGeneration()] }).trim();
    expect(await rotate({ MASTER_KEY: `${one},${one}` })).toMatchObject({
      code: 2,
      err: 'dockreg: MASTER_KEY: a generation of the master key is named twice\n',
    });
    expect(await rotate()).toMatchObject({ code: 1, err: expect.stringContaining('There is no master key') });
    writeFileSync(file, one, { mode: 0o644 });
    expect(await rotate()).toMatchObject({ code: 1, err: expect.stringContaining('can be used by others') });
  });

  it('prints no key', () => {
    const everything = outputs.map(({ out, err }) => out + err).join('');
    expect(everything).not.toMatch(/[A-Za-z0-9+/]{43}=/);
    expect(everything).not.toContain('    at ');
    expect(everything.length).toBeGreaterThan(500);
  });

  /** Whether the store of the running command has grown: what it appends comes into the write-ahead log first. */
  function hasGrown(): boolean {
    const log = statSync(join(dataDir, 'events', 'events.db-wal'), { throwIfNoEntry: false });
    return (log?.size ?? 0) > 100_000;
  }
});
