import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Longest path of a unix socket in bytes: `sun_path` of unix(7) without its final zero. */
const SOCKET_PATH_BYTES = 107;

/** Creates the folder, or closes it, so that only this user can look inside. */
export function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
}

export interface SocketPlace {
  path: string;
  /** Removes the socket, and the folder that was made for it. */
  remove(): void;
}

/**
 * Where a child may put its unix socket: in `folder`, which only this user may enter, or, where that path is too long,
 * in a folder of its own below the system's temporary folder. A socket that a killed predecessor left is removed.
 */
export function placeSocket(folder: string, name: string): SocketPlace {
  const path = join(folder, name);
  const remove = () => rmSync(path, { force: true });
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES) {
    remove();
    return { path, remove };
  }
  const shortFolder = mkdtempSync(join(tmpdir(), 'dockreg-'));
  return {
    path: join(shortFolder, name),
    remove: () => rmSync(shortFolder, { recursive: true, force: true }),
  };
}
