import { Body, Controller, Param, Put, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { now, Settings } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import { changePlan, PLANS, registries, type Plan, type RegistryState } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsChoice } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { Widened } from '../http/widened.js';
import { IfMatch, showVersion, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { registryIs, registryVersion } from './registry-version.js';
import { RegistryView, stateView } from './registry-view.js';

class PlanBody {
  @IsChoice(PLANS)
  plan: Plan;
}

export class ChangePlan extends Command<{ state: RegistryState; version: bigint; position: bigint }> {
  constructor(
    readonly registry: string,
    readonly plan: Plan,
    readonly context: CommandContext,
    readonly ifMatch?: Precondition,
  ) {
    super();
  }
}

@CommandHandler(ChangePlan)
export class ChangePlanHandler implements ICommandHandler<ChangePlan> {
  constructor(
    private readonly log: EventLog,
    private readonly widened: Widened,
  ) {}

  async execute({ registry, plan, context, ifMatch }: ChangePlan) {
    const { state, history, position } = await this.log.transact(
      registries,
      registry,
      changePlan(plan, now()),
      context,
      registryIs(ifMatch),
    );
    await this.widened.apply(position);
    return { state, version: registryVersion(history), position };
  }
}

@ApiTags('registries')
@Controller('v1/registries/:registry/plan')
export class ChangePlanRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly settings: Settings,
  ) {}

  @Put()
  @Requires('administer')
  @TakesIfMatch()
  @Operation({ summary: 'Give a registry another plan.', answer: RegistryView })
  async change(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Body() { plan }: PlanBody,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RegistryView> {
    const command = new ChangePlan(id, plan, commandContext(caller), ifMatch);
    const { state, version, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    showVersion(reply, version);
    return stateView(id, state, this.settings.registryDomain);
  }
}
