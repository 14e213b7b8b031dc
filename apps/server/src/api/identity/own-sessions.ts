import { Controller, Delete, Get, Param } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { Refusal } from '#libs/kernel';
import { CurrentCaller, OwnAccount, type Caller } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import type { Page } from '../http/pages.js';
import { Sessions } from './sessions.js';

class SessionView {
  @ApiProperty({ example: 'ses_8Zk1mQ4vT0aXc2Lp', description: 'Not what signs in.' }) id: string;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
  @ApiProperty({ format: 'date-time' }) lastSeenAt: string;
  @ApiProperty({ type: 'string', nullable: true, example: '203.0.113.0/24' }) network: string | null;
  @ApiProperty({ type: 'string', nullable: true, description: 'What the browser called itself.' })
  client: string | null;
  @ApiProperty({ description: 'Whether this very call came with it.' }) current: boolean;
}

class SessionPage implements Page<SessionView> {
  @ApiProperty({ type: [SessionView] }) items: SessionView[];
  @ApiProperty({ type: 'string', nullable: true, description: 'Always null: there are 100 at most.' })
  next: string | null;
}

/** Where the caller is signed in. */
@Controller('v1/sessions')
@ApiTags('session')
export class OwnSessionsRoute {
  constructor(private readonly sessions: Sessions) {}

  @Get()
  @OwnAccount()
  @Operation({
    id: 'listSessions',
    problems: ['not-permitted'],
    summary: 'The sessions of the caller, the newest first.',
    answer: SessionPage,
  })
  async list(@CurrentCaller() caller: Caller): Promise<SessionPage> {
    refuseNarrowed(caller);
    const sessions = await this.sessions.of(caller.userId);
    const items = sessions.map(({ id, openedAt, lastSeenAt, network, client }) => ({
      id,
      createdAt: new Date(openedAt).toISOString(),
      lastSeenAt: new Date(lastSeenAt).toISOString(),
      network,
      client,
      current: id === caller.session,
    }));
    return { items, next: null };
  }

  @Delete()
  @OwnAccount()
  @Operation({
    id: 'endOtherSessions',
    problems: ['not-permitted'],
    position: false,
    summary: 'Sign out everywhere else: all sessions end but that of this call.',
  })
  async endOthers(@CurrentCaller() caller: Caller): Promise<void> {
    refuseNarrowed(caller);
    for (const { id } of await this.sessions.of(caller.userId)) {
      if (id !== caller.session) await this.sessions.endOne(caller.userId, id);
    }
  }

  @Delete(':id')
  @OwnAccount()
  @Operation({
    id: 'endSession',
    problems: ['not-permitted'],
    position: false,
    summary: 'End one session of the caller.',
  })
  async end(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    refuseNarrowed(caller);
    if (!(await this.sessions.endOne(caller.userId, id)))
      throw new Refusal('not-found', 'there is no such session');
  }
}

/** An access token that is narrowed is for a registry's work, not for its user's account. */
function refuseNarrowed({ principal: { token } }: Caller): void {
  if (token && (token.role !== null || token.registry !== null))
    throw new Refusal('not-permitted', 'this access token is narrowed to a role or a registry');
}
