import { Body, Controller, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { USER_ID } from '#libs/identity';
import { ROLES, type Role } from '#libs/kernel';
import { now } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import { addMember, registries, type RegistryState } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsChoice, IsPattern } from '../http/fields.js';
import { KnownUser } from '../http/known-user.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { Widened } from '../http/widened.js';
import { answerWritten } from '../http/written.js';
import { memberOf, MemberView } from './member-view.js';

class AddMemberBody {
  @IsPattern({ pattern: USER_ID, max: 20, rule: 'be the id of a user' })
  userId: string;

  @IsChoice(ROLES)
  role: Role;
}

export class AddMember extends Command<{ state: RegistryState; position: bigint; isNew: boolean }> {
  constructor(
    readonly registry: string,
    readonly user: string,
    readonly role: Role,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(AddMember)
export class AddMemberHandler implements ICommandHandler<AddMember> {
  constructor(
    private readonly log: EventLog,
    private readonly knownUser: KnownUser,
    private readonly widened: Widened,
  ) {}

  async execute({ registry, user, role, context }: AddMember) {
    await this.knownUser.require(user, '/userId');
    const add = addMember(user, role, now());
    const { state, facts, position } = await this.log.transact(registries, registry, add, context);
    await this.widened.apply(position);
    return { state, position, isNew: facts.length > 0 };
  }
}

@ApiTags('members')
@Controller('v1/registries/:registry/members')
export class AddMemberRoute {
  constructor(private readonly commands: CommandBus) {}

  @Post()
  @Requires('members')
  @Operation({
    problems: ['already-member'],
    again: 'The user has this role already.',
    summary: 'Give a user a role in the registry. Who has another one already is refused (`already-member`).',
    answer: MemberView,
    status: 201,
  })
  async add(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Body() { userId, role }: AddMemberBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemberView> {
    const command = new AddMember(id, userId, role, commandContext(caller));
    const { state, position, isNew } = await this.commands.execute(command);
    answerWritten(reply, isNew ? 201 : 200, position);
    return memberOf(state, userId);
  }
}
