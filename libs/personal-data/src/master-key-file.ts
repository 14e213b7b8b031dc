import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  formatMasterKey,
  generateGeneration,
  parseMasterKey,
  type Generation,
  type MasterKey,
} from './master-key.js';

const FILE = 'master-key';
/** What may be set of the file's mode: its owner's bits. */
const OTHERS = 0o077;

/** The file of the master key cannot be used. The message is a sentence for the operator; no part of the key stands in it. */
export class MasterKeyUnusable extends Error {
  override readonly name = 'MasterKeyUnusable';
}

/** What the file held when it was read. A rotation changes the file under a running server. */
class MasterKeyOfFile implements MasterKey {
  constructor(
    private readonly file: string,
    readonly generations: readonly Generation[],
  ) {}

  /** Throws MasterKeyUnusable, also when the file is gone. */
  reread(): MasterKey {
    const found = readMasterKeyFile(this.file);
    if (!found) throw new MasterKeyUnusable(`${this.file} is gone. Put it back.`);
    return found;
  }
}

/** Where a node keeps its master key that was given none in its settings. */
export function masterKeyFile(dataDir: string): string {
  return join(dataDir, FILE);
}

/** The key in the file; undefined when there is no such file. Throws MasterKeyUnusable, also when others may read the file. */
export function readMasterKeyFile(file: string): MasterKey | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) return undefined;
  if ((found.mode & OTHERS) !== 0) {
    const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
    throw new MasterKeyUnusable(
      `${file} can be used by others (mode ${mode}): whoever read it can read personal data. chmod 600 it, and rotate the master key if somebody may have.`,
    );
  }
  try {
    return new MasterKeyOfFile(file, parseMasterKey(readFileSync(file, 'utf8')).generations);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) throw error;
    throw new MasterKeyUnusable(`${file} holds no master key (${(error as Error).message}). Put it back.`);
  }
}

/**
 * Makes the file (mode 0600) with a new key, unless there is one by now; the key that it holds then. Whole and on the disk,
 * or not there, at every moment.
 */
export function createMasterKeyFile(file: string): MasterKey {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = writeDraft(file, { generations: [generateGeneration()] });
  try {
    // Unlike a rename, a link never replaces what is there.
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  syncFolder(file);
  // Read back: another process may have been quicker, and its key is the one that stays.
  return readMasterKeyFile(file)!;
}

/**
 * Puts another key in the place of the file's, for a rotation: whoever reads it has the one or the other, whole. One process
 * at a time may do so. What an interrupted one left beside is removed: it holds generations that are to be destroyed.
 */
export function replaceMasterKeyFile(file: string, masterKey: MasterKey): void {
  renameSync(writeDraft(file, masterKey), file);
  const folder = dirname(file);
  for (const name of readdirSync(folder))
    if (isDraft(name, file)) rmSync(join(folder, name), { force: true });
  syncFolder(file);
}

function isDraft(name: string, file: string): boolean {
  const prefix = `${basename(file)}.`;
  return name.startsWith(prefix) && /^\d+\.[0-9a-f]{8}$/.test(name.slice(prefix.length));
}

function writeDraft(file: string, masterKey: MasterKey): string {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const descriptor = openSync(draft, 'wx', 0o600);
  try {
    writeSync(descriptor, formatMasterKey(masterKey));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  return draft;
}

function syncFolder(file: string): void {
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
