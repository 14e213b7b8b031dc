import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '#libs/platform';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** In a folder named after the machine's kind, below this one; the variant for programs with threads. */
const LIBRARIES = '/usr/lib';
const LIBRARY = 'faketime/libfaketimeMT.so.1';

/** The wall clock of a process, which can be set while it runs; its monotonic clock stays the machine's. */
export class MovedClock {
  private readonly folder = temporaryDirectory();
  private readonly file = join(this.folder.path, 'offset');
  /** Environment of the process that is to have this clock. */
  readonly settings: Readonly<Record<string, string>>;

  constructor() {
    this.set(0);
    this.settings = {
      LD_PRELOAD: findLibrary(),
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** So many seconds fast (positive) or slow, from the next look at the clock on. */
  set(seconds: number): void {
    const draft = `${this.file}.new`;
    writeFileSync(draft, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    renameSync(draft, this.file);
  }

  remove(): void {
    this.folder.remove();
  }
}

/** Throws with the line that installs Debian's package faketime when it is missing. */
function findLibrary(): string {
  findProgram('faketime', 'faketime');
  const library = readdirSync(LIBRARIES)
    .map((folder) => join(LIBRARIES, folder, LIBRARY))
    .find((file) => existsSync(file));
  if (library === undefined) throw new Error(`the package faketime has no ${LIBRARY}`);
  return library;
}
