import {
  FORWARDS,
  KurrentDBClient,
  START,
  streamNameFilter,
  type AllStreamResolvedEvent,
  type AllStreamSubscription,
  type EventData,
  type ResolvedEvent,
} from '@kurrent/kurrentdb-client';
import type { RecordedFact } from '#libs/kernel';
import type { Catalogue } from './catalogue.js';
import { decodeAll } from './codec.js';
import { ImpossibleRead, isMissingStream, isTransient, isUnavailable, OwnDeadline } from './errors.js';
import { HealthRecord } from './health.js';
import { Slots } from './slots.js';

/** An append or a page that takes longer is given up (and appended again with the same ids): the client waits for ever. */
export const ANSWER_WITHIN_MS = 5_000;
/** More appends under way at once make the client miss its own deadlines (30,000 at once: 29,000 errors). */
const APPENDS_IN_FLIGHT_MAX = 256;
/** A read that is turned down this often by a client that answers another one is impossible; once could be a broken wire. */
const REFUSALS_BELIEVED = 3;
/** Notices a dead connection after about 15 s instead of 20 s; the client prints a warning below an interval of 10 s. */
const KEEP_ALIVE = { keepAliveInterval: '10000', keepAliveTimeout: '5000' };

/** From `no_stream`, or the revision that the stream must be at. */
export type ExpectedRevision = 'no_stream' | bigint;

export interface Appended {
  /** Commit position of the last event. */
  readonly position: bigint;
  /** Revision of the last event. */
  readonly revision: bigint;
}

export interface Page {
  readonly facts: readonly RecordedFact[];
  /** Whether the store had no more than this when it was asked. Events that are no facts count too. */
  readonly isLast: boolean;
  /** Revision of the last event in its stream, and its commit position; undefined for an empty page. */
  readonly last: { readonly revision: bigint; readonly position: bigint } | undefined;
}

type Resolved = ResolvedEvent | AllStreamResolvedEvent;

/**
 * The one place that calls the client. Fences its defects (EVENT-STORE.md section 3): own deadlines, bounded and fully
 * drained reads, bounded appends in flight, and a new client object after a failure that the old one never recovers from.
 */
export class Connection {
  readonly appendHealth = new HealthRecord();
  readonly readHealth = new HealthRecord();
  private client: KurrentDBClient;
  private readonly connectionString: string;
  private readonly appendSlots = new Slots(APPENDS_IN_FLIGHT_MAX);

  constructor(
    connectionString: string,
    readonly catalogue: Catalogue,
  ) {
    this.connectionString = withKeepAlive(connectionString);
    this.client = KurrentDBClient.connectionString(this.connectionString);
  }

  /** One attempt. Rejects with the client's error, or OwnDeadline. */
  append(stream: string, events: EventData[], expected: ExpectedRevision): Promise<Appended> {
    return this.appendSlots.run(async () => {
      const client = this.client;
      try {
        // `expectedRevision`, as the documentation calls it, would be ignored in silence (defect 6).
        const call = client.appendToStream(stream, events, { streamState: expected });
        const result = await within(ANSWER_WITHIN_MS, `append to ${stream}`, call);
        this.appendHealth.answered();
        if (!result.position) throw new Error(`the store gave no position for an append to ${stream}`);
        return { position: result.position.commit, revision: result.nextExpectedRevision };
      } catch (error) {
        this.settle(this.appendHealth, client, error);
        throw error;
      }
    });
  }

  /** Up to `limit` events of a stream from a revision on; empty when the stream does not exist. */
  async readStreamPage(stream: string, from: bigint, limit: number): Promise<Page> {
    try {
      return await this.page(`read ${stream}`, limit, (client) =>
        client.readStream(stream, { fromRevision: from, maxCount: limit, direction: FORWARDS }),
      );
    } catch (error) {
      if (isMissingStream(error)) return { facts: [], isLast: true, last: undefined };
      throw error;
    }
  }

  /**
   * Up to `limit` events of streams whose names begin with one of `prefixes`, from a position on, that position
   * included; from the beginning when it is undefined; of all streams when no prefixes are given.
   */
  readAllPage(
    from: bigint | undefined,
    prefixes: readonly string[] | undefined,
    limit: number,
  ): Promise<Page> {
    const filter = prefixes ? { filter: streamNameFilter({ prefixes: [...prefixes] }) } : {};
    return this.page('read all', limit, (client) =>
      client.readAll({ fromPosition: position(from), maxCount: limit, direction: FORWARDS, ...filter }),
    );
  }

  /**
   * A live subscription after a position, on a client that `renew` throws away only once. It never resumes by itself:
   * see subscription.ts.
   */
  subscribe(
    after: bigint | undefined,
    prefixes: readonly string[],
  ): { events: AllStreamSubscription; renew: () => void } {
    const client = this.client;
    const filter = streamNameFilter({ prefixes: [...prefixes] });
    const events = client.subscribeToAll({ fromPosition: position(after), filter });
    return { events, renew: () => this.renew(client) };
  }

  async close(): Promise<void> {
    await this.client.dispose();
  }

  /** Throws a client object away, unless another call has done so. What is under way on it fails, and is tried again. */
  private renew(old: KurrentDBClient): void {
    if (old !== this.client) return;
    this.client = KurrentDBClient.connectionString(this.connectionString);
    void old.dispose().catch(() => undefined);
  }

  private async page(
    operation: string,
    limit: number,
    read: (client: KurrentDBClient) => AsyncIterable<Resolved>,
  ): Promise<Page> {
    const resolved = await this.drained(operation, read);
    const { event, link } = resolved.at(-1) ?? {};
    const last = link ?? event;
    return {
      facts: decodeAll(resolved, this.catalogue),
      isLast: resolved.length < limit,
      last: last?.position && { revision: last.revision, position: last.position.commit },
    };
  }

  /**
   * The client says `unavailable` of an outage and of an impossible argument alike. Where the same client answers an
   * innocent question, the argument is under suspicion; where that comes again and again, it is the argument.
   */
  private async drained(
    operation: string,
    read: (client: KurrentDBClient) => AsyncIterable<Resolved>,
  ): Promise<Resolved[]> {
    for (let refusals = 1; ; refusals++) {
      const client = this.client;
      try {
        const resolved = await within(ANSWER_WITHIN_MS, operation, drain(read(client)));
        this.readHealth.answered();
        return resolved;
      } catch (error) {
        if (!isUnavailable(error) || !(await answersReads(client))) {
          this.settle(this.readHealth, client, error);
          throw error;
        }
        if (refusals === REFUSALS_BELIEVED) throw new ImpossibleRead(operation, error);
      }
    }
  }

  /** Takes note of an error: of an outage, or of an answer that says no. */
  private settle(health: HealthRecord, client: KurrentDBClient, error: unknown): void {
    if (!isTransient(error)) return health.answered();
    health.failed(error);
    this.renew(client);
  }
}

function answersReads(client: KurrentDBClient): Promise<boolean> {
  const innocent = drain(client.readAll({ fromPosition: START, maxCount: 1, direction: FORWARDS }));
  return within(ANSWER_WITHIN_MS, 'read all', innocent).then(
    () => true,
    () => false,
  );
}

/** Reads to the end, always: after some seven reads that were left early, all reads of a client hang (defect 2). */
async function drain(events: AsyncIterable<Resolved>): Promise<Resolved[]> {
  const drained: Resolved[] = [];
  for await (const resolved of events) drained.push(resolved);
  return drained;
}

async function within<Result>(ms: number, operation: string, call: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new OwnDeadline(operation, ms)), ms);
  });
  try {
    return await Promise.race([call, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function position(commit: bigint | undefined): typeof START | { commit: bigint; prepare: bigint } {
  return commit === undefined ? START : { commit, prepare: commit };
}

function withKeepAlive(connectionString: string): string {
  const [base, query = ''] = connectionString.split('?', 2) as [string, string?];
  const parameters = new URLSearchParams(query);
  for (const [name, value] of Object.entries(KEEP_ALIVE)) {
    if (!parameters.has(name)) parameters.set(name, value);
  }
  return `${base}?${parameters.toString()}`;
}
