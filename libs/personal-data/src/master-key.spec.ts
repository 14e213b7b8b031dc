import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import {
  createMasterKeyFile,
  masterKeyFile,
  MasterKeyUnusable,
  readMasterKeyFile,
  replaceMasterKeyFile,
} from './master-key-file.js';
import {
  derivedKey,
  formatMasterKey,
  generateGeneration,
  generationById,
  newestOf,
  parseMasterKey,
} from './master-key.js';

const [newest, older] = [generateGeneration(), generateGeneration()];
const masterKey = { generations: [newest, older] };
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

describe('a master key', () => {
  it('is read as it was written, and as generations joined by commas', () => {
    expect(parseMasterKey(formatMasterKey(masterKey))).toEqual({
      generations: [newest, older].map(({ id, key }) => ({ id, key: Buffer.from(key) })),
    });
    expect(parseMasterKey(`${text(newest.key)},${text(older.key)}`)).toEqual(
      parseMasterKey(formatMasterKey(masterKey)),
    );
  });

  it('wraps with the newest generation and finds each by its id, which is public', () => {
    expect(newestOf(masterKey)).toBe(newest);
    expect(generationById(masterKey, older.id)).toBe(older);
    expect(generationById(masterKey, 'ffffffff')).toBeUndefined();
    expect(newest.id).toMatch(/^[0-9a-f]{8}$/);
    expect(Buffer.from(newest.key).toString('hex')).not.toContain(newest.id);
  });

  it.each([
    ['nothing', ''],
    ['blanks', ' ,\n'],
    ['31 bytes', text(newest.key.subarray(1))],
    ['33 bytes', text(Buffer.concat([newest.key, Buffer.of(1)]))],
    ['base64url', Buffer.alloc(32, 0xfb).toString('base64url')],
    ['a word in between', `${text(newest.key)},secret`],
    ['a generation twice', `${text(newest.key)},${text(newest.key)}`],
  ])('is refused when it is %s, in words that repeat nothing of it', (_, given) => {
    const thrown = caught(() => parseMasterKey(given));
    expect(thrown.message).toMatch(/master key/);
    for (const part of given.split(/[\s,]+/).filter(Boolean)) expect(thrown.message).not.toContain(part);
  });

  it('gives another key for each purpose, the same each time', () => {
    const one = derivedKey(newest.key, 'e-mail index');
    expect(derivedKey(newest.key, 'e-mail index')).toEqual(one);
    expect(derivedKey(newest.key, 'other')).not.toEqual(one);
    expect(derivedKey(older.key, 'e-mail index')).not.toEqual(one);
    expect(one).toHaveLength(32);
  });
});

describe('the file of a master key', () => {
  const directory = temporaryDirectory();
  afterAll(() => directory.remove());
  const file = masterKeyFile(join(directory.path, 'data'));

  it('is made once, for its owner alone, and then stays', () => {
    expect(readMasterKeyFile(file)).toBeUndefined();
    const made = createMasterKeyFile(file);
    expect(made.generations).toHaveLength(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(createMasterKeyFile(file)).toEqual(made);
    expect(readMasterKeyFile(file)).toEqual(made);
    expect(readdirSync(join(directory.path, 'data'))).toEqual(['master-key']);
  });

  it('is replaced as a whole', () => {
    replaceMasterKeyFile(file, masterKey);
    expect(readFileSync(file, 'utf8')).toBe(formatMasterKey(masterKey));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(directory.path, 'data'))).toEqual(['master-key']);
  });

  it('is replaced without a trace of what an interrupted replacement left beside it', () => {
    writeFileSync(`${file}.4711.0badcafe`, formatMasterKey(masterKey));
    writeFileSync(`${file}.txt`, 'a note of the operator');
    replaceMasterKeyFile(file, masterKey);
    expect(readdirSync(join(directory.path, 'data')).sort()).toEqual(['master-key', 'master-key.txt']);
  });

  it('can be read again by whoever has read it', () => {
    const read = readMasterKeyFile(file)!;
    replaceMasterKeyFile(file, { generations: [newest] });
    expect(read.generations).toHaveLength(2);
    expect(read.reread!().generations).toHaveLength(1);
    replaceMasterKeyFile(file, masterKey);
  });

  it.each([0o640, 0o604, 0o660])('is refused when others may use it (mode %o)', (mode) => {
    chmodSync(file, mode);
    expect(() => readMasterKeyFile(file)).toThrow(MasterKeyUnusable);
    chmodSync(file, 0o600);
    expect(readMasterKeyFile(file)?.generations).toHaveLength(2);
  });

  it('is refused when it holds something else, which is not repeated', () => {
    writeFileSync(file, 'correct horse battery');
    const thrown = caught(() => readMasterKeyFile(file));
    expect(thrown).toBeInstanceOf(MasterKeyUnusable);
    expect(thrown.message).not.toContain('horse');
  });

  it('is missed by whoever reads it again', () => {
    replaceMasterKeyFile(file, masterKey);
    const read = readMasterKeyFile(file)!;
    rmSync(file);
    expect(() => read.reread!()).toThrow(MasterKeyUnusable);
  });
});

function caught(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
