import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from './database.js';

/** Another process owns the directory. */
export class DirectoryLocked extends Error {
  constructor(readonly directory: string) {
    super(`${directory} is used by another running process`);
    this.name = 'DirectoryLocked';
  }
}

/**
 * Takes a directory (created when missing, mode 0700) for this process alone, until the answer is called or the process
 * ends, however it ends: the lock is SQLite's on the file `lock`, which the kernel drops with the process.
 * Throws DirectoryLocked at once when another process has it.
 */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = new Database(join(directory, 'lock'));
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (/locked|busy/i.test(String(error))) throw new DirectoryLocked(directory);
    throw error;
  }
  return () => {
    // The driver keeps a closed file open while a statement of it is alive; the lock must not wait for that.
    database.exec('ROLLBACK');
    database.close();
  };
}
