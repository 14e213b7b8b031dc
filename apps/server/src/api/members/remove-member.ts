import { Controller, Delete, Param, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { now } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import { missingMember, registries, removeMember } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { IfMatch, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { memberIs, MemberParameter } from './member-view.js';

export class RemoveMember extends Command<{ position: bigint }> {
  constructor(
    readonly registry: string,
    readonly user: string,
    readonly context: CommandContext,
    readonly ifMatch?: Precondition,
  ) {
    super();
  }
}

@CommandHandler(RemoveMember)
export class RemoveMemberHandler implements ICommandHandler<RemoveMember> {
  constructor(
    private readonly log: EventLog,
    private readonly narrowed: Narrowed,
  ) {}

  /** Whoever is told that the user is no member has waited too: the call that removed the user may have got no answer. */
  async execute({ registry, user, context, ifMatch }: RemoveMember) {
    const remove = removeMember(user, now());
    const seen = memberIs(ifMatch, user);
    const { facts, position } = await this.log.transact(registries, registry, remove, context, seen);
    await this.narrowed.apply(position);
    if (facts.length === 0) throw missingMember();
    return { position };
  }
}

@ApiTags('members')
@Controller('v1/registries/:registry/members/:user')
export class RemoveMemberRoute {
  constructor(private readonly commands: CommandBus) {}

  @Delete()
  @Requires('members')
  @TakesIfMatch()
  @Operation({ summary: 'Remove a member: once answered, the user has no right in the registry.' })
  async remove(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Param('user', MemberParameter) user: string,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const command = new RemoveMember(id, user, commandContext(caller), ifMatch);
    const { position } = await this.commands.execute(command);
    answerWritten(reply, 204, position);
  }
}
