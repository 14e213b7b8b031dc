import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { ErasedUsers, erasedUsersFile, ErasedUsersUnusable, readErasedUsers } from './erased-users.js';

const [anna, ben] = [`usr_${'a'.repeat(16)}`, `usr_${'b'.repeat(16)}`];

describe('the list of erased users', () => {
  const directory = temporaryDirectory();
  let count = 0;
  let file: string;
  beforeEach(() => {
    file = erasedUsersFile(join(directory.path, String(++count)));
  });
  afterAll(() => directory.remove());

  it('is made with the first one, names each once, and lives on', () => {
    expect(readErasedUsers(file)).toBeUndefined();
    const list = new ErasedUsers(file);
    expect(readErasedUsers(file)).toBeUndefined();
    for (const user of [anna, ben, anna]) list.keep(user);
    new ErasedUsers(file).keep(anna);
    expect(readErasedUsers(file)).toEqual([anna, ben]);
    expect(readFileSync(file, 'utf8')).toBe(`${anna}\n${ben}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('passes over half a line, and does not append to it', () => {
    new ErasedUsers(file).keep(anna);
    appendFileSync(file, ben.slice(0, 9));
    expect(readErasedUsers(file)).toEqual([anna]);
    new ErasedUsers(file).keep(ben);
    expect(readErasedUsers(file)).toEqual([anna, ben]);
  });

  it.each(['anna@example.com\n', '\n', `${anna} \n`, 'usr_a\n'])('is not %j', (text) => {
    new ErasedUsers(file).keep(anna);
    writeFileSync(file, text);
    expect(() => readErasedUsers(file)).toThrow(ErasedUsersUnusable);
    expect(() => readErasedUsers(file)).not.toThrow('anna@');
  });
});
