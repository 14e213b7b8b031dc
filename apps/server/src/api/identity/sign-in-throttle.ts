import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { reachingRedis, Redis } from '#libs/redis';
import { Installation } from '../../installation.js';
import { Problem } from '../http/problems.js';

/** A person who mistypes needs fewer; a guesser gets 2,880 a day, which is nothing against any fair password. */
const FAILURES_MAX = 10;
const WINDOW_SECONDS = 300;

/** Counts failures of one address for one e-mail address. Nothing but failures is counted, so success is never throttled. */
@Injectable()
export class SignInThrottle {
  constructor(
    private readonly redis: Redis,
    private readonly installation: Installation,
  ) {}

  /** Throws 429 when the window is full. */
  async admit(address: string, email: string): Promise<void> {
    const key = this.keyOf(address, email);
    const failures = Number((await reachingRedis(this.redis.get(key))) ?? 0);
    if (failures < FAILURES_MAX) return;
    const seconds = Math.max(1, await reachingRedis(this.redis.ttl(key)));
    throw new Problem('too-many-requests', `Too many failed attempts. Try again in ${seconds} seconds.`, {
      headers: {
        'retry-after': String(seconds),
        ratelimit: `"sign-in";r=0;t=${seconds}`,
        'ratelimit-policy': `"sign-in";q=${FAILURES_MAX};w=${WINDOW_SECONDS}`,
      },
    });
  }

  /** The window begins with its first failure; both steps are one transaction, so that no count lives for ever. */
  async failed(address: string, email: string): Promise<void> {
    const key = this.keyOf(address, email);
    await reachingRedis(this.redis.multi().incr(key).expire(key, WINDOW_SECONDS, 'NX').exec());
  }

  async succeeded(address: string, email: string): Promise<void> {
    await reachingRedis(this.redis.del(this.keyOf(address, email)));
  }

  /** A hash, because neither the address nor the e-mail is ours to keep. */
  private keyOf(address: string, email: string): string {
    const hash = createHash('sha256')
      .update(JSON.stringify([address, email]))
      .digest('base64url');
    return this.installation.redisKey('sign-in-failures', hash);
  }
}
