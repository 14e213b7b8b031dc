import type { AppendOutcome } from './append.js';
import type { ExpectedRevision, StreamTarget } from './requests.js';
import { bytesField, grpcFrame, messageField, varintField } from './wire.js';

/** The responses of the server as gRPC frames. Field numbers: the `.proto` files that come with the official client. */

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const Status = {
  OK: 0,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** The end of a call: a status and what the client reads its typed error from. */
export interface CallEnd {
  readonly status: number;
  readonly message: string;
  readonly trailers?: Readonly<Record<string, string>>;
}

/** The largest append in bytes: its events' data, and their metadata, each counted on its own. As the real server. */
export const APPEND_BYTES_MAX = 1_048_576;

function streamIdentifier(field: number, stream: string): Buffer {
  return messageField(field, bytesField(3, stream));
}

function position(field: number, value: number): Buffer {
  return messageField(field, varintField(1, value), varintField(2, value));
}

/** The same three names and the number, at the fields that a message has for them. */
function expectedField(
  expected: ExpectedRevision,
  fields: { exact: number; any: number; stream_exists: number; no_stream: number },
): Buffer {
  return typeof expected === 'number' ? varintField(fields.exact, expected) : messageField(fields[expected]);
}

type SuccessOutcome = Extract<AppendOutcome, { kind: 'success' }>;

/** `AppendResp.Success` and `BatchAppendResp.Success` have the same fields. */
function successFields(outcome: SuccessOutcome): Buffer[] {
  return [
    outcome.revision < 0 ? messageField(2) : varintField(1, outcome.revision),
    outcome.position === undefined ? messageField(4) : position(3, outcome.position),
  ];
}

export function encodeAppendSuccess(outcome: SuccessOutcome): Buffer {
  return grpcFrame(messageField(1, ...successFields(outcome)));
}

export function encodeAppendConflict(target: StreamTarget, current: number): Buffer {
  return grpcFrame(
    messageField(
      2,
      current < 0 ? messageField(7) : varintField(6, current),
      expectedField(target.expected, { exact: 8, any: 9, stream_exists: 10, no_stream: 11 }),
    ),
  );
}

export function encodeBatchAppend(correlation: Buffer, target: StreamTarget, outcome: AppendOutcome): Buffer {
  return grpcFrame(
    bytesField(1, correlation),
    outcome.kind === 'success'
      ? messageField(3, ...successFields(outcome))
      : messageField(2, ...statusFields(target, outcome)),
    streamIdentifier(4, target.stream),
    expectedField(target.expected, { exact: 5, any: 7, stream_exists: 8, no_stream: 6 }),
  );
}

/** `google.rpc.Status { code, message, details: Any }`; the client takes its typed error from the `Any`. */
function statusFields(target: StreamTarget, outcome: Exclude<AppendOutcome, { kind: 'success' }>): Buffer[] {
  const status = (code: number, message: string, type: string, ...details: Buffer[]) => [
    varintField(1, code),
    bytesField(2, message),
    messageField(
      3,
      bytesField(1, `type.googleapis.com/event_store.client.${type}`),
      messageField(2, ...details),
    ),
  ];
  switch (outcome.kind) {
    case 'wrong-expected-version':
      return status(
        Status.FAILED_PRECONDITION,
        'the stream is not at the expected revision',
        'WrongExpectedVersion',
        outcome.current < 0 ? messageField(2) : varintField(1, outcome.current),
        expectedField(target.expected, { exact: 3, any: 4, stream_exists: 5, no_stream: 6 }),
      );
    case 'stream-deleted':
      return status(
        Status.FAILED_PRECONDITION,
        'the stream is deleted',
        'StreamDeleted',
        streamIdentifier(1, target.stream),
      );
    case 'too-large':
      return status(
        Status.INVALID_ARGUMENT,
        'the append is too large',
        'MaximumAppendSizeExceeded',
        varintField(1, APPEND_BYTES_MAX),
      );
    case 'timeout':
      return status(
        Status.DEADLINE_EXCEEDED,
        'the deadline of the append was over before it was stored',
        'Timeout',
      );
    case 'bad-request':
      return status(Status.INVALID_ARGUMENT, outcome.message, 'BadRequest', bytesField(1, outcome.message));
    default:
      return status(outcome.code, outcome.message, 'StoreUnavailable');
  }
}

/** Trailer values are ASCII; what is not is percent-encoded. */
function trailerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character));
}

export function streamDeletedEnd(stream: string): CallEnd {
  return {
    status: Status.FAILED_PRECONDITION,
    message: `stream ${stream} is deleted`,
    trailers: { exception: 'stream-deleted', 'stream-name': trailerText(stream) },
  };
}

const EXPECTED_NUMBER = { any: -2, no_stream: -1, stream_exists: -4 } as const;

export function wrongExpectedVersionEnd(target: StreamTarget, current: number): CallEnd {
  const expected = typeof target.expected === 'number' ? target.expected : EXPECTED_NUMBER[target.expected];
  return {
    status: Status.FAILED_PRECONDITION,
    message: `stream ${target.stream} is at revision ${current}, expected was ${expected}`,
    trailers: {
      exception: 'wrong-expected-version',
      'stream-name': trailerText(target.stream),
      'expected-version': String(expected),
      'actual-version': String(current),
    },
  };
}

export function appendTooLargeEnd(): CallEnd {
  return {
    status: Status.INVALID_ARGUMENT,
    message: `an append is at most ${APPEND_BYTES_MAX} bytes`,
    trailers: { exception: 'maximum-append-size-exceeded', 'maximum-append-size': String(APPEND_BYTES_MAX) },
  };
}

/** `DeleteResp` and `TombstoneResp`. */
export function encodeDeleted(at: number): Buffer {
  return grpcFrame(position(1, at));
}

export function encodeStreamNotFound(stream: string): Buffer {
  return grpcFrame(messageField(4, streamIdentifier(1, stream)));
}

export function encodeConfirmation(subscriptionId: string): Buffer {
  return grpcFrame(messageField(2, bytesField(1, subscriptionId)));
}

export function encodeCheckpoint(at: number): Buffer {
  return grpcFrame(messageField(3, varintField(1, at), varintField(2, at)));
}

export const CAUGHT_UP = grpcFrame(messageField(8));

/** What the client may call. It does not call what is not named here. */
const SUPPORTED_METHODS = [
  ['event_store.client.streams.streams', ['append', 'batchappend', 'delete', 'read', 'tombstone']],
  ['event_store.client.gossip.gossip', ['read']],
  ['event_store.client.server_features.serverfeatures', ['getsupportedmethods']],
] as const;

/** The version whose recorded behaviour this server follows; clients choose what they use by it. */
const SERVER_VERSION = '23.10.8';

export function encodeSupportedMethods(): Buffer {
  const methods = SUPPORTED_METHODS.flatMap(([service, names]) =>
    names.map((name) => messageField(1, bytesField(1, name), bytesField(2, service))),
  );
  return grpcFrame(...methods, bytesField(2, SERVER_VERSION));
}

/** One member, alive, the leader (state 8). */
export function encodeGossip(instanceId: string, port: number, nowMs: number): Buffer {
  return grpcFrame(
    messageField(
      1,
      messageField(1, bytesField(2, instanceId)),
      varintField(2, nowMs * 10_000),
      varintField(3, 8),
      varintField(4, 1),
      messageField(5, bytesField(1, '127.0.0.1'), varintField(2, port)),
    ),
  );
}
