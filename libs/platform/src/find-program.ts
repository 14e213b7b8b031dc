import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Debian keeps services; the PATH of a plain user lacks it. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/**
 * Absolute path of a program on PATH or in the system folders. Throws an error that names the Debian package to
 * install when there is none.
 */
export function findProgram(name: string, debianPackage: string, path = process.env['PATH'] ?? ''): string {
  const folders = [...path.split(delimiter).filter(Boolean), ...SYSTEM_FOLDERS];
  const program = folders.map((folder) => join(folder, name)).find(isExecutableFile);
  if (program) return program;
  const install = `apt-get update && apt-get install -y --no-install-recommends ${debianPackage}`;
  throw new Error(`The program ${name} is not installed. Install it as root: ${install}`);
}

function isExecutableFile(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
