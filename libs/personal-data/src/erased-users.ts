import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FILE = 'erased-users';
const USER = /^usr_[0-9A-Za-z]{16}$/;

/** Where a node keeps who was erased: beside its log and not in it, since a log that is restored may be older than an erasure. */
export function erasedUsersFile(dataDir: string): string {
  return join(dataDir, FILE);
}

/** The file is none of this kind. The message is a sentence for the operator, and repeats nothing of the file. */
export class ErasedUsersUnusable extends Error {
  override readonly name = 'ErasedUsersUnusable';
}

/** The ids in the file; undefined without a file. Half a last line, which a power cut leaves, is none. Throws ErasedUsersUnusable. */
export function readErasedUsers(file: string): string[] | undefined {
  const text = wholeLines(file);
  const users = text?.split('\n').slice(0, -1);
  if (users?.every((line) => USER.test(line)) === false) {
    throw new ErasedUsersUnusable(`${file} is no list of erased users: a line is not the id of a user.`);
  }
  return users;
}

/** The list of one node: pseudonymous ids, one a line, only ever added to. Owned by the API role. */
export class ErasedUsers {
  private readonly known: Set<string>;

  /** Throws ErasedUsersUnusable. */
  constructor(private readonly file: string) {
    const users = readErasedUsers(file);
    this.known = new Set(users);
    if (users) truncateSync(file, Buffer.byteLength(wholeLines(file)!));
  }

  /** On the disk when it returns. */
  keep(user: string): void {
    if (this.known.has(user)) return;
    mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
    const descriptor = openSync(this.file, 'a', 0o600);
    try {
      writeSync(descriptor, `${user}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    this.known.add(user);
  }
}

function wholeLines(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return text.slice(0, text.lastIndexOf('\n') + 1);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
