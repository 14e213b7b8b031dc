import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbeddedStore } from '#libs/embedded-store';
import { readHead, readPublishedConnection } from '#libs/event-store';
import type { Settings } from '#libs/platform';
import { DirectoryLocked, lockDirectory } from '#libs/sqlite';
import { CliError } from './cli-error.js';

/** The log that a command works on. `close` gives back what was taken for it. */
export interface ReachedLog {
  /** Holds the token of the store's port, or a password: never printed. */
  readonly connectionString: string;
  close(): Promise<void>;
}

export function eventsDirectory({ dataDir }: Settings): string {
  return join(dataDir, 'events');
}

/**
 * The log of EVENTSTORE_URL; else that of DATA_DIR: through the server that runs on it, or, when none does, by opening it
 * here (no server can then start on it until the command ends). With `alone` a running server is refused.
 */
export async function reachLog(settings: Settings, options: { alone?: string } = {}): Promise<ReachedLog> {
  const { eventStoreUrl, dataDir } = settings;
  const directory = eventsDirectory(settings);
  if (eventStoreUrl === undefined && !existsSync(directory)) {
    throw new CliError(`${dataDir} holds no event store. Set DATA_DIR, or EVENTSTORE_URL.`);
  }
  if (eventStoreUrl !== undefined && options.alone === undefined) {
    return { connectionString: eventStoreUrl, close: () => Promise.resolve() };
  }
  const unlock = lockOr(dataDir, options.alone);
  if (!unlock) return throughServer(directory, dataDir);
  if (eventStoreUrl !== undefined) {
    return { connectionString: eventStoreUrl, close: () => Promise.resolve(unlock()) };
  }
  try {
    const store = await startEmbeddedStore({ directory });
    return {
      connectionString: store.connectionString,
      close: () => store.close().finally(unlock),
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Takes the data directory; undefined when a server has it. `alone` says why that will not do. */
export function lockOr(dataDir: string, alone: string | undefined): (() => void) | undefined {
  try {
    return lockDirectory(dataDir);
  } catch (error) {
    if (!(error instanceof DirectoryLocked)) throw error;
    if (alone === undefined) return undefined;
    throw new CliError(`A server, or another dockreg, uses ${dataDir}. Stop it first: ${alone}.`);
  }
}

async function throughServer(directory: string, dataDir: string): Promise<ReachedLog> {
  const connectionString = readPublishedConnection(directory);
  const answers = connectionString !== undefined && (await isAnswering(connectionString));
  if (!answers) {
    throw new CliError(
      `Another process uses ${dataDir}, and its event store does not answer. It may be starting or ending: try again.`,
    );
  }
  return { connectionString, close: () => Promise.resolve() };
}

function isAnswering(connectionString: string): Promise<boolean> {
  return readHead(connectionString).then(
    () => true,
    () => false,
  );
}
