import { afterAll, describe, expect, it } from '@jest/globals';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { DirectoryLocked, lockDirectory } from './directory-lock.js';

describe('the lock of a directory', () => {
  const directory = temporaryDirectory();
  afterAll(() => directory.remove());

  it('keeps a second owner out, with an error that names the directory, until the first gives it back', () => {
    const unlock = lockDirectory(directory.path);
    expect(() => lockDirectory(directory.path)).toThrow(DirectoryLocked);
    expect(() => lockDirectory(directory.path)).toThrow(directory.path);
    unlock();
    lockDirectory(directory.path)();
  });
});
