import type { ServerResponse } from 'node:http';
import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentCaller, OwnAccount, type Caller } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { invalidParameter } from '../http/problems.js';
import { ChangeFeed } from './change-feed.js';
import { ChangeFilter, POSITION } from './change-view.js';
import { send } from './bounded-send.js';
import type { Follower } from './follower.js';
import type { ShownFact } from './shown-facts.js';

/** Changes that wait in memory for one stream at most, beside what the socket holds. */
const BATCH = 50;
/** Below the half minute after which the strictest proxies cut a silent connection. */
const HEARTBEAT_MS = 15_000;
/** How long a browser waits before it comes back. */
const RETRY_MS = 2_000;

@ApiTags('changes')
@Controller('v1/changes/stream')
export class StreamChangesRoute {
  constructor(private readonly feed: ChangeFeed) {}

  @Get()
  @OwnAccount()
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'Goes before `after`.' })
  @ApiResponse({
    status: 200,
    description: 'Server-sent events: `id` is the position, `data` a change as JSON.',
    content: { 'text/event-stream': { schema: { type: 'string' } } },
  })
  @Operation({
    summary: 'The change feed as server-sent events, of what the caller may see.',
    status: 200,
    problems: ['unknown-position', 'too-many-feeds'],
  })
  async stream(
    @Query() { after, types }: ChangeFilter,
    @Headers('last-event-id') lastEventId: string | undefined,
    @CurrentCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (lastEventId !== undefined && !POSITION.test(lastEventId))
      throw invalidParameter('Last-Event-ID', 'Last-Event-ID is no position in the log.');
    await this.feed.following(caller, async (follower) => {
      const start = await this.feed.start(lastEventId ?? after);
      await follower.requireCredential();
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream',
        // It ends with the stream, so that no open connection holds up the end of the server.
        connection: 'close',
        'x-accel-buffering': 'no',
      });
      if (request.method !== 'HEAD') await this.follow(follower, raw, start, types);
      raw.end();
    });
  }

  /** Resolves when the stream is over, for whatever reason: its client comes back and is told why, or goes on. */
  private async follow(
    follower: Follower,
    raw: ServerResponse,
    start: bigint,
    types: readonly string[] | undefined,
  ): Promise<void> {
    const gone = new AbortController();
    raw.once('close', () => gone.abort());
    const ended = AbortSignal.any([gone.signal, this.feed.ended]);
    const rights = follower.rights();
    let next = start;
    try {
      // The first id at once: whoever loses the connection before the first change goes on from here.
      await send(raw, `retry: ${RETRY_MS}\n${idOnly(next)}`, ended);
      for (let told = next; !ended.aborted && follower.rights() === rights;) {
        const { version } = this.feed;
        const batch = await this.feed.read(follower, next, { types, limit: BATCH });
        ({ next } = batch);
        if (batch.items.length > 0) await send(raw, batch.items.map(message).join(''), ended);
        if (!batch.atHead) continue;
        await this.feed.addedSince(version, HEARTBEAT_MS, ended);
        if (this.feed.version === version)
          await send(raw, told < next ? idOnly((told = next)) : ':\n\n', ended);
      }
    } catch {
      // The session is over, the node may not decide, the client is too slow: the next request says which.
    }
  }
}

/** A block without data is no event, but moves the place from which a client goes on. */
function idOnly(position: bigint): string {
  return `id: ${position}\n\n`;
}

function message(fact: ShownFact): string {
  return `id: ${fact.position}\ndata: ${JSON.stringify(fact)}\n\n`;
}
