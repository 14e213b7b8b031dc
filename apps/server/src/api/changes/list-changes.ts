import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrentCaller, OwnAccount, type Caller } from '../http/caller.js';
import { IsWholeNumber } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { Change, ChangeFilter } from './change-view.js';
import { ChangeFeed } from './change-feed.js';
import type { Follower } from './follower.js';

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 200;
/** Below the minute after which proxies cut a silent connection. */
const WAIT_DEFAULT_SECONDS = 25;
const WAIT_MAX_SECONDS = 60;
/** Pages of the log that one call looks through when the caller sees nothing in them: below a second. */
const PAGES_MAX = 8;

class ChangeQuery extends ChangeFilter {
  @IsWholeNumber({
    min: 1,
    max: LIMIT_MAX,
    optional: true,
    description: 'Items at most.',
    default: LIMIT_DEFAULT,
  })
  limit: number = LIMIT_DEFAULT;

  @IsWholeNumber({
    min: 0,
    max: WAIT_MAX_SECONDS,
    optional: true,
    description: 'Seconds to wait for a change when there is none.',
    default: WAIT_DEFAULT_SECONDS,
  })
  wait: number = WAIT_DEFAULT_SECONDS;
}

class ChangePage {
  @ApiProperty({ type: [Change], description: 'Oldest first; may be empty.' }) items: readonly Change[];
  @ApiProperty({ description: 'The `after` of the next call. It rises also when nothing is shown.' })
  next: string;
}

@ApiTags('changes')
@Controller('v1/changes')
export class ListChangesRoute {
  constructor(private readonly feed: ChangeFeed) {}

  @Get()
  @OwnAccount()
  @Operation({
    summary:
      'What has changed after a position, of what the caller may see; waits for the next change when there is none.',
    answer: ChangePage,
    problems: ['unknown-position', 'too-many-feeds'],
  })
  list(
    @Query() query: ChangeQuery,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChangePage> {
    return this.feed.following(caller, (follower) => this.poll(follower, query, reply));
  }

  private async poll(follower: Follower, query: ChangeQuery, reply: FastifyReply): Promise<ChangePage> {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const ended = AbortSignal.any([gone.signal, this.feed.ended]);
    const deadline = performance.now() + query.wait * 1_000;
    const wanted = { types: query.types, limit: query.limit };
    let next = await this.feed.start(query.after);
    for (let pages = 1; ;) {
      const { version } = this.feed;
      const batch = await this.feed.read(follower, next, wanted);
      ({ next } = batch);
      const leftMs = deadline - performance.now();
      const isOver = batch.atHead ? leftMs <= 0 : batch.behind && pages++ >= PAGES_MAX;
      if (batch.items.length > 0 || isOver || ended.aborted) {
        // A connection that stays open would hold up the end of the server.
        if (this.feed.ended.aborted) reply.header('connection', 'close');
        return { items: batch.items, next: next.toString() };
      }
      if (batch.atHead) await this.feed.addedSince(version, leftMs, ended);
    }
  }
}
