import { Body, Controller, Headers, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { USER_ID } from '#libs/identity';
import { ROLES, type Role } from '#libs/kernel';
import { now } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import {
  addMember,
  registries,
  type MemberAdded,
  type RegistryFact,
  type RegistryState,
} from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { FirstAnswer, TakesIdempotencyKey, type Attempt } from '../http/first-answer.js';
import { IsChoice, IsPattern } from '../http/fields.js';
import { KnownUser } from '../http/known-user.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { Widened } from '../http/widened.js';
import { showVersion } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { memberOf, memberVersion, MemberView, MemberViews } from './member-view.js';

class AddMemberBody {
  @IsPattern({ pattern: USER_ID, max: 20, rule: 'be the id of a user' })
  userId: string;

  @IsChoice(ROLES)
  role: Role;
}

interface Added {
  readonly member: Pick<MemberView, 'userId' | 'role' | 'addedAt'>;
  readonly version: bigint;
  readonly position: bigint;
  readonly isNew: boolean;
}

export class AddMember extends Command<Added> {
  constructor(
    readonly registry: string,
    readonly user: string,
    readonly role: Role,
    readonly context: CommandContext,
    /** What a repeated call has to be. */
    readonly isFirst?: Attempt['isFirst'],
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

  async execute({ registry, user, role, context, isFirst }: AddMember) {
    await this.knownUser.require(user, '/userId');
    const add = addMember(user, role, now());
    const added = await this.log.transact(registries, registry, add, context, isFirst);
    const { state, history, facts, position } = added;
    await this.widened.apply(position);
    const version = memberVersion(history, user);
    return { member: memberOf(state, user), version, position, isNew: facts.length > 0 };
  }
}

@ApiTags('members')
@Controller('v1/registries/:registry/members')
export class AddMemberRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly firstAnswer: FirstAnswer,
    private readonly views: MemberViews,
  ) {}

  @Post()
  @Requires('members')
  @TakesIdempotencyKey()
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
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemberView> {
    const body = { userId, role };
    const repeatable = this.firstAnswer.asked(idempotencyKey, caller, `add member ${id}`, body);
    const { member, version, position, isNew } = await this.firstAnswer.of<
      RegistryState,
      RegistryFact,
      Added
    >(repeatable, commandContext(caller), now(), {
      kind: registries,
      streamOf: () => id,
      ownStream: false,
      make: ({ context, isFirst }) =>
        this.commands.execute(new AddMember(id, userId, role, context, isFirst)),
      // As it was then: the member may be another one by now, or none.
      again: (_, { position }, { data, revision }) => {
        const { at: addedAt } = data as MemberAdded['data'];
        return { member: { ...body, addedAt }, version: revision, position, isNew: false };
      },
    });
    answerWritten(reply, isNew ? 201 : 200, position);
    showVersion(reply, version);
    return this.views.of(member);
  }
}
