import { createHash } from 'node:crypto';
import {
  placeHolder,
  TOMBSTONE_REVISION,
  type NewRawEvent,
  type RawEvent,
  type RawEvents,
} from '#libs/event-store';
import { ReplayMeter, type ReplayProgress } from '#libs/read-models';
import { readBackup, type BackupHeader } from './backup-file.js';

/** Events of one append, and their bytes: the server refuses more than 1 MB, unless it is one event. */
const APPEND_EVENTS_MAX = 500;
const APPEND_BYTES_MAX = 512 * 1024;
/** Appends under way: more make nothing faster. */
const IN_FLIGHT = 256;
const READ_BACK_PAGE = 512;
const DIGEST_BYTES = 32;
/** What a soft delete writes into the metadata of its stream (`$tb` = 2^63 - 1). */
const SOFT_DELETED = /"\$tb"\s*:\s*9223372036854775807/;
const METADATA_OF = /^\$\$/;

/** What a first reading of a backup says about it. */
export interface BackupContents {
  readonly header: BackupHeader;
  readonly events: number;
  /** Streams that are or were soft-deleted: while they are, an append makes the server write metadata of its own. */
  readonly softDeleted: ReadonlySet<string>;
  /** Streams with metadata, or ended for ever: the store may keep less of them than the backup holds. */
  readonly described: ReadonlySet<string>;
  /** Streams of which nothing is written; they are ended for ever. */
  readonly left: ReadonlySet<string>;
}

export interface Restored {
  /** Events that the old log no longer held ($maxCount and the like): a place holder each, so that revisions stay. */
  readonly placeHolders: number;
  /** The XOR of the digests of all events of streams that are not `described`. */
  readonly digest: Buffer;
}

/** Reads and checks the whole backup. `left`: streams that are not to be restored. Throws BackupDamaged; touches nothing. */
export async function contentsOf(
  file: string,
  left: ReadonlySet<string> = new Set(),
): Promise<BackupContents> {
  const softDeleted = new Set<string>();
  const described = new Set(left);
  const { header, trailer } = await readBackup(file, (event) => {
    if (isTombstone(event)) described.add(event.stream);
    if (!METADATA_OF.test(event.stream)) return;
    const of = event.stream.replace(METADATA_OF, '');
    described.add(of);
    if (SOFT_DELETED.test(Buffer.from(event.data).toString('utf8'))) softDeleted.add(of);
  });
  return { header, events: trailer.events, softDeleted, described, left };
}

/**
 * Appends every event at the revision it had, in the order of the backup. What would change how the server takes other
 * appends comes at the end: the metadata of streams that were soft-deleted, then the ends of streams.
 */
export async function restoreEvents(
  file: string,
  contents: BackupContents,
  log: RawEvents,
  show: (progress: ReplayProgress) => void,
): Promise<Restored> {
  const writer = new OrderedWriter(log);
  const meter = new ReplayMeter(BigInt(contents.header.head), show);
  const lateMetadata: RawEvent[] = [];
  const ended = new Set<string>();
  const digest = Buffer.alloc(DIGEST_BYTES);
  await readBackup(file, async (event) => {
    meter.applied(1, event.position);
    if (!contents.described.has(event.stream)) addDigest(digest, event);
    if (contents.left.has(event.stream)) ended.add(event.stream);
    else if (isTombstone(event)) ended.add(event.stream);
    else if (isLate(event, contents)) lateMetadata.push(event);
    else await writer.add(event);
  });
  // All metadata of one stream in one append: between two, the server would add some of its own.
  lateMetadata.sort((a, b) => (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : 0));
  for (const event of lateMetadata) await writer.add(event);
  await writer.finish();
  for (const stream of ended) await log.tombstone(stream);
  return { placeHolders: writer.placeHolders, digest };
}

/** Reads the restored log to its end; whether every stream without metadata is byte for byte what the backup holds. */
export async function isRestored(
  log: RawEvents,
  contents: BackupContents,
  restored: Restored,
  show: (progress: ReplayProgress) => void,
): Promise<boolean> {
  const meter = new ReplayMeter(await log.head(), show);
  const digest = Buffer.alloc(DIGEST_BYTES);
  let after: bigint | undefined;
  for (;;) {
    const page = await log.readAllAfter(after, READ_BACK_PAGE);
    const last = page.at(-1);
    if (!last) return digest.equals(restored.digest);
    for (const event of page) if (!contents.described.has(event.stream)) addDigest(digest, event);
    after = last.position;
    meter.applied(page.length, after);
  }
}

/** Appends to the log in the order of `add`, neighbours of one stream together. */
class OrderedWriter {
  placeHolders = 0;
  private readonly next = new Map<string, number>();
  private readonly underWay = new Set<Promise<void>>();
  private batch: { stream: string; first: number; events: NewRawEvent[]; bytes: number } | undefined;
  private failure: Error | undefined;

  constructor(private readonly log: RawEvents) {}

  async add(event: RawEvent): Promise<void> {
    const { stream } = event;
    const revision = Number(event.revision);
    for (let gap = this.next.get(stream) ?? 0; gap < revision; gap++) {
      this.placeHolders++;
      await this.put(stream, gap, placeHolder());
      // The event itself comes in another append: with $maxCount 1 that one drops all before it.
      if (gap + 1 === revision) this.send();
    }
    await this.put(stream, revision, event);
  }

  async finish(): Promise<void> {
    this.send();
    await Promise.all(this.underWay);
    if (this.failure) throw this.failure;
  }

  private async put(stream: string, revision: number, event: NewRawEvent): Promise<void> {
    const bytes = event.data.length + event.metadata.length;
    const isFull =
      this.batch &&
      (this.batch.events.length === APPEND_EVENTS_MAX || this.batch.bytes + bytes > APPEND_BYTES_MAX);
    if (this.batch?.stream !== stream || isFull) this.send();
    this.batch ??= { stream, first: revision, events: [], bytes: 0 };
    this.batch.events.push(event);
    this.batch.bytes += bytes;
    this.next.set(stream, revision + 1);
    if (this.underWay.size >= IN_FLIGHT) await Promise.race(this.underWay);
    if (this.failure) throw this.failure;
  }

  private send(): void {
    if (!this.batch) return;
    const { stream, first, events } = this.batch;
    this.batch = undefined;
    const append = this.log
      .append(stream, BigInt(first), events)
      .catch((error: Error) => {
        this.failure ??= error;
      })
      .finally(() => this.underWay.delete(append));
    this.underWay.add(append);
  }
}

function isTombstone({ revision }: RawEvent): boolean {
  return revision === TOMBSTONE_REVISION;
}

function isLate({ stream }: RawEvent, { softDeleted }: BackupContents): boolean {
  return METADATA_OF.test(stream) && softDeleted.has(stream.replace(METADATA_OF, ''));
}

/** Adds one event to the sum: the order does not count, each part of the event does. */
function addDigest(sum: Buffer, { stream, revision, id, type, isJson, data, metadata }: RawEvent): void {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([stream, String(revision), id, type, isJson, data.length]));
  const digest = hash.update(data).update(metadata).digest();
  for (let index = 0; index < DIGEST_BYTES; index++) sum[index]! ^= digest[index]!;
}
