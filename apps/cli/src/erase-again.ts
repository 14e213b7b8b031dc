import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CommandContext, EventLog } from '#libs/event-store';
import { ADMINISTRATORS_ID, administrators, eraseUser, users, withdrawErased } from '#libs/identity';
import { streamName } from '#libs/kernel';
import { erasedUsersFile, ErasedUsersUnusable, readErasedUsers, subjects } from '#libs/personal-data';
import { mintUuid, now, type Settings } from '#libs/platform';
import { emails, release } from '#libs/registries';
import { readBackup } from './backup-file.js';
import { CliError } from './cli-error.js';

/** RFC 1952, 2.3.1. */
const GZIP = Buffer.from([0x1f, 0x8b]);
const USER_STREAM = /^user-(usr_[0-9A-Za-z]{16})$/;

/**
 * Users who are known to be erased: of the list that the server keeps in DATA_DIR, and of the files that are given, each such
 * a list or a later backup.
 */
export async function knownErasures({ dataDir }: Settings, files: readonly string[]): Promise<Set<string>> {
  const erased = new Set(listed(erasedUsersFile(dataDir)));
  for (const from of files) {
    const file = resolve(from);
    if (!existsSync(file)) throw new CliError(`${file} does not exist.`);
    for (const user of isBackup(file) ? await erasedIn(file) : (listed(file) ?? [])) erased.add(user);
  }
  return erased;
}

/** Where a subject's key stands: an erased one must not even be written. */
export function subjectStream(user: string): string {
  return streamName(subjects.category, user);
}

/**
 * Erases in the log whoever is known to be erased and is not erased there; nobody may be using the log. Users whom the log
 * does not know are passed over. Returns how many there were.
 */
export async function eraseAgain(log: EventLog, erased: ReadonlySet<string>): Promise<number> {
  let count = 0;
  for (const user of erased) {
    const { state } = await log.read(users, user);
    if (state.status === 'none' || state.status === 'erased') continue;
    await log.transact(administrators, ADMINISTRATORS_ID, withdrawErased(user, now()), context());
    await log.transact(users, user, eraseUser(now()), context());
    await log.destroy(subjects, user);
    await log.transact(emails, state.registered.emailIndex, release(user, now()), context());
    count++;
  }
  return count;
}

/** Part of the result's text. */
export function erasedAgainText(count: number): string[] {
  const who = count === 1 ? 'One user was' : `${count.toLocaleString('en')} users were`;
  return count === 0 ? [] : [`${who} erased again, as after the backup.`];
}

function context(): CommandContext {
  return { commandId: mintUuid(), actor: { type: 'system', id: 'restore' }, correlationId: 'restore' };
}

function listed(file: string): string[] | undefined {
  try {
    return readErasedUsers(file);
  } catch (error) {
    if (!(error instanceof ErasedUsersUnusable)) throw error;
    throw new CliError(`${error.message} Nothing was restored.`, { cause: error });
  }
}

async function erasedIn(backup: string): Promise<Set<string>> {
  const erased = new Set<string>();
  await readBackup(backup, ({ stream, type }) => {
    const user = type === 'UserErased' ? USER_STREAM.exec(stream)?.[1] : undefined;
    if (user !== undefined) erased.add(user);
  });
  return erased;
}

function isBackup(file: string): boolean {
  const descriptor = openSync(file, 'r');
  try {
    const start = Buffer.alloc(GZIP.length);
    readSync(descriptor, start);
    return start.equals(GZIP);
  } finally {
    closeSync(descriptor);
  }
}
