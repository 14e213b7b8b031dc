import { randomUUID } from 'node:crypto';
import { BACKWARDS, END, FORWARDS, KurrentDBClient, START } from '@kurrent/kurrentdb-client';
import { OwnDeadline } from './errors.js';
import { RawAppends } from './raw-appends.js';

/** A page or the head that takes longer is given up: the client itself would wait for ever (EVENT-STORE.md, defect 3). */
const ANSWER_WITHIN_MS = 10_000;

/** An event as the store keeps it: data and metadata are bytes that nobody has parsed. */
export interface RawEvent {
  readonly stream: string;
  readonly revision: bigint;
  /** Commit position of this event; of a link, its own and not its target's. */
  readonly position: bigint;
  readonly id: string;
  readonly type: string;
  readonly isJson: boolean;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

export type NewRawEvent = Pick<RawEvent, 'id' | 'type' | 'isJson' | 'data' | 'metadata'>;

/** Revision of the `$streamDeleted` event of a stream that was ended for ever (2^63 - 1). */
export const TOMBSTONE_REVISION = 9_223_372_036_854_775_807n;

/** The log byte by byte, for backup and restore, over a client of its own. One writer at a time. */
export class RawEvents {
  private readonly client: KurrentDBClient;
  private appends: Promise<RawAppends> | undefined;

  constructor(connectionString: string) {
    this.client = KurrentDBClient.connectionString(connectionString);
  }

  /** Commit position of the newest event of all; undefined when there is none. Rejects when the store does not answer. */
  async head(): Promise<bigint | undefined> {
    // Backwards from the end: the other two ways round are read in the wrong direction (defect 7).
    const [newest] = await within('read the head', readRaw(this.client, BACKWARDS, END, 1));
    return newest?.position;
  }

  /** Up to `limit` events of all streams after a position, links as they are, oldest first; empty at the end. */
  async readAllAfter(after: bigint | undefined, limit: number): Promise<RawEvent[]> {
    const from = after === undefined ? START : { commit: after, prepare: after };
    const events = await within('read all', readRaw(this.client, FORWARDS, from, limit + 1));
    return after === undefined || events[0]?.position !== after ? events : events.slice(1);
  }

  /**
   * Appends in the order of the calls, also across streams; many may be under way. `next` = the revision that the first
   * event will have. Rejects when the stream is at another revision; what was appended before stays.
   */
  async append(stream: string, next: bigint, events: readonly NewRawEvent[]): Promise<void> {
    this.appends ??= RawAppends.open(this.client);
    return (await this.appends).append(stream, next, events);
  }

  /** Ends a stream for ever, as it was in the log that is restored. Its event gets a new id. */
  async tombstone(stream: string): Promise<void> {
    await within(`tombstone ${stream}`, this.client.tombstoneStream(stream));
  }

  async close(): Promise<void> {
    (await this.appends)?.close();
    await this.client.dispose();
  }
}

/** An event that only takes a place in its stream: the one that stood there is gone. It must be hidden by whoever writes it. */
export function placeHolder(): NewRawEvent {
  const nothing = new Uint8Array();
  return { id: randomUUID(), type: 'RestoredGap', isJson: false, data: nothing, metadata: nothing };
}

/** Commit position of the log's newest event, asked once over a client of its own. */
export async function readHead(connectionString: string): Promise<bigint | undefined> {
  const events = new RawEvents(connectionString);
  try {
    return await events.head();
  } finally {
    await events.close();
  }
}

async function readRaw(
  client: KurrentDBClient,
  direction: typeof FORWARDS | typeof BACKWARDS,
  fromPosition: { commit: bigint; prepare: bigint } | string,
  limit: number,
): Promise<RawEvent[]> {
  // The native reader below the client's own methods: those parse, and so lose the bytes.
  const pages = client.rustClient.readAll({
    fromPosition,
    direction,
    maxCount: BigInt(limit),
    requiresLeader: false,
    resolvesLink: false,
  });
  const events: RawEvent[] = [];
  for await (const page of pages) {
    for (const { event, link, commitPosition } of page) {
      const record = link ?? event;
      const position = record?.position?.commit ?? commitPosition;
      if (!record || position === undefined) throw new Error('the store sent an event without its position');
      const { streamId: stream, revision, id, type, isJson, data, metadata } = record;
      events.push({ stream, revision, position, id, type, isJson, data, metadata });
    }
  }
  return events;
}

async function within<Result>(operation: string, call: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new OwnDeadline(operation, ANSWER_WITHIN_MS)), ANSWER_WITHIN_MS);
  });
  try {
    return await Promise.race([call, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
