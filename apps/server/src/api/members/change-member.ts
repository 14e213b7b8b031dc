import { Body, Controller, Param, Patch, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { rightsOf } from '#libs/identity';
import { ROLES, type Role } from '#libs/kernel';
import { now } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import { changeMemberRole, registries, type RegistryState } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsChoice } from '../http/fields.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { Widened } from '../http/widened.js';
import { IfMatch, showVersion, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import {
  memberIs,
  memberOf,
  MemberParameter,
  memberVersion,
  MemberView,
  MemberViews,
} from './member-view.js';

class ChangeMemberBody {
  @IsChoice(ROLES)
  role: Role;
}

export class ChangeMember extends Command<{
  state: RegistryState;
  version: bigint;
  position: bigint;
}> {
  constructor(
    readonly registry: string,
    readonly user: string,
    readonly role: Role,
    readonly context: CommandContext,
    readonly ifMatch?: Precondition,
  ) {
    super();
  }
}

@CommandHandler(ChangeMember)
export class ChangeMemberHandler implements ICommandHandler<ChangeMember> {
  constructor(
    private readonly log: EventLog,
    private readonly narrowed: Narrowed,
    private readonly widened: Widened,
  ) {}

  /** Whoever is told of a role that takes something away, or that was so before, has waited: the first call may have got no answer. */
  async execute({ registry, user, role, context, ifMatch }: ChangeMember) {
    const change = changeMemberRole(user, role, now());
    let before: Role | undefined;
    const decide = (state: RegistryState) => {
      before = state.status === 'none' ? undefined : state.members.get(user)?.role;
      return change(state);
    };
    const seen = memberIs(ifMatch, user);
    const { state, history, position } = await this.log.transact(registries, registry, decide, context, seen);
    if (before !== undefined && before !== role && includes(role, before)) await this.widened.apply(position);
    else await this.narrowed.apply(position);
    return { state, version: memberVersion(history, user), position };
  }
}

function includes(role: Role, other: Role): boolean {
  return [...rightsOf(other)].every((right) => rightsOf(role).has(right));
}

@ApiTags('members')
@Controller('v1/registries/:registry/members/:user')
export class ChangeMemberRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly views: MemberViews,
  ) {}

  @Patch()
  @Requires('members')
  @TakesIfMatch()
  @Operation({
    summary: 'Give a member another role. Once answered, nobody acts by the former one.',
    answer: MemberView,
  })
  async change(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Param('user', MemberParameter) user: string,
    @Body() { role }: ChangeMemberBody,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemberView> {
    const command = new ChangeMember(id, user, role, commandContext(caller), ifMatch);
    const { state, version, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    showVersion(reply, version);
    return this.views.of(memberOf(state, user));
  }
}
