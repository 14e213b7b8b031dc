import { Controller, Inject, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { ADMINISTRATORS_ID, administrators, eraseUser, users, withdrawAdministrator } from '#libs/identity';
import { LOG, now, type Log } from '#libs/platform';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { answerWritten } from '../http/written.js';
import { ReserveEmail } from './reserve-email.js';
import { Sessions } from './sessions.js';
import { UserParameter } from './user-parameter.js';
import { Users } from './users.js';

class ErasedUser {
  @ApiProperty() id: string;
  @ApiProperty({ enum: ['erased'] }) status: 'erased';
}

export class EraseUser extends Command<{ position: bigint }> {
  constructor(
    readonly user: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

/** Every step may have been done before, by a call that died half way: whoever asks again completes it. */
@CommandHandler(EraseUser)
export class EraseUserHandler implements ICommandHandler<EraseUser> {
  constructor(
    private readonly log: EventLog,
    private readonly users: Users,
    private readonly reserveEmail: ReserveEmail,
    private readonly narrowed: Narrowed,
  ) {}

  async execute({ user, context }: EraseUser) {
    const withdraw = withdrawAdministrator(user, now());
    const withdrawn = await this.log.transact(administrators, ADMINISTRATORS_ID, withdraw, context);
    const { state, position } = await this.log.transact(users, user, eraseUser(now()), context);
    await this.narrowed.apply(position > withdrawn.position ? position : withdrawn.position);
    await this.users.erase(user);
    if (state.status !== 'none') await this.reserveEmail.free(state.registered.emailIndex, user, context);
    return { position };
  }
}

@Controller('v1/users/:id/erase')
@ApiTags('users')
export class EraseUserRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly sessions: Sessions,
    @Inject(LOG) private readonly log: Pick<Log, 'warn'>,
  ) {}

  @Post()
  @Requires('administer')
  @Operation({
    problems: ['last-administrator'],
    summary:
      'Erase a user for good: e-mail address and name can be read nowhere any more. What the user did stays.',
    answer: ErasedUser,
  })
  async erase(
    @Param('id', UserParameter) id: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ErasedUser> {
    const { position } = await this.commands.execute(new EraseUser(id, commandContext(caller)));
    // They are over already, and gone from Redis within their lifetime if it does not answer now.
    await this.sessions
      .endAll(id)
      .catch((error: unknown) =>
        this.log.warn({ user: id, error: String(error) }, 'sessions were left in Redis'),
      );
    answerWritten(reply, 200, position);
    return { id, status: 'erased' };
  }
}
