import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ID_LENGTH } from '#libs/kernel';
import { randomBase62 } from '#libs/platform';
import { reachingRedis, Redis } from '#libs/redis';
import { Installation } from '../../installation.js';

/** A session that is not used for this long is over. */
const IDLE_MS = 12 * 3_600_000;
/** A session is over after this long in any case. */
export const SESSION_LIFETIME_MS = 7 * 24 * 3_600_000;
/** More is a program that signs in for every call; the oldest ones end. */
const SESSIONS_MAX = 100;
const TOKEN_BYTES = 32;
/** A commit position. */
const CREDENTIAL = /^\d{1,20}$/;

/** Where a session is from, for its user to recognize. */
export interface SessionOrigin {
  /** Truncated: /24 or /48. */
  readonly network: string | null;
  /** What the browser calls itself. */
  readonly client: string | null;
}

export interface Session extends SessionOrigin {
  /** `ses_<16>`: public, and of no use to sign in. */
  readonly id: string;
  readonly userId: string;
  /** Position of the user's credential when it was opened; it must still be the newest. */
  readonly credential: bigint;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
}

export interface SeenSession extends Session {
  /** Milliseconds since 1970. */
  readonly lastSeenAt: number;
}

/**
 * Sessions in Redis, under the hash of their token: who reads Redis cannot use them. Beside them stands for each user which
 * there are. Every node asks Redis for every request, so that an ended one is over everywhere. All methods throw `RedisUnavailable`.
 */
@Injectable()
export class Sessions {
  constructor(
    private readonly redis: Redis,
    private readonly installation: Installation,
  ) {}

  /** Opens a session and returns its token: 256 random bits, known to the caller alone. */
  async open(userId: string, credential: bigint, { network, client }: SessionOrigin): Promise<string> {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const hash = hashOf(token);
    const id = `ses_${randomBase62(ID_LENGTH)}`;
    const stored = { id, userId, credential: String(credential), openedAt: Date.now(), network, client };
    const index = this.indexOf(userId);
    const results = await reachingRedis(
      this.redis
        .multi()
        .set(this.keyOf(hash), JSON.stringify(stored), 'PX', IDLE_MS)
        .hset(index, id, hash)
        .pexpire(index, SESSION_LIFETIME_MS)
        .hlen(index)
        .exec(),
    );
    if (Number(results?.at(-1)?.[1] ?? 0) > SESSIONS_MAX) await this.endOldest(userId);
    return token;
  }

  /** The session of a token, whose idle time starts again; undefined when there is none. */
  async find(token: string): Promise<Session | undefined> {
    return parse(await reachingRedis(this.redis.getex(this.keyOf(hashOf(token)), 'PX', IDLE_MS)));
  }

  /** Ends the session of a token, if there is one. */
  async end(token: string): Promise<void> {
    const session = await this.find(token);
    if (session) await this.endOne(session.userId, session.id);
  }

  /** All sessions of a user, the newest first. */
  async of(userId: string): Promise<SeenSession[]> {
    const index = this.indexOf(userId);
    const entries = Object.entries(await reachingRedis(this.redis.hgetall(index)));
    const sessions = await Promise.all(entries.map(([, hash]) => this.seen(hash)));
    const over = entries.filter((_, place) => sessions[place] === undefined).map(([id]) => id);
    if (over.length > 0) await reachingRedis(this.redis.hdel(index, ...over));
    return sessions.filter((session) => session !== undefined).sort((a, b) => b.openedAt - a.openedAt);
  }

  /** Ends a session of a user by its id. False when there is none. */
  async endOne(userId: string, id: string): Promise<boolean> {
    const index = this.indexOf(userId);
    const hash = await reachingRedis(this.redis.hget(index, id));
    if (hash === null) return false;
    await reachingRedis(this.redis.multi().del(this.keyOf(hash)).hdel(index, id).exec());
    return true;
  }

  async endAll(userId: string): Promise<void> {
    const index = this.indexOf(userId);
    const hashes = await reachingRedis(this.redis.hvals(index));
    await reachingRedis(this.redis.del(index, ...hashes.map((hash) => this.keyOf(hash))));
  }

  private async endOldest(userId: string): Promise<void> {
    for (const { id } of (await this.of(userId)).slice(SESSIONS_MAX)) await this.endOne(userId, id);
  }

  private async seen(hash: string): Promise<SeenSession | undefined> {
    const key = this.keyOf(hash);
    const [stored, idleMs] = await reachingRedis(Promise.all([this.redis.get(key), this.redis.pttl(key)]));
    const session = parse(stored);
    return session && { ...session, lastSeenAt: Date.now() - (IDLE_MS - Math.max(0, idleMs)) };
  }

  private keyOf(hash: string): string {
    return this.installation.redisKey('session', hash);
  }

  private indexOf(userId: string): string {
    return this.installation.redisKey('sessions', userId);
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** undefined for what an earlier release left, too. */
function parse(stored: string | null): Session | undefined {
  if (stored === null) return undefined;
  const { credential, ...session } = JSON.parse(stored) as Omit<Session, 'credential'> & {
    credential: string;
  };
  const holds = CREDENTIAL.test(credential) && Date.now() - session.openedAt < SESSION_LIFETIME_MS;
  return holds ? { ...session, credential: BigInt(credential) } : undefined;
}
