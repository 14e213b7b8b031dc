import { AllCursor } from './all-cursor.js';
import { append, refuseAppend } from './append.js';
import type { AppendOutcome } from './append.js';
import { CommitQueue } from './commit-queue.js';
import { softDelete, tombstone } from './delete.js';
import type { DeleteOutcome } from './delete.js';
import type { ProposedEvent } from './event-frame.js';
import { LogWriter } from './log-writer.js';
import { startRead } from './read.js';
import { decodeAppend, decodeBatchAppend, decodeDelete, decodeRead } from './requests.js';
import type { BatchAppendPart, ReadRequest, StreamTarget } from './requests.js';
import {
  APPEND_BYTES_MAX,
  appendTooLargeEnd,
  encodeAppendConflict,
  encodeAppendSuccess,
  encodeBatchAppend,
  encodeDeleted,
  Status,
  streamDeletedEnd,
  wrongExpectedVersionEnd,
} from './responses.js';
import { CallRefused } from './rpc.js';
import type { Call } from './rpc.js';
import type { EventStorage, WriteFailed } from './storage.js';
import { StreamCursor } from './stream-cursor.js';
import { Subscription } from './subscription.js';
import { Subscriptions } from './subscriptions.js';

/** The largest append that a full disk still takes, if it is critical. */
const CRITICAL_BYTES_MAX = 64 * 1024;

/** An append whose messages have not all come yet. */
interface OpenAppend {
  readonly target: StreamTarget;
  readonly deadlineMs: number | undefined;
  readonly events: ProposedEvent[];
  bytes: number;
}

/** `event_store.client.streams.Streams`: owns the log of one storage. */
export class StreamsService {
  private readonly log: LogWriter;
  private readonly queue: CommitQueue;
  private readonly subscriptions = new Subscriptions();

  constructor(
    storage: EventStorage,
    private readonly clock: () => number,
    onWriteFailed: (error: WriteFailed) => void,
  ) {
    this.log = new LogWriter(storage, clock);
    this.queue = new CommitQueue(this.log, (events) => this.subscriptions.publish(events), onWriteFailed);
  }

  /** Stores what was submitted before. */
  flush(): void {
    this.queue.flush();
  }

  read(call: Call): void {
    let request: ReadRequest | undefined;
    const started = (message: Buffer) => {
      request = decodeRead(message);
      this.startReading(call, request);
    };
    call.receive(started, () => {
      if (!request)
        throw new CallRefused({ status: Status.INVALID_ARGUMENT, message: 'the request is missing' });
    });
  }

  append(call: Call): void {
    let open: OpenAppend | undefined;
    call.receive(
      (message) => {
        const { target, event } = decodeAppend(message);
        if (target) open = { target, deadlineMs: undefined, events: [], bytes: 0 };
        if (event && open) addEvents(open, [event]);
      },
      () => {
        if (!open)
          throw new CallRefused({ status: Status.INVALID_ARGUMENT, message: 'the stream is missing' });
        const { target } = open;
        this.submitAppend(open, (outcome) => answerAppend(call, target, outcome));
      },
    );
  }

  /** One call carries many appends, each in one or more messages; answers come when each is stored. */
  batchAppend(call: Call): void {
    const open = new Map<string, OpenAppend>();
    const unanswered = { count: 0, ended: false };
    const finish = () => {
      if (unanswered.ended && unanswered.count === 0) call.end();
    };
    const take = (part: BatchAppendPart) => {
      const key = part.correlation.toString('latin1');
      const pending = open.get(key) ?? openAppend(part);
      addEvents(pending, part.events);
      if (!part.final) {
        open.set(key, pending);
        return;
      }
      open.delete(key);
      unanswered.count++;
      this.submitAppend(pending, (outcome) => {
        unanswered.count--;
        call.send([encodeBatchAppend(part.correlation, pending.target, outcome)]);
        finish();
      });
    };
    call.receive(
      (message) => take(decodeBatchAppend(message, this.clock())),
      () => {
        unanswered.ended = true;
        finish();
      },
    );
  }

  delete(call: Call): void {
    this.deleteWith(softDelete, call);
  }

  tombstone(call: Call): void {
    this.deleteWith(tombstone, call);
  }

  private startReading(call: Call, request: ReadRequest): void {
    const reader = { storage: this.log.storage, streams: this.log.streams, clock: this.clock };
    if (request.count !== undefined) {
      startRead(reader, request, request.count, call);
      return;
    }
    const cursor =
      request.stream === undefined
        ? new AllCursor(reader, request)
        : new StreamCursor(reader, request, request.stream);
    const subscription = new Subscription(call, cursor);
    call.onClose(this.subscriptions.add(request.stream, subscription));
    subscription.start();
  }

  private submitAppend(open: OpenAppend, answer: (outcome: AppendOutcome) => void): void {
    const command = { ...open.target, events: open.events };
    const refusal =
      open.bytes > 2 * APPEND_BYTES_MAX ? ({ kind: 'too-large' } as const) : refuseAppend(command);
    if (refusal) {
      answer(refusal);
      return;
    }
    this.queue.submit<AppendOutcome>({
      bytes: open.bytes,
      critical: open.bytes <= CRITICAL_BYTES_MAX && open.events.length > 0 && open.events.every(isCritical),
      work: (log) => (isOver(open.deadlineMs, this.clock()) ? { kind: 'timeout' } : append(log, command)),
      answer,
    });
  }

  private deleteWith(work: (log: LogWriter, target: StreamTarget) => DeleteOutcome, call: Call): void {
    call.receive(
      (message) => {
        const target = decodeDelete(message);
        if (target.stream === '')
          throw new CallRefused({ status: Status.INVALID_ARGUMENT, message: 'the stream is missing' });
        this.queue.submit<DeleteOutcome>({
          bytes: 0,
          critical: false,
          work: (log) => work(log, target),
          answer: (outcome) => answerDelete(call, target, outcome),
        });
      },
      () => undefined,
    );
  }
}

function openAppend(part: BatchAppendPart): OpenAppend {
  if (!part.target)
    throw new CallRefused({
      status: Status.INVALID_ARGUMENT,
      message: 'the options of an append are missing',
    });
  return { target: part.target, deadlineMs: part.deadlineMs, events: [], bytes: 0 };
}

/** Keeps the events while the append can still be stored; of one that is too large only the size. */
function addEvents(open: OpenAppend, events: readonly ProposedEvent[]): void {
  for (const event of events) open.bytes += event.data.length + event.metadata.length;
  if (open.bytes > 2 * APPEND_BYTES_MAX) open.events.length = 0;
  else open.events.push(...events);
}

/** An append that is late by the client's clock is answered as a timeout by the client itself: it must not be stored. */
function isOver(deadlineMs: number | undefined, nowMs: number): boolean {
  return deadlineMs !== undefined && deadlineMs < nowMs;
}

/** Facts that narrow access say so in their metadata (`"critical": true`); they are stored on a full disk too. */
function isCritical(event: ProposedEvent): boolean {
  try {
    const metadata: unknown = JSON.parse(event.metadata.toString('utf8'));
    return (metadata as { critical?: unknown } | null)?.critical === true;
  } catch {
    return false;
  }
}

function answerAppend(call: Call, target: StreamTarget, outcome: AppendOutcome): void {
  switch (outcome.kind) {
    case 'success':
      call.send([encodeAppendSuccess(outcome)]);
      return call.end();
    case 'wrong-expected-version':
      call.send([encodeAppendConflict(target, outcome.current)]);
      return call.end();
    case 'stream-deleted':
      return call.end(streamDeletedEnd(target.stream));
    case 'too-large':
      return call.end(appendTooLargeEnd());
    case 'timeout':
      return call.end({
        status: Status.DEADLINE_EXCEEDED,
        message: 'the deadline was over before the append was stored',
      });
    case 'bad-request':
      return call.end({ status: Status.INVALID_ARGUMENT, message: outcome.message });
    case 'unavailable':
      return call.end({ status: outcome.code, message: outcome.message });
  }
}

function answerDelete(
  call: Call,
  target: StreamTarget,
  outcome: DeleteOutcome | Extract<AppendOutcome, { kind: 'unavailable' }>,
): void {
  switch (outcome.kind) {
    case 'deleted':
      call.send([encodeDeleted(outcome.position)]);
      return call.end();
    case 'wrong-expected-version':
      return call.end(wrongExpectedVersionEnd(target, outcome.current));
    case 'stream-deleted':
      return call.end(streamDeletedEnd(target.stream));
    case 'unavailable':
      return call.end({ status: outcome.code, message: outcome.message });
  }
}
