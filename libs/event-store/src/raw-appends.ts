import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { KurrentDBClient } from '@kurrent/kurrentdb-client';
import streamsService from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_grpc_pb.js';
import streamsMessages from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import sharedMessages from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js';
import { OwnDeadline } from './errors.js';
import type { NewRawEvent } from './raw-events.js';

const { BatchAppendReq } = streamsMessages;
const { Empty, StreamIdentifier, UUID } = sharedMessages;
type Answer = InstanceType<typeof streamsMessages.BatchAppendResp>;

/** A restore writes thousands of events ahead of the answers; each still has to come within this time. */
const ANSWER_WITHIN_MS = 60_000;

/** What the client keeps to itself: its open calls. The version is pinned, and `open` looks whether they are there. */
interface ClientInternals {
  readonly GRPCStreamCreator: (
    service: unknown,
    name: string,
    create: (grpc: { batchAppend(...call: unknown[]): Duplex }) => Duplex,
  ) => () => Promise<Duplex>;
  readonly callArguments: (options: object, call: object) => unknown[];
}

interface Waiter {
  readonly stream: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * One `BatchAppend` call with the client's own messages. `appendToStream` writes JSON anew from parsed values, and so
 * cannot store the bytes that a backup holds; and one call keeps the order of appends across streams.
 */
export class RawAppends {
  private readonly waiting = new Map<string, Waiter>();

  private constructor(private readonly call: Duplex) {
    call.on('data', (answer: Answer) => this.answered(answer));
    call.on('error', (error) => this.end(error));
    call.on('end', () => this.end(new Error('the store ended the append stream')));
  }

  static readonly open = async (client: KurrentDBClient): Promise<RawAppends> => {
    const internals = client as unknown as ClientInternals;
    if (!internals.GRPCStreamCreator || !internals.callArguments) {
      throw new Error('this version of the event store client cannot append raw events');
    }
    const open = internals.GRPCStreamCreator(streamsService.StreamsClient, 'raw appends', (grpc) =>
      grpc.batchAppend(...internals.callArguments({}, { deadline: Infinity })),
    );
    return new RawAppends(await open());
  };

  /** `next` = the revision that the first event will have. */
  append(stream: string, next: bigint, events: readonly NewRawEvent[]): Promise<void> {
    const correlation = randomUUID();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(correlation);
        reject(new OwnDeadline(`append to ${stream}`, ANSWER_WITHIN_MS));
      }, ANSWER_WITHIN_MS);
      this.waiting.set(correlation, { stream, resolve, reject, timer });
      this.call.write(request(correlation, stream, next, events));
    });
  }

  close(): void {
    this.call.removeAllListeners('end');
    this.call.end();
  }

  private answered(answer: Answer): void {
    const correlation = answer.getCorrelationId()?.getString() ?? '';
    const waiter = this.waiting.get(correlation);
    if (!waiter) return;
    this.waiting.delete(correlation);
    clearTimeout(waiter.timer);
    const problem = answer.getError()?.getMessage();
    if (answer.hasError()) waiter.reject(new Error(`append to ${waiter.stream}: ${problem ?? 'refused'}`));
    else waiter.resolve();
  }

  private end(error: Error): void {
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.waiting.clear();
  }
}

function request(correlation: string, stream: string, next: bigint, events: readonly NewRawEvent[]) {
  const options = new BatchAppendReq.Options();
  const identifier = new StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream, 'utf8'));
  options.setStreamIdentifier(identifier);
  if (next === 0n) options.setNoStream(new Empty());
  else options.setStreamPosition(String(next - 1n));
  const message = new BatchAppendReq();
  message.setCorrelationId(uuid(correlation));
  message.setOptions(options);
  message.setProposedMessagesList(events.map(proposed));
  message.setIsFinal(true);
  return message;
}

function proposed({ id, type, isJson, data, metadata }: NewRawEvent) {
  const message = new BatchAppendReq.ProposedMessage();
  message.setId(uuid(id));
  message.getMetadataMap().set('type', type);
  message.getMetadataMap().set('content-type', isJson ? 'application/json' : 'application/octet-stream');
  message.setData(data);
  message.setCustomMetadata(metadata);
  return message;
}

function uuid(text: string) {
  const message = new UUID();
  message.setString(text);
  return message;
}
