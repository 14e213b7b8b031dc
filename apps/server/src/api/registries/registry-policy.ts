import { Body, Controller, Get, Param, Put, Query, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { now } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import {
  changePolicy,
  isSeenInPolicy,
  policyChanges,
  refuseImpossible,
  registries,
  type RegistryPolicy,
} from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { pageOf, placeAfter, WHOLE_NUMBER } from '../http/pages.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { IfMatch, showVersion, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { PolicyBody, policyOf, PolicyQuery, PolicyView } from './policy-body.js';
import { policyBreaks } from './policy-breaks.js';
import { policyVersion, registryIs } from './registry-version.js';

class PolicyBreak {
  @ApiProperty({ enum: ['name', 'expiresAt', 'networks'] }) field: string;
  @ApiProperty() why: string;
}

class BrokenKeyView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty({ type: [PolicyBreak], description: 'What of the key is against the policy.' })
  why: readonly PolicyBreak[];
}

/** With `dryRun` the policy as it would be, and what it would break: a page of the keys. */
class PolicyAnswer extends PolicyView {
  @ApiProperty({ required: false, description: 'Only with `dryRun`.' }) dryRun?: boolean;
  @ApiProperty({
    selfRequired: false,
    type: 'object',
    additionalProperties: true,
    description: 'Only with `dryRun`: by field what would be different, `from` and `to`.',
  })
  changes?: Readonly<Record<string, unknown>>;
  @ApiProperty({
    required: false,
    type: 'integer',
    description: 'Only with `dryRun`: keys that have not ended.',
  })
  livingKeys?: number;
  @ApiProperty({
    required: false,
    type: 'integer',
    description: 'Only with `dryRun`: how many of them it breaks.',
  })
  count?: number;
  @ApiProperty({ required: false, type: [BrokenKeyView], description: 'Only with `dryRun`: which they are.' })
  items?: BrokenKeyView[];
  @ApiProperty({ required: false, type: 'string', nullable: true, description: 'Only with `dryRun`.' })
  next?: string | null;
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
  constructor(
    private readonly commands: CommandBus,
    private readonly readModels: ReadModels,
  ) {}

  @Get()
  @Requires('see')
  @Operation({ id: 'getPolicy', summary: 'What holds for all keys of a registry.', answer: PolicyView })
  show(
    @Param('registry', RegistryParameter) { policy, policyRevision }: RegistryRow,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): PolicyView {
    showVersion(reply, policyRevision);
    return policy;
  }

  @Put()
  @Requires('configure')
  @TakesIfMatch()
  @Operation({
    id: 'changePolicy',
    position: 'sometimes',
    summary:
      'Set the whole policy: once answered, no gate goes by the former one. With `dryRun` nothing is changed: the answer names the keys that it would break.',
    answer: PolicyAnswer,
  })
  async change(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Body() body: PolicyBody,
    @Query() query: PolicyQuery,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PolicyAnswer> {
    const policy = policyOf(body);
    if (query.dryRun === 'true') return this.tryOut(registry, policy, query);
    const command = new ChangePolicy(registry.id, policy, commandContext(caller), ifMatch);
    const { version, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    showVersion(reply, version);
    return policy;
  }

  private async tryOut(
    { id, policy: before }: RegistryRow,
    policy: RegistryPolicy,
    { limit, after }: PolicyQuery,
  ): Promise<PolicyAnswer> {
    refuseImpossible(policy);
    const list = `policy ${id}`;
    const [born = '-1'] = placeAfter(list, after, [WHOLE_NUMBER]) ?? [];
    const place = { after: BigInt(born), limit: limit + 1 };
    const { livingKeys, count, keys } = await policyBreaks(this.readModels, id, policy, now(), place);
    const { items, next } = pageOf(list, keys, limit, (key) => [key.born.toString()]);
    const shown = items.map(({ id, name, why }) => ({ id, name, why }));
    const changes = policyChanges(before, policy);
    return { ...policy, dryRun: true, changes, livingKeys, count, items: shown, next };
  }
}
