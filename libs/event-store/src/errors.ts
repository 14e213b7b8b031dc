import { ErrorType } from '@kurrent/kurrentdb-client';

/** The stream was not at the revision that the append named: somebody else wrote. Reload and decide again. */
export class RevisionConflict extends Error {
  constructor(readonly stream: string) {
    super(`${stream} was written by somebody else`);
    this.name = 'RevisionConflict';
  }
}

/**
 * The store did not answer in time or is away. After an append the outcome is unknown: the events may have been stored.
 * A retry with the same command id settles it.
 */
export class EventStoreUnavailable extends Error {
  constructor(operation: string, cause: unknown) {
    super(`the event store did not answer: ${operation}`, { cause });
    this.name = 'EventStoreUnavailable';
  }
}

/** The store is there and turns this one read down, each time: its argument is impossible (a position that is no event's). */
export class ImpossibleRead extends Error {
  constructor(operation: string, cause: unknown) {
    super(`the event store refuses to ${operation}`, { cause });
    this.name = 'ImpossibleRead';
  }
}

/** Error types of the client that say nothing about the request itself: the same call may succeed later. */
const TRANSIENT = new Set<unknown>([
  ErrorType.UNAVAILABLE,
  ErrorType.TIMEOUT,
  ErrorType.DEADLINE_EXCEEDED,
  ErrorType.CANCELLED,
  ErrorType.NOT_LEADER,
  ErrorType.UNKNOWN,
]);
/** gRPC CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, ABORTED, INTERNAL, UNAVAILABLE: appends fail so while the server is down. */
const TRANSIENT_GRPC_CODES = new Set([1, 2, 4, 10, 13, 14]);

function property(error: unknown, name: 'type' | 'code'): unknown {
  return typeof error === 'object' && error !== null ? (error as Record<string, unknown>)[name] : undefined;
}

export function isRevisionConflict(error: unknown): boolean {
  return property(error, 'type') === ErrorType.WRONG_EXPECTED_VERSION;
}

export function isMissingStream(error: unknown): boolean {
  return property(error, 'type') === ErrorType.STREAM_NOT_FOUND;
}

/** The stream was tombstoned: it can be neither read nor appended to. */
export function isDeletedStream(error: unknown): boolean {
  return property(error, 'type') === ErrorType.STREAM_DELETED;
}

/** How the client reports a read that found nobody, and just so one whose argument the server refused (defect 7). */
export function isUnavailable(error: unknown): boolean {
  return property(error, 'type') === ErrorType.UNAVAILABLE;
}

/** A word for the kind of an error, without its text: `unavailable`, `grpc-14`, `no-answer`. */
export function errorKind(error: unknown): string {
  if (error instanceof OwnDeadline) return 'no-answer';
  if (error instanceof SubscriptionEnded) return 'ended';
  const type = property(error, 'type');
  if (typeof type === 'string') return type;
  const code = property(error, 'code');
  if (typeof code === 'number') return `grpc-${code}`;
  return error instanceof Error ? error.name : typeof error;
}

/** Whether the same call may succeed when it is made again. An error without a type comes from the transport. */
export function isTransient(error: unknown): boolean {
  if (error instanceof OwnDeadline) return true;
  const type = property(error, 'type');
  const code = property(error, 'code');
  if (type !== undefined) return TRANSIENT.has(type);
  return typeof code === 'number' && TRANSIENT_GRPC_CODES.has(code);
}

/** Thrown by the adapter itself: batch appends and reads ignore the client's deadline (EVENT-STORE.md, defect 3). */
export class OwnDeadline extends Error {
  constructor(operation: string, milliseconds: number) {
    super(`no answer within ${milliseconds} ms: ${operation}`);
    this.name = 'OwnDeadline';
  }
}

/** The client's subscription came to an end without an error, which it never does by itself. */
export class SubscriptionEnded extends Error {
  constructor() {
    super('the store ended the subscription');
    this.name = 'SubscriptionEnded';
  }
}
