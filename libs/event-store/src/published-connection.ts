import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Beside the embedded store's own files: whoever may read those may also read this. */
const FILE = 'connection';

/**
 * Tells the user's other programs (`dockreg backup`) how to reach the embedded store of a running server. The connection
 * string holds the token of the port, so only this user may read the file. Call the answer when the store ends; a file
 * that a killed server left names a port that answers nobody, or refuses the token.
 */
export function publishConnection(eventsDirectory: string, connectionString: string): () => void {
  const file = join(eventsDirectory, FILE);
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${connectionString}\n`, { mode: 0o600 });
  renameSync(temporary, file);
  return () => rmSync(file, { force: true });
}

/** The connection string of the server that runs on this directory, or of one that was killed; undefined without any. */
export function readPublishedConnection(eventsDirectory: string): string | undefined {
  try {
    return readFileSync(join(eventsDirectory, FILE), 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
