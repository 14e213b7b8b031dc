import type { Decision, Fact, StreamKind } from '#libs/kernel';

/** Somebody asked for it: for a test of the channel, or once more for what was delivered or given up. */
export type NotificationRequested = Fact<
  'NotificationRequested',
  {
    readonly at: string;
    readonly registry: string;
    readonly channel: string;
    /** Whether it is a test, which the log holds nothing else of. */
    readonly test: boolean;
  }
>;
/** `channel` is the id of the channel, or of the user (`usr_…`) to whom a reminder goes. */
export type NotificationDelivered = Fact<
  'NotificationDelivered',
  {
    readonly at: string;
    readonly registry: string;
    readonly channel: string;
    /** How many it took since it was due, or was last asked for. */
    readonly attempts: number;
    /** HTTP status, or the reply code of the mail server. */
    readonly status: number;
    readonly durationMs: number;
  }
>;
export type NotificationFailed = Fact<
  'NotificationFailed',
  {
    readonly at: string;
    readonly registry: string;
    readonly channel: string;
    /** From 1, since it was due, or was last asked for. */
    readonly attempt: number;
    readonly status: number | null;
    /** For people; holds no secret, URL or address. */
    readonly error: string;
    /** null: it is given up. */
    readonly nextAttemptAt: string | null;
    readonly durationMs: number;
  }
>;
export type DeliveryFact = NotificationRequested | NotificationDelivered | NotificationFailed;

export interface DeliveryState {
  /** How often it was asked for. Attempts are counted anew each time. */
  readonly round: number;
  /** In this round. */
  readonly attempts: number;
  /** Whether this round is over: delivered, or given up. */
  readonly over: boolean;
  readonly nextAttemptAt: string | null;
}

/**
 * Stream `delivery-<uuid>`: what became of one notification to one target. That it is due follows from the fact that notifies,
 * so the stream begins with the first outcome; only a test begins with the request for it.
 */
export const deliveries: StreamKind<DeliveryState, DeliveryFact> = {
  category: 'delivery',
  initial: { round: 0, attempts: 0, over: false, nextAttemptAt: null },
  evolve(state, fact) {
    switch (fact.type) {
      case 'NotificationRequested':
        return { round: state.round + 1, attempts: 0, over: false, nextAttemptAt: fact.data.at };
      case 'NotificationDelivered':
        return { ...state, attempts: fact.data.attempts, over: true, nextAttemptAt: null };
      case 'NotificationFailed': {
        const { attempt: attempts, nextAttemptAt } = fact.data;
        return { ...state, attempts, over: nextAttemptAt === null, nextAttemptAt };
      }
      default:
        return unknownFact(fact, state);
    }
  },
};

/** Asks for a delivery. Nothing while an earlier request waits for its first attempt. */
export function requestDelivery(
  data: NotificationRequested['data'],
): Decision<DeliveryState, NotificationRequested> {
  return ({ round, attempts, over }) =>
    round > 0 && attempts === 0 && !over ? [] : [{ type: 'NotificationRequested', data }];
}

/** Records an attempt of a round, once: nothing when another worker has recorded it, or a new round has begun. */
export function recordAttempt(
  round: number,
  outcome: NotificationDelivered | NotificationFailed,
): Decision<DeliveryState, DeliveryFact> {
  const attempt = outcome.type === 'NotificationDelivered' ? outcome.data.attempts : outcome.data.attempt;
  return (state) => (state.round !== round || state.over || state.attempts >= attempt ? [] : [outcome]);
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** The schedule that Standard Webhooks recommends: how long after attempt 1, 2, … the next one follows. */
const RETRY_AFTER_MS = [
  5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
]; // prettier-ignore
/** A target that asks for a longer pause is asked again after this one. */
const PAUSE_MAX_MS = 24 * HOUR;

/**
 * When the attempt after a failed one is made (Unix milliseconds); undefined after the last. `attempt` from 1, `failedAt` and
 * the target's own wish `notBefore` (`Retry-After`) in Unix milliseconds.
 */
export function nextAttempt(attempt: number, failedAt: number, notBefore?: number): number | undefined {
  const pause = RETRY_AFTER_MS[attempt - 1];
  if (pause === undefined) return undefined;
  return Math.max(failedAt + pause, Math.min(notBefore ?? 0, failedAt + PAUSE_MAX_MS));
}

/** A type of a later release: it changes nothing here. The compiler proves that no known type ends up here. */
function unknownFact(_fact: never, state: DeliveryState): DeliveryState {
  return state;
}
