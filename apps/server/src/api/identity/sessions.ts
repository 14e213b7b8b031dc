import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { reachingRedis, Redis } from '#libs/redis';
import { Installation } from '../../installation.js';

/** A session that is not used for this long is over. */
const IDLE_MS = 12 * 3_600_000;
/** A session is over after this long in any case. */
export const SESSION_LIFETIME_MS = 7 * 24 * 3_600_000;
const TOKEN_BYTES = 32;

export interface Session {
  readonly userId: string;
  /** Fingerprint of the credential that opened it; it must still be the user's. */
  readonly credential: string;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
}

/** Sessions in Redis, under the hash of their token: who reads Redis cannot use them. All methods throw `RedisUnavailable`. */
@Injectable()
export class Sessions {
  constructor(
    private readonly redis: Redis,
    private readonly installation: Installation,
  ) {}

  /** Opens a session and returns its token: 256 random bits, known to the caller alone. */
  async open(userId: string, credential: string): Promise<string> {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const session: Session = { userId, credential, openedAt: Date.now() };
    await reachingRedis(this.redis.set(this.keyOf(token), JSON.stringify(session), 'PX', IDLE_MS));
    return token;
  }

  /** The session of a token, whose idle time starts again; undefined when there is none. */
  async find(token: string): Promise<Session | undefined> {
    const stored = await reachingRedis(this.redis.getex(this.keyOf(token), 'PX', IDLE_MS));
    if (stored === null) return undefined;
    const session = JSON.parse(stored) as Session;
    return Date.now() - session.openedAt < SESSION_LIFETIME_MS ? session : undefined;
  }

  /** Ends the session of a token, if there is one. */
  async end(token: string): Promise<void> {
    await reachingRedis(this.redis.del(this.keyOf(token)));
  }

  private keyOf(token: string): string {
    return this.installation.redisKey('session', createHash('sha256').update(token).digest('base64url'));
  }
}
