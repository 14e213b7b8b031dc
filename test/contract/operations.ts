import { setTimeout as delay } from 'node:timers/promises';
import { countRuns, shownError, shownPosition, shownResolvedEvent, summarize } from './answers.js';
import type { Answer, AnswerObject } from './answers.js';
import { RawPosition } from './answers.js';
import type {
  AppendAnswer,
  Client,
  ClientPackage,
  ClientResolvedEvent,
  Options,
  Position,
} from './client.js';
import { makeEvents } from './proposed-events.js';
import type { EventSpec } from './proposed-events.js';
import type { JsonObject, Names, Step } from './scenario.js';
import { WatchedSubscription } from './watched-subscription.js';

interface AppendArgs {
  readonly stream: string;
  readonly events: EventSpec[];
  readonly expectedRevision?: string;
  readonly via?: 'append';
  readonly batchAppendSize?: number;
}

/** The operations of one run of one scenario, against one client. */
export class Operations {
  private readonly subscriptions = new Map<string, WatchedSubscription>();
  private readonly saved = new Map<string, Position>();

  constructor(
    private readonly library: ClientPackage,
    private readonly client: Client,
    private readonly names: Names,
    /** The position of the last event of `$all` before the scenario. */
    private readonly mark: Position,
  ) {}

  /** Performs a step; what is thrown is an answer too. */
  async perform(step: Step): Promise<Answer> {
    const args = this.names.fill(step.args);
    try {
      const answer = await this.dispatch(step.op, args);
      for (const [name, path] of Object.entries(step.save ?? {})) this.save(name, path, answer);
      return answer;
    } catch (error) {
      return { error: shownError(error) };
    }
  }

  async end(): Promise<void> {
    await Promise.all([...this.subscriptions.values()].map((subscription) => subscription.unsubscribe()));
  }

  private async dispatch(op: string, args: JsonObject): Promise<AnswerObject> {
    switch (op) {
      case 'append':
        return shownAppend(await this.append(args as unknown as AppendArgs));
      case 'appendConcurrent':
        return this.appendConcurrent(args);
      case 'readStream':
        return this.show(
          args,
          await collected(
            this.client.readStream(String(args['stream']), this.readOptions(args, 'fromRevision')),
          ),
        );
      case 'readAll':
        return this.readAll(args);
      case 'subscribeStream':
      case 'subscribeAll':
        return this.subscribe(op, args);
      case 'collect':
        return this.subscriptionOf(args).collect(args);
      case 'unsubscribe':
        return this.subscriptionOf(args).unsubscribe();
      case 'setMetadata':
        return shownAppend(
          await this.client.setStreamMetadata(
            String(args['stream']),
            args['metadata'] as object,
            this.library.expecting(revisionOf(args['expectedRevision'] as string | undefined)),
          ),
        );
      case 'getMetadata':
        return this.getMetadata(String(args['stream']));
      case 'delete':
        return {
          pos: shownPosition(
            (await this.client.deleteStream(String(args['stream']), deleteOptions(args))).position,
          ),
        };
      case 'tombstone':
        return {
          pos: shownPosition(
            (await this.client.tombstoneStream(String(args['stream']), deleteOptions(args))).position,
          ),
        };
      case 'sleep':
        await delay(Number(args['ms']));
        return {};
      default:
        throw new Error(`the operation ${op} is not known`);
    }
  }

  private append(args: AppendArgs, shift = 0): Promise<AppendAnswer> {
    return this.client.appendToStream(args.stream, makeEvents(this.library, this.names, args.events, shift), {
      ...this.library.expecting(revisionOf(args.expectedRevision)),
      ...(args.via === 'append' ? { credentials: { username: 'admin', password: 'changeit' } } : {}),
      ...(args.batchAppendSize === undefined ? {} : { batchAppendSize: args.batchAppendSize }),
    });
  }

  private async appendConcurrent(args: JsonObject): Promise<AnswerObject> {
    const started = args['appends']
      ? (args['appends'] as unknown as AppendArgs[]).map((append) => this.append(append))
      : Array.from({ length: Number(args['repeat']) }, (_, index) => {
          const filled = JSON.parse(
            JSON.stringify(args['template']).replaceAll('{i}', String(index)),
          ) as AppendArgs;
          return this.append(filled, index);
        });
    const settled = await Promise.allSettled(started);
    const answers = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const errors = settled.flatMap((one) =>
      one.status === 'rejected' ? [JSON.stringify(shownError(one.reason))] : [],
    );
    const revisions = answers
      .map(({ nextExpectedRevision }) => Number(nextExpectedRevision))
      .sort((a, b) => a - b);
    return {
      ok: answers.length,
      next:
        revisions.length > 8
          ? { distinct: new Set(revisions).size, min: String(revisions[0]), max: String(revisions.at(-1)) }
          : revisions.map(String),
      distinctPositions: new Set(answers.map(({ position }) => String(position?.commit))).size,
      errors: [...new Set(errors)].map((error) => ({
        count: errors.filter((other) => other === error).length,
        ...(JSON.parse(error) as AnswerObject),
      })),
    };
  }

  private async readAll(args: JsonObject): Promise<AnswerObject> {
    if (args['filter'] && this.library.isOld) {
      return { unsupported: 'client 6.2.1 has no filter on readAll and ignores it' };
    }
    const isFromMark = args['from'] === 'mark';
    const options = this.readOptions(args, 'fromPosition');
    // Forwards includes the event at the mark, which is not one of the scenario.
    if (isFromMark && !args['filter'] && typeof options['maxCount'] === 'number') options['maxCount']++;
    const events = (await collected(this.client.readAll(options))).filter((event) => {
      const own = event.link ?? event.event;
      return (
        own?.streamId.includes(this.names.tag) && !(isFromMark && own.position?.commit === this.mark.commit)
      );
    });
    return this.show(args, events);
  }

  private async subscribe(op: string, args: JsonObject): Promise<AnswerObject> {
    const watched = new WatchedSubscription(this.names);
    this.subscriptions.set(String(args['as']), watched);
    const options = this.readOptions(args, op === 'subscribeAll' ? 'fromPosition' : 'fromRevision', watched);
    watched.open(
      op === 'subscribeAll'
        ? this.client.subscribeToAll(options)
        : this.client.subscribeToStream(String(args['stream']), options),
    );
    if (args['wait'] !== false) await watched.started();
    return {};
  }

  private subscriptionOf(args: JsonObject): WatchedSubscription {
    const subscription = this.subscriptions.get(String(args['as']));
    if (!subscription) throw new Error(`there is no subscription ${String(args['as'])}`);
    return subscription;
  }

  private async getMetadata(stream: string): Promise<AnswerObject> {
    const answer = await this.client.getStreamMetadata(stream);
    return {
      stream: answer.streamName,
      metadata: (answer.metadata as AnswerObject | undefined) ?? 'none',
      metastreamRevision: answer.metastreamRevision === undefined ? 'none' : 'some',
    };
  }

  private readOptions(args: JsonObject, fromName: string, watched?: WatchedSubscription): Options {
    const { from, direction, maxCount, resolveLinks, filter } = args;
    return {
      ...(from === undefined ? {} : { [fromName]: this.startOf(from) }),
      ...(direction === undefined ? {} : { direction }),
      ...(maxCount === undefined ? {} : { maxCount }),
      ...(resolveLinks === undefined ? {} : { resolveLinkTos: resolveLinks }),
      ...(filter === undefined ? {} : { filter: this.filterOf(filter as JsonObject, watched) }),
    };
  }

  private startOf(from: unknown): unknown {
    if (from === 'mark') return this.mark;
    if (typeof from === 'object' && from !== null) return this.saved.get((from as { ref: string }).ref);
    return from === 'start' || from === 'end' ? from : BigInt(String(from));
  }

  private filterOf({ on, ...options }: JsonObject, watched?: WatchedSubscription): unknown {
    const make = on === 'stream' ? this.library.streamFilter : this.library.typeFilter;
    return make({ ...options, ...(watched ? { checkpointReached: watched.checkpointReached } : {}) });
  }

  private show(args: JsonObject, events: readonly ClientResolvedEvent[]): AnswerObject {
    const backwards = args['direction'] === 'backwards';
    if (args['runs'] !== undefined) return countRuns(events, String(args['runs']), backwards);
    if (args['summary'] === true) return summarize(this.names, events, backwards);
    return { events: events.map((event) => shownResolvedEvent(this.names, event)) };
  }

  private save(name: string, path: string, answer: Answer): void {
    let value: unknown = answer;
    for (const key of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[key];
    if (value instanceof RawPosition) this.saved.set(name, value);
  }
}

function shownAppend(answer: AppendAnswer): AnswerObject {
  return {
    success: answer.success,
    next: String(answer.nextExpectedRevision),
    pos: shownPosition(answer.position),
  };
}

function deleteOptions(args: JsonObject): Options {
  const revision = revisionOf(args['expectedRevision'] as string | undefined);
  return revision === undefined ? {} : { expectedRevision: revision };
}

function revisionOf(expected: string | undefined): unknown {
  return expected !== undefined && /^\d+$/.test(expected) ? BigInt(expected) : expected;
}

async function collected(events: AsyncIterable<ClientResolvedEvent>): Promise<ClientResolvedEvent[]> {
  const all: ClientResolvedEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}
