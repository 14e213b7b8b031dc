import {
  ANY,
  END,
  START,
  streamNameFilter,
  type AllStreamSubscription,
  type EventData,
} from '@kurrent/kurrentdb-client';
import type { Catalogue } from './catalogue.js';
import { RenewableClient } from './client.js';
import { ANSWER_WITHIN_MS, within } from './deadline.js';
import { isDeletedStream, isTransient, SubscriptionEnded } from './errors.js';
import { HealthRecord } from './health.js';
import { Reads } from './reads.js';
import { Slots } from './slots.js';

/** More appends under way at once make the client miss its own deadlines (30,000 at once: 29,000 errors). */
const APPENDS_IN_FLIGHT_MAX = 256;

/**
 * The client sends the deadline of an append as a time of day by its own wall clock, and the store goes by its: with the
 * client's default of 10 s, a node whose clock is 10 s slow could append nothing. Calls have deadlines of our own.
 */
const CLOCKS_APART_MS = 24 * 3_600_000;

/** From `no_stream`, or the revision that the stream must be at. */
export type ExpectedRevision = 'no_stream' | bigint;

export interface Appended {
  /** Commit position of the last event. */
  readonly position: bigint;
  /** Revision of the last event. */
  readonly revision: bigint;
}

/** A live subscription of the client. It never resumes by itself: see subscription.ts. */
export interface OpenSubscription {
  readonly events: AllStreamSubscription;
  /** Throws its connection away, unless another call has done so. */
  readonly renew: () => void;
}

/**
 * The one place that calls the client, with `Reads`. Fences its defects (EVENT-STORE.md section 3): own deadlines, bounded
 * appends in flight, and a new connection after a failure that the old one is slow to recover from, or never does.
 */
export class Connection {
  readonly appendHealth = new HealthRecord();
  readonly reads: Reads;
  private readonly renewable: RenewableClient;
  private readonly appendSlots = new Slots(APPENDS_IN_FLIGHT_MAX);
  /** Counts the connections thrown away: a call that failed on an earlier one says nothing about this one. */
  private epoch = 0;
  private renewed = Promise.resolve();

  constructor(
    connectionString: string,
    readonly catalogue: Catalogue,
  ) {
    this.renewable = new RenewableClient(connectionString);
    this.reads = new Reads(connectionString, catalogue, () => this.probe());
  }

  /** One attempt, behind at most 255 others. Rejects with the client's error, or OwnDeadline. */
  append(stream: string, events: EventData[], expected: ExpectedRevision): Promise<Appended> {
    return this.appendSlots.run(() => this.tryAppend(stream, events, expected, ANSWER_WITHIN_MS));
  }

  /** One attempt, at `expected` or at whatever revision the stream is, ahead of those that wait. Rejects as `append` does. */
  appendAhead(
    stream: string,
    event: EventData,
    withinMs: number,
    expected: ExpectedRevision | typeof ANY,
  ): Promise<Appended> {
    return this.tryAppend(stream, [event], expected, withinMs);
  }

  /** One attempt. A stream that is destroyed already is what was wanted. */
  async tombstone(stream: string): Promise<void> {
    const { epoch } = this;
    try {
      const call = this.renewed.then(() => this.renewable.client.tombstoneStream(stream));
      await within(ANSWER_WITHIN_MS, `destroy ${stream}`, call);
    } catch (error) {
      this.settle(epoch, error);
      if (!isDeletedStream(error)) throw error;
    }
  }

  /** A live subscription after a position. */
  subscribe(after: bigint | undefined, prefixes: readonly string[]): OpenSubscription {
    const { epoch } = this;
    const filter = streamNameFilter({ prefixes: [...prefixes] });
    const fromPosition = after === undefined ? START : { commit: after, prepare: after };
    const events = this.renewable.client.subscribeToAll({ fromPosition, filter });
    return { events, renew: () => this.renew(epoch) };
  }

  async close(): Promise<void> {
    await this.renewable.close();
    await this.reads.close();
  }

  private async tryAppend(
    stream: string,
    events: EventData[],
    expected: ExpectedRevision | typeof ANY,
    withinMs: number,
  ): Promise<Appended> {
    const { epoch } = this;
    try {
      // `expectedRevision`, as the documentation calls it, would be ignored in silence (defect 6).
      const call = this.renewed.then(() =>
        this.renewable.client.appendToStream(stream, events, {
          streamState: expected,
          deadline: CLOCKS_APART_MS,
        }),
      );
      const result = await within(withinMs, `append to ${stream}`, call);
      this.appendHealth.answered();
      if (!result.position) throw new Error(`the store gave no position for an append to ${stream}`);
      return { position: result.position.commit, revision: result.nextExpectedRevision };
    } catch (error) {
      if (isTransient(error)) this.appendHealth.failed(error);
      else this.appendHealth.answered();
      this.settle(epoch, error);
      throw error;
    }
  }

  /** Asks the store for nothing but a sign of life. Rejects when there is none within ANSWER_WITHIN_MS. */
  private async probe(): Promise<void> {
    const { epoch } = this;
    await this.renewed;
    const events = this.renewable.client.subscribeToAll({ fromPosition: END });
    const confirmed = new Promise<void>((resolve, reject) => {
      events.on('confirmation', resolve);
      events.on('error', reject);
      events.on('close', () => reject(new SubscriptionEnded()));
    });
    try {
      await within(ANSWER_WITHIN_MS, 'subscribe', confirmed);
    } catch (error) {
      this.settle(epoch, error);
      throw error;
    } finally {
      void events.unsubscribe().catch(() => undefined);
    }
  }

  /** After an outage the connection is of no use: a frozen leader would hold it for 20 to 40 s. */
  private settle(epoch: number, error: unknown): void {
    if (isTransient(error)) this.renew(epoch);
  }

  private renew(epoch: number): void {
    if (epoch !== this.epoch) return;
    this.epoch++;
    this.reads.doubt();
    this.renewed = this.renewable.renew().catch(() => undefined);
  }
}
