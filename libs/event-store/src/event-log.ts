import { setTimeout as delay } from 'node:timers/promises';
import {
  streamName,
  type Actor,
  type Decision,
  type Fact,
  type FactMetadata,
  type RecordedFact,
  type StreamKind,
} from '#libs/kernel';
import { LaterRelease, type Catalogue } from './catalogue.js';
import { encode } from './codec.js';
import { Connection, type Appended, type ExpectedRevision, type Page } from './connection.js';
import {
  EventStoreUnavailable,
  ImpossibleRead,
  isRevisionConflict,
  isTransient,
  RevisionConflict,
} from './errors.js';
import { eventId } from './event-id.js';
import { worst, type EventLogHealth } from './health.js';
import { Subscription, type SubscriptionHandler } from './subscription.js';

/** Events of one page of `$all`: the client decodes about 50,000 a second, so a page is some 40 ms of one core. */
const ALL_PAGE = 2_048;
const STREAM_PAGE = 512;
/** A call is made again (an append with the same bytes) for this long: an election takes 0.6-1.7 s, gRPC waits 1 s to reconnect. */
const RETRY_FOR_MS = 2_500;
const RETRY_AFTER_MS = 250;
/** Somebody else wrote to the stream this often in a row: more is a fault, not a race. */
const CONFLICTS_MAX = 20;

/** Who makes a command, for the metadata of its events. */
export interface CommandContext {
  /** UUID of this command: the name space of its event ids. */
  readonly commandId: string;
  readonly actor: Actor;
  readonly correlationId: string;
  readonly network?: string;
  readonly bodyHash?: string;
}

export interface Transacted<State, F extends Fact> {
  /** The state with the new facts folded in. */
  readonly state: State;
  /** What was appended by this call; empty when the decision was that nothing needs to happen. */
  readonly facts: readonly F[];
  /** Commit position of the stream's newest event: a reader that has applied it knows all of `state`. */
  readonly position: bigint;
  /** Revision of the stream's newest event. */
  readonly revision: bigint;
}

export interface StreamRead<State> {
  readonly state: State;
  /** -1 when the stream does not exist. */
  readonly revision: bigint;
  readonly position: bigint;
  readonly events: readonly RecordedFact[];
}

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
      read: this.connection.readHealth.health,
      subscription: worst([...this.subscriptions].map(({ health }) => health)),
    };
  }

  /**
   * Reads the stream, decides, appends at the revision read; when somebody else wrote in between, it reads and decides
   * again. Throws the decision's Refusal, or EventStoreUnavailable.
   */
  async transact<State, F extends Fact>(
    kind: StreamKind<State, F>,
    id: string,
    decision: Decision<State, F>,
    context: CommandContext,
  ): Promise<Transacted<State, F>> {
    for (let attempt = 1; ; attempt++) {
      const read = await this.read(kind, id);
      const facts = decision(read.state);
      if (facts.length === 0)
        return { state: read.state, facts, position: read.position, revision: read.revision };
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

  /** All events of a stream, and the state they fold into. Throws LaterRelease when that state could lack something. */
  async read<State, F extends Fact>(kind: StreamKind<State, F>, id: string): Promise<StreamRead<State>> {
    const { facts: events, last } = await this.readToEnd(streamName(kind.category, id));
    this.catalogue.refuseUnreadable(events);
    const state = events.reduce((folded, event) => kind.evolve(folded, event as unknown as F), kind.initial);
    return { state, revision: last?.revision ?? -1n, position: last?.position ?? 0n, events };
  }

  /** All events of a stream, oldest first, understood or not; empty when it does not exist. */
  async readStream(stream: string): Promise<readonly RecordedFact[]> {
    return (await this.readToEnd(stream)).facts;
  }

  /**
   * Up to ALL_PAGE events after a position, of the categories given; none at the end of the log. Ends before an event that
   * must not be passed; throws LaterRelease when that is the next one.
   */
  async readAllAfter(
    after: bigint | undefined,
    categories: readonly string[],
  ): Promise<readonly RecordedFact[]> {
    let from = after;
    for (;;) {
      const page = await this.retry('read all', () =>
        this.connection.readAllPage(from, prefixes(categories), ALL_PAGE + 1),
      );
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
    try {
      const { facts } = await this.retry('read all', () =>
        this.connection.readAllPage(position, undefined, 1),
      );
      return facts[0]?.position === position ? facts[0] : undefined;
    } catch (error) {
      if (error instanceof ImpossibleRead) return undefined;
      throw error;
    }
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

  private async readToEnd(stream: string): Promise<{ facts: RecordedFact[]; last: Page['last'] }> {
    const facts: RecordedFact[] = [];
    let last: Page['last'];
    for (;;) {
      const from = (last?.revision ?? -1n) + 1n;
      const page = await this.retry(`read ${stream}`, () =>
        this.connection.readStreamPage(stream, from, STREAM_PAGE),
      );
      facts.push(...page.facts);
      last = page.last ?? last;
      if (page.isLast || !page.last) return { facts, last };
    }
  }

  private async appendDecided<State, F extends Fact>(
    kind: StreamKind<State, F>,
    id: string,
    read: StreamRead<State>,
    facts: readonly F[],
    context: CommandContext,
  ): Promise<Transacted<State, F>> {
    const stream = streamName(kind.category, id);
    const expected = read.revision === -1n ? 'no_stream' : read.revision;
    const appended = await this.append(stream, facts, expected, context, kind.critical);
    return { state: facts.reduce(kind.evolve, read.state), facts, ...appended };
  }

  private async append(
    stream: string,
    facts: readonly Fact[],
    expected: ExpectedRevision,
    context: CommandContext,
    critical?: ReadonlySet<string>,
  ): Promise<Appended> {
    const events = facts.map((fact, index) =>
      encode(
        eventId(context.commandId, stream, index, fact),
        fact,
        metadata(context, this.catalogue.versionOf(fact.type), critical?.has(fact.type) ?? false),
      ),
    );
    try {
      return await this.retry(`append to ${stream}`, () => this.connection.append(stream, events, expected));
    } catch (error) {
      throw isRevisionConflict(error) ? new RevisionConflict(stream) : error;
    }
  }

  private async retry<Result>(operation: string, call: () => Promise<Result>): Promise<Result> {
    const startedAt = performance.now();
    for (let attempt = 1; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        if (!isTransient(error)) throw error;
        // A call that ran into its own deadline (5 s) is made a second time all the same: the answer may only have been lost.
        const isOver = attempt > 1 && performance.now() - startedAt > RETRY_FOR_MS;
        if (isOver) throw new EventStoreUnavailable(operation, error);
        await delay(RETRY_AFTER_MS);
      }
    }
  }
}

function metadata(context: CommandContext, schemaVersion: number, critical: boolean): FactMetadata {
  const { commandId, actor, correlationId, network, bodyHash } = context;
  return {
    schemaVersion,
    actor,
    correlationId,
    causationId: commandId,
    ...(network === undefined ? {} : { network }),
    ...(bodyHash === undefined ? {} : { bodyHash }),
    ...(critical ? { critical } : {}),
  };
}

function prefixes(categories: readonly string[]): string[] {
  return categories.map((category) => `${category}-`);
}
