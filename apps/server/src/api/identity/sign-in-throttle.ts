import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { reachingRedis, Redis } from '#libs/redis';
import { Installation } from '../../installation.js';
import { Problem } from '../http/problems.js';
import type { RateLimitPolicy, ShowRateLimit } from '../http/rate-limit.js';

/** A person who mistypes needs fewer; a guesser gets 2,880 a day, which is nothing against any fair password. */
export const SIGN_IN_LIMIT: RateLimitPolicy = { name: 'sign-in', failuresMax: 10, windowSeconds: 300 };

/** Counts failures of one address for one e-mail address. Nothing but failures is counted, so success is never throttled. */
@Injectable()
export class SignInThrottle {
  constructor(
    private readonly redis: Redis,
    private readonly installation: Installation,
  ) {}

  /** Shows what is left, and throws 429 when that is nothing. */
  async admit(address: string, email: string, show: ShowRateLimit): Promise<void> {
    const key = this.keyOf(address, email);
    const failures = Number((await reachingRedis(this.redis.get(key))) ?? 0);
    if (failures === 0) return show(SIGN_IN_LIMIT.failuresMax, undefined);
    const seconds = Math.max(1, await reachingRedis(this.redis.ttl(key)));
    show(SIGN_IN_LIMIT.failuresMax - failures, seconds);
    if (failures < SIGN_IN_LIMIT.failuresMax) return;
    throw new Problem('too-many-requests', `Too many failed attempts. Try again in ${seconds} seconds.`, {
      headers: { 'retry-after': String(seconds) },
    });
  }

  /** The window begins with its first failure; both steps are one transaction, so that no count lives for ever. */
  async failed(address: string, email: string, show: ShowRateLimit): Promise<void> {
    const key = this.keyOf(address, email);
    const { failuresMax, windowSeconds } = SIGN_IN_LIMIT;
    const steps = this.redis.multi().incr(key).expire(key, windowSeconds, 'NX').ttl(key).exec();
    const [failures, , seconds] = ((await reachingRedis(steps)) ?? []).map(([, result]) => Number(result));
    show(failuresMax - (failures ?? 0), Math.max(1, seconds ?? windowSeconds));
  }

  async succeeded(address: string, email: string, show: ShowRateLimit): Promise<void> {
    await reachingRedis(this.redis.del(this.keyOf(address, email)));
    show(SIGN_IN_LIMIT.failuresMax, undefined);
  }

  /** A hash, because neither the address nor the e-mail is ours to keep. */
  private keyOf(address: string, email: string): string {
    const hash = createHash('sha256')
      .update(JSON.stringify([address, email]))
      .digest('base64url');
    return this.installation.redisKey('sign-in-failures', hash);
  }
}
