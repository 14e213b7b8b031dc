import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isStoreToken, newStoreToken, startEmbeddedStore } from '#libs/embedded-store';
import { publishConnection } from '#libs/event-store';
import { CliError } from './cli-error.js';
import { printResult, type OutputOptions } from './output.js';
import { lockOr } from './reach-log.js';

const TOKEN_FILE = 'store-token';
const OTHERS = 0o077;

/**
 * `dockreg store`: serves the embedded store of a data directory to other processes of this machine until SIGTERM or
 * SIGINT. Prints the connection string that EVENTSTORE_URL takes; with a fixed port it is the same at every start.
 */
export async function serveStore(dataDir: string, port: number, options: OutputOptions): Promise<void> {
  const told = new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  const unlock = lockOr(dataDir, 'a store belongs to one process')!;
  try {
    const directory = join(dataDir, 'events');
    const store = await startEmbeddedStore({ directory, port, token: storeToken(join(dataDir, TOKEN_FILE)) });
    const unpublish = publishConnection(directory, store.connectionString);
    const { connectionString } = store;
    // In quotes, since it holds an `&`: it can be pasted into a shell.
    printResult(options, { connectionString, port: store.port, dataDir }, [
      `EVENTSTORE_URL='${connectionString}'`,
    ]);
    try {
      const failure = await Promise.race([told, store.failed]);
      if (failure) throw new CliError(failure.message);
    } finally {
      unpublish();
      await store.close();
    }
  } finally {
    unlock();
  }
}

/** The token of this data directory, made at its first use. Throws CliError when others may have read it. */
function storeToken(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) return createToken(file);
  const token = readFileSync(file, 'utf8').trim();
  if ((found.mode & OTHERS) === 0 && isStoreToken(token)) return token;
  throw new CliError(
    `${file} can be read by others, or holds no token. Delete it: the next start makes another, and EVENTSTORE_URL changes.`,
  );
}

/** Whole or not there at all. The data directory is locked, so nobody else makes one. */
function createToken(file: string): string {
  const token = newStoreToken();
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${token}\n`, { mode: 0o600, flush: true });
  try {
    linkSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  return token;
}
