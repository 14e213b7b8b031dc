import { Inject, Injectable } from '@nestjs/common';
import { EventLog } from '#libs/event-store';
import { recordSignIn, users } from '#libs/identity';
import { LOG, mintUuid, now, type Log } from '#libs/platform';
import { reachingRedis, Redis } from '#libs/redis';
import { Installation } from '../../installation.js';

/** A program that signs in for every call must not fill the log: one fact for each user within this. */
const RECORDED_EVERY_SECONDS = 3_600;

/** Records who signs in. Best effort: a sign-in waits for it no more than for Redis, and does not fail with it. */
@Injectable()
export class SignInRecord {
  constructor(
    private readonly eventLog: EventLog,
    private readonly redis: Redis,
    private readonly installation: Installation,
    @Inject(LOG) private readonly log: Pick<Log, 'warn'>,
  ) {}

  async record(user: string, correlationId: string, network: string | undefined): Promise<void> {
    const actor = { type: 'user', id: user } as const;
    const context = { commandId: mintUuid(), actor, correlationId, ...(network && { network }) };
    try {
      const mark = this.installation.redisKey('signed-in', user);
      const first = await reachingRedis(this.redis.set(mark, '1', 'EX', RECORDED_EVERY_SECONDS, 'NX'));
      if (first) await this.eventLog.transact(users, user, recordSignIn(now()), context);
    } catch (error) {
      this.log.warn({ user, error: String(error) }, 'a sign-in was not recorded');
    }
  }
}
