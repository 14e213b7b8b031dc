import { Injectable } from '@nestjs/common';
import { reachingRedis, Redis } from '#libs/redis';
import { Installation } from '../../installation.js';
import { Problem } from '../http/problems.js';

/** A pipeline that checks each log of a busy day needs fewer; each check may read a hundred streams of the log. */
const CHECKS_MAX = 60;
const WINDOW_SECONDS = 60;

/** Counts checks of each user. */
@Injectable()
export class CheckThrottle {
  constructor(
    private readonly redis: Redis,
    private readonly installation: Installation,
  ) {}

  /** Throws 429 when the window is full. */
  async admit(user: string): Promise<void> {
    const key = this.installation.redisKey('leak-checks', user);
    const counted = this.redis.multi().incr(key).expire(key, WINDOW_SECONDS, 'NX').ttl(key).exec();
    const [count, , ttl] = ((await reachingRedis(counted)) ?? []).map(([, value]) => Number(value));
    if ((count ?? 0) <= CHECKS_MAX) return;
    const seconds = Math.max(1, ttl ?? WINDOW_SECONDS);
    throw new Problem('too-many-requests', `Too many checks. Try again in ${seconds} seconds.`, {
      headers: {
        'retry-after': String(seconds),
        ratelimit: `"leak-checks";r=0;t=${seconds}`,
        'ratelimit-policy': `"leak-checks";q=${CHECKS_MAX};w=${WINDOW_SECONDS}`,
      },
    });
  }
}
