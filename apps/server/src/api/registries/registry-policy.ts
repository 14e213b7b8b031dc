import { Body, Controller, Get, Param, Put, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { now } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import { changePolicy, isSeenInPolicy, registries, type RegistryPolicy } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsDurationText, NotSupportedYet } from '../http/fields.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { IfMatch, showVersion, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { policyVersion, registryIs } from './registry-version.js';

/** A policy is put as a whole: what is left out is off. */
class PolicyBody {
  @IsDurationText({
    optional: true,
    description:
      'How long reads go on at a gate that has lost the event store, at most PT15M: for so long a revoked key may read there. null: not at all.',
  })
  serveReadsFor?: string | null;

  @NotSupportedYet({ type: 'string', format: 'duration' }) maxLifetime?: unknown;
  @NotSupportedYet({ type: 'boolean' }) requireExpiry?: unknown;
  @NotSupportedYet({ type: 'string', format: 'duration' }) rotationPeriod?: unknown;
  @NotSupportedYet() reminders?: unknown;
  @NotSupportedYet() allowedNetworks?: unknown;
  @NotSupportedYet({ type: 'string' }) namePattern?: unknown;
  @NotSupportedYet({ type: 'integer' }) maxKeys?: unknown;
  @NotSupportedYet({ type: 'string' }) timeZone?: unknown;
}

class PolicyView implements RegistryPolicy {
  @ApiProperty({ type: 'string', format: 'duration', nullable: true }) serveReadsFor: string | null;
}

export class ChangePolicy extends Command<{ version: bigint; position: bigint }> {
  constructor(
    readonly registry: string,
    readonly policy: RegistryPolicy,
    readonly context: CommandContext,
    readonly ifMatch?: Precondition,
  ) {
    super();
  }
}

@CommandHandler(ChangePolicy)
export class ChangePolicyHandler implements ICommandHandler<ChangePolicy> {
  constructor(
    private readonly log: EventLog,
    private readonly narrowed: Narrowed,
  ) {}

  /** Widening waits as well: which way the first of two equal calls led, the second cannot tell. */
  async execute({ registry, policy, context, ifMatch }: ChangePolicy) {
    const change = changePolicy(policy, now());
    const seen = registryIs(ifMatch, isSeenInPolicy);
    const { history, position } = await this.log.transact(registries, registry, change, context, seen);
    await this.narrowed.apply(position);
    return { version: policyVersion(history), position };
  }
}

@ApiTags('registries')
@Controller('v1/registries/:registry/policy')
export class RegistryPolicyRoute {
  constructor(private readonly commands: CommandBus) {}

  @Get()
  @Requires('see')
  @Operation({ id: 'getPolicy', summary: 'What holds for all keys of a registry.', answer: PolicyView })
  show(
    @Param('registry', RegistryParameter) { serveReadsFor, policyRevision }: RegistryRow,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): PolicyView {
    showVersion(reply, policyRevision);
    return { serveReadsFor };
  }

  @Put()
  @Requires('configure')
  @TakesIfMatch()
  @Operation({
    id: 'changePolicy',
    summary: 'Set the whole policy: once answered, no gate goes by the former one.',
    answer: PolicyView,
  })
  async change(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Body() { serveReadsFor = null }: PolicyBody,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PolicyView> {
    const policy = { serveReadsFor };
    const command = new ChangePolicy(id, policy, commandContext(caller), ifMatch);
    const { version, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    showVersion(reply, version);
    return policy;
  }
}
