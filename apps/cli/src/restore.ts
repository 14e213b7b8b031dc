import { existsSync, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore } from '#libs/embedded-store';
import { EventLog, RawEvents } from '#libs/event-store';
import type { Settings } from '#libs/platform';
import { CliError } from './cli-error.js';
import { restart } from './declare-restored.js';
import { eraseAgain, erasedAgainText, knownErasures, subjectStream } from './erase-again.js';
import { printResult, showing, type OutputOptions } from './output.js';
import { eventsDirectory, lockOr } from './reach-log.js';
import { contentsOf, isRestored, restoreEvents, type BackupContents } from './restore-events.js';

export interface RestoreOptions extends OutputOptions {
  /** Files that say who was erased since. */
  readonly erasures?: readonly string[];
}

/**
 * `dockreg restore FILE`: the events of a backup in a DATA_DIR that has none. The whole file is read and checked first;
 * the store is filled beside and gets its name when it was read back and found equal, so that no server ever meets half.
 * Whoever was erased after the backup is erased in it, and the key of their data is not even written.
 */
export async function restore(settings: Settings, from: string, options: RestoreOptions): Promise<void> {
  const file = resolve(from);
  if (!existsSync(file)) throw new CliError(`${file} does not exist.`);
  if (settings.eventStoreUrl !== undefined) {
    throw new CliError(
      'EVENTSTORE_URL is set. A restore fills the embedded store of DATA_DIR; see docs/backup.md.',
    );
  }
  const erased = await knownErasures(settings, options.erasures ?? []);
  const contents = await contentsOf(file, new Set([...erased].map(subjectStream)));
  const unlock = lockOr(settings.dataDir, 'a restore needs the data directory for itself')!;
  try {
    const directory = eventsDirectory(settings);
    await refuseUnlessEmpty(directory);
    const { logId, placeHolders, erasedAgain } = await fill(`${directory}.restoring`, file, contents, erased);
    rmSync(directory, { recursive: true, force: true });
    renameSync(`${directory}.restoring`, directory);
    const { events, header } = contents;
    const { dataDir } = settings;
    const result = { file, dataDir, events, placeHolders, erasedAgain, oldLogId: header.logId, logId };
    printResult(options, result, [
      `Restored ${events.toLocaleString('en')} events into ${dataDir}, read them back and found them equal.`,
      ...erasedAgainText(erasedAgain),
      `It is a new log now (${logId}): read models and jobs are made anew at the next start.`,
    ]);
  } finally {
    unlock();
  }
}

async function refuseUnlessEmpty(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  const store = await startEmbeddedStore({ directory });
  const log = new RawEvents(store.connectionString);
  try {
    if ((await log.head()) === undefined) return;
    throw new CliError(
      `${directory} holds events. A restore never writes into a log; move it away, or set DATA_DIR.`,
    );
  } finally {
    await log.close();
    await store.close();
  }
}

/** Answers the id of the new log. What an interrupted restore left there is removed: it is no log. */
async function fill(
  directory: string,
  file: string,
  contents: BackupContents,
  erased: ReadonlySet<string>,
): Promise<{ logId: string; placeHolders: number; erasedAgain: number }> {
  rmSync(directory, { recursive: true, force: true });
  const store = await startEmbeddedStore({ directory });
  const raw = new RawEvents(store.connectionString);
  const log = new EventLog(store.connectionString, catalogue);
  try {
    const restored = await showing('Restoring', (show) => restoreEvents(file, contents, raw, show));
    if (!(await showing('Reading back', (show) => isRestored(raw, contents, restored, show)))) {
      throw new CliError(`What was read back is not what ${file} holds. Nothing was restored.`);
    }
    const erasedAgain = await eraseAgain(log, erased);
    const logId = await restart(log, contents.header.logId);
    return { logId, placeHolders: restored.placeHolders, erasedAgain };
  } finally {
    await log.close();
    await raw.close();
    await store.close();
  }
}
