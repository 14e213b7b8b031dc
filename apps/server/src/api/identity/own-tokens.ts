import { Controller, Delete, Get, Param, Query, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { IdentityModel, revokeToken, users, type AccessToken } from '#libs/identity';
import { isKeyId, Refusal } from '#libs/kernel';
import { now } from '#libs/platform';
import { commandContext, CurrentCaller, OwnAccount, type Caller } from '../http/caller.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { pageOf, PageQuery, placeAfter, type Page } from '../http/pages.js';
import { answerWritten } from '../http/written.js';
import { tokenView, TokenView } from './token-view.js';

const TOKEN_ID = /^drm_[0-9A-Za-z]{16}$/;

class TokenPage implements Page<TokenView> {
  @ApiProperty({ type: [TokenView] }) items: TokenView[];
  @ApiProperty({ type: 'string', nullable: true }) next: string | null;
}

export class EndToken extends Command<{ position: bigint }> {
  constructor(
    readonly user: string,
    readonly token: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(EndToken)
export class EndTokenHandler implements ICommandHandler<EndToken> {
  constructor(
    private readonly log: EventLog,
    private readonly narrowed: Narrowed,
  ) {}

  /** Whoever is told that it ended has waited, the second caller too. */
  async execute({ user, token, context }: EndToken) {
    const { position } = await this.log.transact(users, user, revokeToken(token, now()), context);
    await this.narrowed.apply(position);
    return { position };
  }
}

/** The access tokens of the caller. A token that is narrowed sees and ends itself alone. */
@Controller('v1/access-tokens')
@ApiTags('access tokens')
export class OwnTokensRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly model: IdentityModel,
  ) {}

  @Get()
  @OwnAccount()
  @Operation({
    id: 'listAccessTokens',
    summary: 'My access tokens that were not ended, oldest first.',
    answer: TokenPage,
  })
  list(@Query() { limit, after }: PageQuery, @CurrentCaller() caller: Caller): TokenPage {
    const [last] = placeAfter('access-tokens', after, [TOKEN_ID]) ?? [];
    const all = this.tokensOf(caller);
    const place = last === undefined ? 0 : all.findIndex(({ issued }) => issued.token === last) + 1;
    const rest = all
      .slice(place)
      .filter(({ revokedAt, issued }) => revokedAt === null && maySee(caller, issued.token));
    const page = pageOf('access-tokens', rest.slice(0, limit + 1), limit, ({ issued }) => [issued.token]);
    return { items: page.items.map(({ issued }) => tokenView(issued)), next: page.next };
  }

  @Delete(':id')
  @OwnAccount()
  @Operation({
    id: 'endAccessToken',
    summary: 'End an access token: once answered, no request is accepted with it.',
  })
  async end(
    @Param('id') id: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    if (!isKeyId(id) || !maySee(caller, id)) throw new Refusal('not-found', 'there is no such access token');
    const command = new EndToken(caller.userId, id, commandContext(caller));
    const { position } = await this.commands.execute(command);
    answerWritten(reply, 204, position);
  }

  /** In the order in which they were made. */
  private tokensOf({ userId }: Caller): readonly AccessToken[] {
    return Object.values(this.model.user(userId)?.tokens ?? {});
  }
}

function maySee({ principal: { token } }: Caller, id: string): boolean {
  const isNarrowed = token && (token.role !== null || token.registry !== null);
  return !isNarrowed || token.id === id;
}
