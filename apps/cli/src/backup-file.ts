import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { RawEvent } from '#libs/event-store';

/**
 * A backup is gzip over lines of JSON: a header, one line per event in the order of the log, a trailer. Data and metadata
 * stand as text when they are UTF-8, so that `zcat` shows them, else as base64: the bytes come back as they were.
 */
const FORMAT = 'dockreg-backup';
const VERSION = 1;

/** An event has at most 1 MB of data and as much metadata; base64 in JSON makes a third more of it. */
const LINE_BYTES_MAX = 8 * 1024 * 1024;
const LINE_FEED = 0x0a;

export interface BackupHeader {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly logId: string;
  /** Commit position of the newest event in it, as text. */
  readonly head: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** SHA-256 (hex) of all bytes of the text before this line, and the number of events. */
export interface BackupTrailer {
  readonly events: number;
  readonly sha256: string;
}

/** The file is no backup, or not the whole and unchanged one. Nothing was restored from it. */
export class BackupDamaged extends Error {
  constructor(file: string, reason: string, cause?: unknown) {
    super(`${file} is damaged or no backup: ${reason}. Nothing was restored.`, { cause });
    this.name = 'BackupDamaged';
  }
}

interface EventLine {
  readonly stream: string;
  readonly revision: string;
  readonly position: string;
  readonly id: string;
  readonly type: string;
  readonly json: boolean;
  readonly data: string | { readonly base64: string };
  readonly metadata: string | { readonly base64: string };
}

/** The lines of a backup, in pieces of one page. `pages` gives the events; `onPage` hears how many there were. */
export async function* backupText(
  header: Omit<BackupHeader, 'format' | 'version'>,
  pages: AsyncIterable<readonly RawEvent[]>,
): AsyncGenerator<string, BackupTrailer> {
  const hash = createHash('sha256');
  let events = 0;
  const first = `${JSON.stringify({ format: FORMAT, version: VERSION, ...header })}\n`;
  hash.update(first);
  yield first;
  for await (const page of pages) {
    const text = page.map(eventLine).join('');
    hash.update(text);
    events += page.length;
    yield text;
  }
  const trailer = { events, sha256: hash.digest('hex') };
  yield `${JSON.stringify(trailer)}\n`;
  return trailer;
}

/**
 * Reads a backup: `onEvent` is called for each event in turn, and its promise is awaited. Resolves with header and trailer
 * once everything was read and the checksum was right; rejects with BackupDamaged otherwise, also after some events.
 */
export async function readBackup(
  file: string,
  onEvent: (event: RawEvent) => Promise<void> | void,
): Promise<{ header: BackupHeader; trailer: BackupTrailer }> {
  const hash = createHash('sha256');
  let header: BackupHeader | undefined;
  let events = 0;
  // The newest line is held back: the last one is the trailer, and its own bytes are not part of the sum.
  let held: Buffer | undefined;
  for await (const line of linesOf(file)) {
    if (held) {
      hash.update(held);
      hash.update('\n');
      if (header) {
        await onEvent(rawEvent(file, held));
        events++;
      } else header = readHeader(file, held);
    }
    held = line;
  }
  const trailer = readTrailer(file, held);
  if (!header || trailer.events !== events) throw new BackupDamaged(file, 'events are missing');
  if (trailer.sha256 !== hash.digest('hex')) throw new BackupDamaged(file, 'the checksum is wrong');
  return { header, trailer };
}

function eventLine({ stream, revision, position, id, type, isJson, data, metadata }: RawEvent): string {
  const line: EventLine = {
    stream,
    revision: String(revision),
    position: String(position),
    id,
    type,
    json: isJson,
    data: text(data),
    metadata: text(metadata),
  };
  return `${JSON.stringify(line)}\n`;
}

function text(bytes: Uint8Array): EventLine['data'] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer.toString('utf8') : { base64: buffer.toString('base64') };
}

function bytes(value: EventLine['data']): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value.base64, 'base64');
}

function rawEvent(file: string, line: Buffer): RawEvent {
  try {
    const { stream, revision, position, id, type, json, data, metadata } = JSON.parse(
      String(line),
    ) as EventLine;
    return {
      stream, revision: BigInt(revision), position: BigInt(position), id, type, isJson: json,
      data: bytes(data), metadata: bytes(metadata),
    }; // prettier-ignore
  } catch (error) {
    throw new BackupDamaged(file, 'a line is no event', error);
  }
}

function readHeader(file: string, line: Buffer): BackupHeader {
  const header = parsed(line) as Partial<BackupHeader> | undefined;
  if (header?.format !== FORMAT) throw new BackupDamaged(file, 'it does not begin as a backup');
  if (header.version !== VERSION) throw new BackupDamaged(file, 'a later release wrote it');
  return header as BackupHeader;
}

function readTrailer(file: string, line: Buffer | undefined): BackupTrailer {
  const trailer = line && (parsed(line) as Partial<BackupTrailer> | undefined);
  if (typeof trailer?.sha256 !== 'string') throw new BackupDamaged(file, 'its end is missing');
  return trailer as BackupTrailer;
}

function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(String(line)) as unknown;
  } catch {
    return undefined;
  }
}

/** Split at line feeds alone: Node's readline also splits at characters that may stand inside a JSON text. */
async function* linesOf(file: string): AsyncGenerator<Buffer> {
  const content = pipeline(createReadStream(file), createGunzip(), () => undefined);
  let rest: Buffer[] = [];
  let restBytes = 0;
  try {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      let from = 0;
      for (let to = chunk.indexOf(LINE_FEED); to >= 0; to = chunk.indexOf(LINE_FEED, from)) {
        yield Buffer.concat([...rest, chunk.subarray(from, to)]);
        [rest, restBytes, from] = [[], 0, to + 1];
      }
      rest.push(chunk.subarray(from));
      restBytes += chunk.length - from;
      if (restBytes > LINE_BYTES_MAX) throw new BackupDamaged(file, 'a line is too long');
    }
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    if (!code.startsWith('Z_')) throw error;
    throw new BackupDamaged(file, 'it cannot be unpacked', error);
  }
  if (restBytes > 0) throw new BackupDamaged(file, 'its last line is cut off');
}
