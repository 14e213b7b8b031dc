import { Body, Controller, Param, Put, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { IsBoolean } from 'class-validator';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import {
  ADMINISTRATORS_ID,
  administrators,
  grantAdministrator,
  missingUser,
  users,
  withdrawAdministrator,
} from '#libs/identity';
import { Refusal } from '#libs/kernel';
import { now } from '#libs/platform';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { Widened } from '../http/widened.js';
import { answerWritten } from '../http/written.js';
import { UserParameter } from './user-parameter.js';
import { Users, UserView } from './users.js';

class AdministratorBody {
  @IsBoolean({ message: 'administrator must be true or false.' })
  @ApiProperty()
  administrator: boolean;
}

export class NameAdministrator extends Command<{ position: bigint }> {
  constructor(
    readonly user: string,
    readonly administrator: boolean,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(NameAdministrator)
export class NameAdministratorHandler implements ICommandHandler<NameAdministrator> {
  constructor(
    private readonly log: EventLog,
    private readonly narrowed: Narrowed,
    private readonly widened: Widened,
  ) {}

  /** Only who can sign in becomes an administrator: the last one must be able to. */
  async execute({ user, administrator, context }: NameAdministrator) {
    const { status } = (await this.log.read(users, user)).state;
    if (status === 'none' || status === 'erased') throw missingUser();
    if (administrator && status !== 'active') throw new Refusal('conflict', 'the user cannot sign in');
    const decision = administrator ? grantAdministrator(user, now()) : withdrawAdministrator(user, now());
    const { position } = await this.log.transact(administrators, ADMINISTRATORS_ID, decision, context);
    await (administrator ? this.widened.apply(position) : this.narrowed.apply(position));
    return { position };
  }
}

@Controller('v1/users/:id/administrator')
@ApiTags('users')
export class NameAdministratorRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly users: Users,
  ) {}

  @Put()
  @Requires('administer')
  @Operation({
    problems: ['last-administrator'],
    summary: 'Make a user an administrator, or no longer one. The last one stays.',
    answer: UserView,
  })
  async put(
    @Param('id', UserParameter) id: string,
    @Body() { administrator }: AdministratorBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserView> {
    const command = new NameAdministrator(id, administrator, commandContext(caller));
    const { position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    return { ...(await this.users.view(id)), administrator };
  }
}
