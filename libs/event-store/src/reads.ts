import {
  BACKWARDS,
  END,
  FORWARDS,
  KurrentDBClient,
  START,
  streamNameFilter,
  type AllStreamResolvedEvent,
  type ResolvedEvent,
} from '@kurrent/kurrentdb-client';
import type { RecordedFact } from '#libs/kernel';
import type { Catalogue } from './catalogue.js';
import { withKeepAlive } from './client.js';
import { decodeAll } from './codec.js';
import { ANSWER_WITHIN_MS, within } from './deadline.js';
import { ImpossibleRead, isMissingStream, isTransient, isUnavailable } from './errors.js';
import { HealthRecord } from './health.js';

/** A read that is turned down this often by a client that answers another one is impossible; once could be a broken wire. */
const REFUSALS_BELIEVED = 3;

export interface Page {
  readonly facts: readonly RecordedFact[];
  /** Whether the store had no more than this when it was asked. Events that are no facts count too. */
  readonly isLast: boolean;
  /** Revision of the last event in its stream, and its commit position; undefined for an empty page. */
  readonly last: { readonly revision: bigint; readonly position: bigint } | undefined;
}

type Resolved = ResolvedEvent | AllStreamResolvedEvent;

/**
 * Reads of the client, which go through its native bridge over a connection of its own: bounded, fully drained, with an
 * own deadline. A client object never reads again after a read that found nobody (EVENT-STORE.md, defect 1), and costs
 * memory for ever (almost 1 MB once it has read); so in an outage the store has to answer otherwise before a read is tried.
 */
export class Reads {
  readonly health = new HealthRecord();
  private client: KurrentDBClient | undefined;
  private doubted = false;
  private probing: Promise<void> | undefined;
  private readonly connectionString: string;

  /** `probe` asks the store on another way than a read; it rejects as long as nobody answers. */
  constructor(
    connectionString: string,
    private readonly catalogue: Catalogue,
    private readonly probe: () => Promise<void>,
  ) {
    this.connectionString = withKeepAlive(connectionString);
  }

  /** Up to `limit` events of a stream from a revision on; empty when the stream does not exist. */
  async stream(stream: string, from: bigint, limit: number): Promise<Page> {
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
  all(from: bigint | undefined, prefixes: readonly string[] | undefined, limit: number): Promise<Page> {
    const filter = prefixes ? { filter: streamNameFilter({ prefixes: [...prefixes] }) } : {};
    const fromPosition = from === undefined ? START : { commit: from, prepare: from };
    return this.page('read all', limit, (client) =>
      client.readAll({ fromPosition, maxCount: limit, direction: FORWARDS, ...filter }),
    );
  }

  /** Commit position of the newest event of all streams; undefined when there is none. */
  async head(): Promise<bigint | undefined> {
    // Backwards from the end: the other two ways round are read in the wrong direction (defect 7).
    const newest = await this.drained('read the head', (client) =>
      client.readAll({ fromPosition: END, maxCount: 1, direction: BACKWARDS }),
    );
    const { event, link } = newest[0] ?? {};
    return (link ?? event)?.position?.commit;
  }

  /** Another call has found nobody: the next read asks first whether the store answers. */
  doubt(): void {
    this.doubted = true;
  }

  async close(): Promise<void> {
    await this.client?.dispose();
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
      const client = await this.usable();
      try {
        const resolved = await within(ANSWER_WITHIN_MS, operation, drain(read(client)));
        this.health.answered();
        return resolved;
      } catch (error) {
        if (!isUnavailable(error) || !(await answersReads(client))) {
          this.settle(client, error);
          throw error;
        }
        if (refusals === REFUSALS_BELIEVED) throw new ImpossibleRead(operation, error);
      }
    }
  }

  /** A client object that no read has failed on. */
  private async usable(): Promise<KurrentDBClient> {
    if (this.doubted) await this.reachable();
    return (this.client ??= KurrentDBClient.connectionString(this.connectionString));
  }

  /** One probe for all reads that wait. */
  private async reachable(): Promise<void> {
    try {
      await (this.probing ??= this.probe().finally(() => (this.probing = undefined)));
      this.doubted = false;
    } catch (error) {
      this.health.failed(error);
      throw error;
    }
  }

  /** Takes note of an error: of an outage, or of an answer that says no. */
  private settle(client: KurrentDBClient, error: unknown): void {
    if (!isTransient(error)) return this.health.answered();
    this.health.failed(error);
    this.doubted = true;
    if (client === this.client) this.client = undefined;
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
