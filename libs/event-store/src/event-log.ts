import { randomUUID } from 'node:crypto';
import {
  streamName,
  type Decision,
  type Fact,
  type FactMetadata,
  type RecordedFact,
  type StreamKind,
} from '#libs/kernel';
import { LaterRelease, type Catalogue } from './catalogue.js';
import { encode } from './codec.js';
import { metadataOf, type CommandContext } from './command-context.js';
import { Connection, type Appended, type ExpectedRevision } from './connection.js';
import {
  EventStoreUnavailable,
  ImpossibleRead,
  isRevisionConflict,
  isTransient,
  RevisionConflict,
} from './errors.js';
import { eventId } from './event-id.js';
import { worst, type EventLogHealth } from './health.js';
import { retain, type Retention } from './retention.js';
import { retry } from './retry.js';
import { historyOf, readToEnd, type StreamRead, type Transacted } from './stream-read.js';
import { Subscription, type SubscriptionHandler } from './subscription.js';

/** Events of one page of `$all`: the client decodes about 50,000 a second, so a page is some 40 ms of one core. */
const ALL_PAGE = 2_048;
/** Somebody else wrote to the stream this often in a row: more is a fault, not a race. */
const CONFLICTS_MAX = 20;

/**
 * The log, as the rest of the program sees it. Safe for concurrent use. Facts come in the newest version of their type
 * that the catalogue knows; one that narrows access and that it does not know is passed by nobody (LaterRelease).
 */
export class EventLog {
  private readonly connection: Connection;
  private readonly subscriptions = new Set<Subscription>();
  private met: LaterRelease | undefined;

  constructor(connectionString: string, catalogue: Catalogue) {
    this.connection = new Connection(connectionString, catalogue);
  }

  /** Every type of fact that this log reads and writes. */
  get catalogue(): Catalogue {
    return this.connection.catalogue;
  }

  /**
   * Set once `readAllAfter` or a subscription has come to a fact that it must not pass: this process may serve nothing
   * from what it has read. It stays so: no event ever leaves the log.
   */
  get laterRelease(): LaterRelease | undefined {
    return this.met;
  }

  /** Which part of the way to the store is in order, as of the last call or message of each. */
  health(): EventLogHealth {
    return {
      append: this.connection.appendHealth.health,
      read: this.connection.reads.health.health,
      subscription: worst([...this.subscriptions].map(({ health }) => health)),
    };
  }

  /**
   * Reads the stream, decides, appends at the revision read; when somebody else wrote in between, it reads and decides
   * again. `require` looks at what was read before each decision, and throws when that is not what the caller wants
   * changed. Throws its Refusal, or the decision's, or EventStoreUnavailable.
   */
  async transact<State, F extends Fact>(
    kind: StreamKind<State, F>,
    id: string,
    decision: Decision<State, F>,
    context: CommandContext,
    require?: (read: StreamRead<State>) => void,
  ): Promise<Transacted<State, F>> {
    for (let attempt = 1; ; attempt++) {
      const read = await this.read(kind, id);
      require?.(read);
      const facts = decision(read.state);
      const { state, events: history, position, revision } = read;
      if (facts.length === 0) return { state, history, facts, position, revision };
      try {
        return await this.appendDecided(kind, id, read, facts, context);
      } catch (error) {
        if (!(error instanceof RevisionConflict) || attempt === CONFLICTS_MAX) throw error;
      }
    }
  }

  /** As `transact` for a stream that is new unless somebody else took the id: saves the read. */
  async create<State, F extends Fact>(
    kind: StreamKind<State, F>,
    id: string,
    decision: Decision<State, F>,
    context: CommandContext,
  ): Promise<Transacted<State, F>> {
    const none = { state: kind.initial, revision: -1n, position: 0n, events: [] };
    try {
      return await this.appendDecided(kind, id, none, decision(kind.initial), context);
    } catch (error) {
      if (!(error instanceof RevisionConflict)) throw error;
      return this.transact(kind, id, decision, context);
    }
  }

  /**
   * Appends one fact if the stream is at `revision` (-1: does not exist), or at whatever it is. One attempt, with an event id
   * that no other call has: it is stored once or not at all, and what it counts for may be counted from before this call.
   * Rejects on any failure and after `withinMs`, with EventStoreUnavailable when it may have been stored, or may yet be.
   */
  async appendOnce<State, F extends Fact>(
    kind: StreamKind<State, F>,
    id: string,
    fact: F,
    context: CommandContext,
    withinMs: number,
    revision?: bigint,
  ): Promise<Appended> {
    const stream = streamName(kind.category, id);
    const event = encode(randomUUID(), fact, this.metadata(kind, fact, context));
    const expected = revision === undefined ? 'any' : expectedAt(revision);
    try {
      return await this.connection.appendAhead(stream, event, withinMs, expected);
    } catch (error) {
      throw isTransient(error) ? new EventStoreUnavailable(`append to ${stream}`, error) : error;
    }
  }

  /**
   * Appends facts to a stream that this process alone writes, at the revision that it knows (-1: the stream is new). Made
   * again with the same `context` and facts it stores nothing twice. Throws EventStoreUnavailable, and RevisionConflict when
   * somebody else writes there after all.
   */
  async extend<State, F extends Fact>(
    kind: StreamKind<State, F>,
    id: string,
    revision: bigint,
    facts: readonly F[],
    context: CommandContext,
  ): Promise<Appended> {
    const stream = streamName(kind.category, id);
    const events = facts.map((fact, index) =>
      encode(eventId(context.commandId, stream, index, fact), fact, this.metadata(kind, fact, context)),
    );
    return this.append(stream, events, expectedAt(revision));
  }

  /**
   * Makes the store keep only the newest events of a stream, or the young ones; the stream need not exist yet. Does nothing
   * when it does so already. Once the answer has resolved, what is appended is kept so.
   */
  async keepOnly(
    kind: Pick<StreamKind<never, Fact>, 'category'>,
    id: string,
    retention: Retention,
  ): Promise<void> {
    await retain(this.connection, streamName(kind.category, id), retention);
  }

  /** Destroys a stream for good: nothing can be read from it or appended to it again. Of a stream that is gone, it does nothing. */
  async destroy(kind: Pick<StreamKind<never, Fact>, 'category'>, id: string): Promise<void> {
    const stream = streamName(kind.category, id);
    await retry(`destroy ${stream}`, () => this.connection.tombstone(stream));
  }

  /** All events of a stream, and the state they fold into. Throws LaterRelease when that state could lack something. */
  async read<State, F extends Fact>(kind: StreamKind<State, F>, id: string): Promise<StreamRead<State>> {
    const { facts: events, last } = await readToEnd(this.connection.reads, streamName(kind.category, id));
    this.catalogue.refuseUnreadable(events);
    const state = events.reduce((folded, event) => kind.evolve(folded, event as unknown as F), kind.initial);
    return { state, revision: last?.revision ?? -1n, position: last?.position ?? 0n, events };
  }

  /** All events of a stream, oldest first, understood or not; empty when it does not exist. */
  async readStream(stream: string): Promise<readonly RecordedFact[]> {
    return (await readToEnd(this.connection.reads, stream)).facts;
  }

  /**
   * Up to ALL_PAGE events after a position, of the categories given; none at the end of the log. Ends before an event that
   * must not be passed; throws LaterRelease when that is the next one.
   */
  readAllAfter(after: bigint | undefined, categories: readonly string[]): Promise<readonly RecordedFact[]> {
    return this.readStreamsAfter(after, prefixes(categories));
  }

  /** As `readAllAfter`, of the streams whose names begin so. */
  async readStreamsAfter(
    after: bigint | undefined,
    beginnings: readonly string[],
  ): Promise<readonly RecordedFact[]> {
    let from = after;
    for (;;) {
      const page = await retry('read all', () => this.connection.reads.all(from, beginnings, ALL_PAGE + 1));
      const { facts, obstacle } = this.catalogue.upToObstacle(
        page.facts.filter(({ position }) => position !== after),
      );
      if (facts.length > 0) return facts;
      if (obstacle) throw (this.met = obstacle);
      if (page.isLast || !page.last) return [];
      from = page.last.position;
    }
  }

  /** The event at exactly this position; undefined when there is none. Asks without filter, as any event may stand there. */
  async eventAt(position: bigint): Promise<RecordedFact | undefined> {
    const [fact] = (await this.firstFrom(position)) ?? [];
    return fact?.position === position ? fact : undefined;
  }

  /** Whether the log can be read from a position. A store refuses one that is no event's: it lies in the middle of one. */
  async canReadFrom(position: bigint): Promise<boolean> {
    return (await this.firstFrom(position)) !== undefined;
  }

  /** Commit position of the newest event of all, of whatever category; undefined when the log is empty. */
  async head(): Promise<bigint | undefined> {
    return retry('read the head', () => this.connection.reads.head());
  }

  /** Delivers every event after a position, in order, for ever, across reconnects. Close the answer to end it. */
  subscribe(
    after: bigint | undefined,
    categories: readonly string[],
    handler: SubscriptionHandler,
  ): Subscription {
    const onFailure = (error: unknown): void => {
      if (error instanceof LaterRelease) this.met = error;
      handler.onFailure(error);
    };
    const subscription: Subscription = new Subscription(
      this.connection,
      prefixes(categories),
      after,
      { ...handler, onFailure },
      () => this.subscriptions.delete(subscription),
    );
    this.subscriptions.add(subscription);
    return subscription;
  }

  async close(): Promise<void> {
    for (const subscription of this.subscriptions) subscription.close();
    await this.connection.close();
  }

  private async appendDecided<State, F extends Fact>(
    kind: StreamKind<State, F>,
    id: string,
    read: StreamRead<State>,
    facts: readonly F[],
    context: CommandContext,
  ): Promise<Transacted<State, F>> {
    const appended = await this.extend(kind, id, read.revision, facts, context);
    const history = historyOf(read.events, facts, appended.revision);
    return { state: facts.reduce(kind.evolve, read.state), history, facts, ...appended };
  }

  /** undefined when the store refuses to read from this position. */
  private async firstFrom(position: bigint): Promise<readonly RecordedFact[] | undefined> {
    try {
      return (await retry('read all', () => this.connection.reads.all(position, undefined, 1))).facts;
    } catch (error) {
      if (error instanceof ImpossibleRead) return undefined;
      throw error;
    }
  }

  private async append(
    stream: string,
    events: ReturnType<typeof encode>[],
    expected: ExpectedRevision,
  ): Promise<Appended> {
    try {
      return await retry(`append to ${stream}`, () => this.connection.append(stream, events, expected));
    } catch (error) {
      throw isRevisionConflict(error) ? new RevisionConflict(stream) : error;
    }
  }

  private metadata<F extends Fact>(
    { critical }: Pick<StreamKind<never, F>, 'critical'>,
    { type }: F,
    context: CommandContext,
  ): FactMetadata {
    return metadataOf(context, this.catalogue.versionOf(type), critical?.has(type) ?? false);
  }
}

function expectedAt(revision: bigint): ExpectedRevision {
  return revision === -1n ? 'no_stream' : revision;
}

function prefixes(categories: readonly string[]): string[] {
  return categories.map((category) => `${category}-`);
}
