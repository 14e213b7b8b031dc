import { Controller, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import {
  ADMINISTRATORS_ID,
  administrators,
  disableUser,
  enableUser,
  users,
  withdrawAdministrator,
  type UserState,
} from '#libs/identity';
import { now } from '#libs/platform';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { Widened } from '../http/widened.js';
import { answerWritten } from '../http/written.js';
import { UserParameter } from './user-parameter.js';
import { Users, UserView } from './users.js';

interface Changed {
  readonly state: UserState;
  readonly position: bigint;
}

export class DisableUser extends Command<Changed> {
  constructor(
    readonly user: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

/** Whoever is disabled administers nothing from then on, so that the last administrator is always one who can sign in. */
@CommandHandler(DisableUser)
export class DisableUserHandler implements ICommandHandler<DisableUser> {
  constructor(
    private readonly log: EventLog,
    private readonly narrowed: Narrowed,
  ) {}

  async execute({ user, context }: DisableUser) {
    const withdraw = withdrawAdministrator(user, now());
    const withdrawn = await this.log.transact(administrators, ADMINISTRATORS_ID, withdraw, context);
    const { state, position } = await this.log.transact(users, user, disableUser(now()), context);
    await this.narrowed.apply(position > withdrawn.position ? position : withdrawn.position);
    return { state, position };
  }
}

export class EnableUser extends Command<Changed> {
  constructor(
    readonly user: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(EnableUser)
export class EnableUserHandler implements ICommandHandler<EnableUser> {
  constructor(
    private readonly log: EventLog,
    private readonly widened: Widened,
  ) {}

  async execute({ user, context }: EnableUser) {
    const { state, position } = await this.log.transact(users, user, enableUser(now()), context);
    await this.widened.apply(position);
    return { state, position };
  }
}

@Controller('v1/users/:id')
@ApiTags('users')
export class DisableUserRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly users: Users,
  ) {}

  @Post('disable')
  @Requires('administer')
  @Operation({
    id: 'disableUser',
    problems: ['last-administrator'],
    summary:
      'Disable a user: once answered, no session or token of the user is accepted. Withdraws `administrator`.',
    answer: UserView,
  })
  async disable(
    @Param('id', UserParameter) id: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserView> {
    const { state, position } = await this.commands.execute(new DisableUser(id, commandContext(caller)));
    answerWritten(reply, 200, position);
    return this.users.view(id, state);
  }

  @Post('enable')
  @Requires('administer')
  @Operation({ id: 'enableUser', summary: 'Let a disabled user sign in again.', answer: UserView })
  async enable(
    @Param('id', UserParameter) id: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserView> {
    const { state, position } = await this.commands.execute(new EnableUser(id, commandContext(caller)));
    answerWritten(reply, 200, position);
    return this.users.view(id, state);
  }
}
