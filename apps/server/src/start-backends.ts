import { join } from 'node:path';
import { startEmbeddedStore } from '#libs/embedded-store';
import { publishConnection } from '#libs/event-store';
import {
  startPrivateRedis,
  startPrivateRegistry,
  type Closers,
  type Log,
  type Settings,
} from '#libs/platform';
import { connectRedis, type Redis, type RedisTarget } from '#libs/redis';
import { lockDirectory } from '#libs/sqlite';

/** What the server stands on: given by URL, or private to this process. */
export interface Backends {
  readonly eventStoreUrl: string;
  readonly redis: Redis;
  readonly redisTarget: RedisTarget;
  /** undefined: no registry, only `/v2/` answers. */
  readonly upstream: URL | undefined;
  /** Resolves when a private part ends by itself: the process should end then. */
  readonly failed: Promise<Error>;
  /** Ends the process through `failed`. */
  readonly fail: (part: string, error: unknown) => void;
}

/** Takes the data directory for this process alone and starts what has no URL, in parallel. */
export async function startBackends(settings: Settings, log: Log, closers: Closers): Promise<Backends> {
  const unlock = lockDirectory(settings.dataDir);
  closers.add('data directory', unlock);
  let fail: Backends['fail'] = () => undefined;
  const failed = new Promise<Error>((resolve) => {
    fail = (part, error) => resolve(new Error(`${part}: ${describe(error)}`, { cause: error }));
  });
  const watched = { settings, log, closers, fail };
  const [eventStoreUrl, redisTarget, upstream] = await Promise.all([
    eventStore(watched),
    redisServer(watched),
    registry(watched),
  ]);
  const redis = connectRedis(redisTarget);
  closers.add('redis connection', () => redis.disconnect());
  return { eventStoreUrl, redis, redisTarget, upstream, failed, fail };
}

interface Watched {
  readonly settings: Settings;
  readonly log: Log;
  readonly closers: Closers;
  readonly fail: Backends['fail'];
}

async function eventStore({ settings, closers, fail }: Watched): Promise<string> {
  if (settings.eventStoreUrl !== undefined) return settings.eventStoreUrl;
  const directory = join(settings.dataDir, 'events');
  const store = await startEmbeddedStore({ directory });
  closers.add('embedded event store', () => store.close());
  closers.add('published connection', publishConnection(directory, store.connectionString));
  void store.failed.then((error) => fail('embedded event store', error));
  return store.connectionString;
}

async function redisServer({ settings, log, closers, fail }: Watched): Promise<RedisTarget> {
  if (settings.redisUrl !== undefined) return settings.redisUrl;
  const server = await startPrivateRedis({ directory: join(settings.dataDir, 'redis'), log });
  closers.add('private redis-server', () => server.stop());
  void server.exited.then((exit) => fail('private redis-server', `ended (${exit.signal ?? exit.code})`));
  return server.connection;
}

async function registry({ settings, log, closers, fail }: Watched): Promise<URL | undefined> {
  if (settings.registryUpstream === 'none' || !settings.roles.includes('gate')) return undefined;
  if (settings.registryUpstream !== 'private') return settings.registryUpstream;
  const server = await startPrivateRegistry({ directory: join(settings.dataDir, 'registry'), log });
  closers.add('private docker-registry', () => server.stop());
  void server.exited.then((exit) => fail('private docker-registry', `ended (${exit.signal ?? exit.code})`));
  return server.url;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
