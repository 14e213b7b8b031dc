import { once } from 'node:events';
import {
  closeSync,
  createWriteStream,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { catalogue } from '#libs/catalogue';
import { EventLog, RawEvents, readLogId, type RawEvent } from '#libs/event-store';
import { now, type Settings } from '#libs/platform';
import { ReplayMeter, type ReplayProgress } from '#libs/read-models';
import { backupText, type BackupHeader, type BackupTrailer } from './backup-file.js';
import { CliError } from './cli-error.js';
import { printResult, showing, size, type OutputOptions } from './output.js';
import { reachLog } from './reach-log.js';

/** Small enough that a page of events of the largest size (1 MB) fits in memory. */
const PAGE_EVENTS = 512;
/** Fast: key events shrink to a fifth at any level, and level 6 would take three times as long. */
const GZIP_LEVEL = 1;

/** `dockreg backup FILE`: every event up to the newest one of now, in one file that only this user may read. */
export async function backup(settings: Settings, to: string, options: OutputOptions): Promise<void> {
  const file = resolve(to);
  if (existsSync(file)) throw new CliError(`${file} exists. A backup never overwrites a file.`);
  const reached = await reachLog(settings);
  const raw = new RawEvents(reached.connectionString);
  const log = new EventLog(reached.connectionString, catalogue);
  try {
    const head = await raw.head();
    const logId = await readLogId(log);
    if (head === undefined || logId === undefined)
      throw new CliError('The log is empty: there is nothing to back up.');
    const header = { logId, head: String(head), createdAt: now() };
    const trailer = await showing('Backing up', (show) => write(file, header, eventsUpTo(raw, head, show)));
    const result = { file, ...header, ...trailer, bytes: statSync(file).size };
    printResult(options, result, [
      `Wrote ${trailer.events.toLocaleString('en')} events, up to position ${head}, to ${file} (${size(result.bytes)}).`,
    ]);
  } finally {
    await log.close();
    await raw.close();
    await reached.close();
  }
}

/** Writes beside and gives the file its name at the end: what has that name is whole and on the disk. */
async function write(
  file: string,
  header: Omit<BackupHeader, 'format' | 'version'>,
  pages: AsyncIterable<readonly RawEvent[]>,
): Promise<BackupTrailer> {
  const partial = `${file}.partial`;
  const target = createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true });
  await once(target, 'open').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    throw new CliError(`${partial} exists: a backup is under way, or was interrupted. Remove it then.`);
  });
  try {
    let trailer: BackupTrailer | undefined;
    const text = (async function* () {
      trailer = yield* backupText(header, pages);
    })();
    await pipeline(Readable.from(text), createGzip({ level: GZIP_LEVEL }), target);
    linkSync(partial, file);
    return trailer!;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new CliError(`${file} exists. A backup never overwrites a file.`);
  } finally {
    rmSync(partial, { force: true });
    syncFolder(dirname(file));
  }
}

/** Pages up to a position. Streams of the server itself are left out: they say nothing that is ours. */
async function* eventsUpTo(
  log: RawEvents,
  head: bigint,
  show: (progress: ReplayProgress) => void,
): AsyncGenerator<readonly RawEvent[]> {
  const meter = new ReplayMeter(head, show);
  let after: bigint | undefined;
  for (;;) {
    const page = await log.readAllAfter(after, PAGE_EVENTS);
    const wanted = page.filter(({ position }) => position <= head);
    const last = wanted.at(-1);
    if (!last) return;
    yield wanted.filter(({ stream }) => !isOfServer(stream));
    after = last.position;
    meter.applied(wanted.length, after);
    if (wanted.length < page.length) return;
  }
}

/** `$stats-…`, `$ce-…` and the like, and their metadata; `$$key-…`, the metadata of a stream of ours, is not. */
function isOfServer(stream: string): boolean {
  return stream.replace(/^\$\$/, '').startsWith('$');
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
