import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectRedis, reachingRedis, type Redis } from '#libs/redis';

/** Opens the Redis that a server runs for itself in its data directory, does something with it and leaves. */
export async function withPrivateRedis<T>(dataDir: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = connectRedis({ path: socketOf(dataDir) });
  try {
    return await reachingRedis(use(redis));
  } finally {
    redis.disconnect();
  }
}

/** Redis holds a job that waits for its time. */
export function hasDelayedExpiry(redis: Redis, keyId: string): Promise<boolean> {
  return redis.keys(`*expire-keys:expire.${keyId}.*`).then((names) => names.length > 0);
}

/** Its place differs where the data directory's path is too long for a socket. */
function socketOf(dataDir: string): string {
  const configuration = readFileSync(join(dataDir, 'redis', 'redis.conf'), 'utf8');
  return /^unixsocket "(.*)"$/m.exec(configuration)![1]!;
}
