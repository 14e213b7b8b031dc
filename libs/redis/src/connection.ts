import { Redis, type RedisOptions } from 'ioredis';

/** The connection class; injected by class where a slice needs Redis. */
export { Redis };

/** Where Redis listens: a URL (`redis://`, `rediss://`), a Unix socket of the private server, or host and port. */
export type RedisTarget =
  | string
  | { readonly path: string }
  | { readonly host: string; readonly port: number; readonly password?: string };

/** A command on a request's way gives up after this long, whatever Redis does (down, paused, black-holed): a caller would rather be told. */
const COMMAND_TIMEOUT_MS = 1_000;

/** A connection attempt is given up after this long; the next one follows after `reconnectDelayMs`. */
const CONNECT_TIMEOUT_MS = 1_000;

/** A command may see this many failed reconnections before it fails; with the first delays below that is about 0.2 s. */
const RETRIES_PER_REQUEST = 1;

/** Redis is usually back within seconds of a restart, so the wait between attempts stays short. */
const RECONNECT_DELAY_MAX_MS = 1_000;

/** ioredis waits this long for a socket to close, also for one that is closed already; its default would hold up every shutdown. */
const DISCONNECT_TIMEOUT_MS = 100;

/** Replies of a server that is there but cannot serve now (loading, read-only replica, out of memory, failed save, cluster change). */
const TRANSIENT_REPLY = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|OOM|MISCONF|BUSY|NOREPLICAS)\b/;

/** Redis cannot be used now. Callers answer 503 and may try again; carries no command, because arguments may be secret. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable';
}

/**
 * The connection for requests: it reconnects for ever and quietly, and a command fails within about a second when
 * Redis does not answer. Wrap calls in `reachingRedis`. The owner ends it with `disconnect()`.
 */
export function connectRedis(target: RedisTarget): Redis {
  return connect(target, {
    maxRetriesPerRequest: RETRIES_PER_REQUEST,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
  });
}

/** The connection that BullMQ demands: commands wait for ever, so it must never be awaited on a request's way. */
export function connectRedisForQueues(target: RedisTarget): Redis {
  return connect(target, { maxRetriesPerRequest: null });
}

/** Awaits a Redis call and turns every failure to reach a working Redis into `RedisUnavailable`; other errors pass. */
export async function reachingRedis<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Error && isUnavailable(error)) throw new RedisUnavailable(error.message);
    throw error;
  }
}

/** An error that Redis itself replied is a fault of the command, except the transient ones; all others are the connection's. */
function isUnavailable(error: Error): boolean {
  return error.name !== 'ReplyError' || TRANSIENT_REPLY.test(error.message);
}

/** ioredis reads the types of answers from `replyMapping`, which stays at its default. */
type Options = Omit<RedisOptions, 'replyMapping'>;

function connect(target: RedisTarget, options: Options): Redis {
  const all: Options = {
    ...options,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    retryStrategy: reconnectDelayMs,
  };
  const redis = typeof target === 'string' ? new Redis(target, all) : new Redis({ ...target, ...all });
  // Without a listener ioredis prints every failed attempt. The failing command carries the error to whoever needs it.
  redis.on('error', () => undefined);
  return redis;
}

function reconnectDelayMs(attempt: number): number {
  return Math.min(50 * 2 ** (attempt - 1), RECONNECT_DELAY_MAX_MS);
}
