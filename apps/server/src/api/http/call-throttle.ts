import { Injectable } from '@nestjs/common';
import { reachingRedis, Redis } from '#libs/redis';
import { Installation } from '../../installation.js';
import { Problem } from './problems.js';

/** How often something may be asked for within a time, by whoever is counted alone. */
export interface CallLimit {
  /** Of the policy, as `RateLimit` has it; part of the key in Redis. */
  readonly name: string;
  /** In the plural, for people: what there are too many of. */
  readonly what: string;
  readonly max: number;
  readonly windowSeconds: number;
}

/** Counts calls, over all nodes. */
@Injectable()
export class CallThrottle {
  constructor(
    private readonly redis: Redis,
    private readonly installation: Installation,
  ) {}

  /** Counts one call of this user or registry. Throws 429 when the window is full. */
  async admit({ name, what, max, windowSeconds }: CallLimit, counted: string): Promise<void> {
    const key = this.installation.redisKey(name, counted);
    const counting = this.redis.multi().incr(key).expire(key, windowSeconds, 'NX').ttl(key).exec();
    const [count, , ttl] = ((await reachingRedis(counting)) ?? []).map(([, value]) => Number(value));
    if ((count ?? 0) <= max) return;
    const seconds = Math.max(1, ttl ?? windowSeconds);
    throw new Problem('too-many-requests', `Too many ${what}. Try again in ${seconds} seconds.`, {
      headers: {
        'retry-after': String(seconds),
        ratelimit: `"${name}";r=0;t=${seconds}`,
        'ratelimit-policy': `"${name}";q=${max};w=${windowSeconds}`,
      },
    });
  }
}
