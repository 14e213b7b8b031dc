import { Body, Controller, Get, Param, Post, Put, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  configurationAfter,
  isConfigurationFact,
  DEFAULT_CONFIGURATION,
  RULE_NAMES,
  ruleOf,
} from '#libs/alerts';
import type { AlertConfiguration, RuleName } from '#libs/alerts';
import { EventLog, newestRevision, type CommandContext, type PlacedFact } from '#libs/event-store';
import { now } from '#libs/platform';
import { readConfiguration, ReadModels, type RegistryRow } from '#libs/read-models';
import {
  changeAlertRule,
  muteRule,
  registries,
  type RegistryFact,
  type RegistryState,
  type RuleChoice,
} from '#libs/registries';
import { isKeyId, type Decision } from '#libs/kernel';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsFlag, IsText, IsTimestamp } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { invalidField } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { IfMatch, showVersion, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { RuleParameter } from './alert-parameter.js';
import { IsKeyChoices, IsThreshold } from './rule-fields.js';
import { AlertRuleView, ruleView } from './rule-view.js';

/** The whole of it: what is left out is as by default. */
class AlertRuleBody {
  @IsFlag({ description: 'Whether the rule raises alerts; absent: true.' }) enabled?: boolean;
  @IsThreshold() threshold?: number | null;
  @IsKeyChoices() keys?: Record<string, { enabled?: boolean; threshold?: number | null }>;
}

class MuteBody {
  @IsTimestamp({ optional: true, description: 'Uses before this time raise nothing; null: they do again.' })
  until?: string | null;

  @IsText({ max: 50, optional: true, description: 'Id of a key; absent or null: for all keys.' })
  key?: string | null;
}

class AlertRules {
  @ApiProperty({ type: [AlertRuleView] }) items: AlertRuleView[];
}

/** Lays something down about alerts on the stream of the registry. `isAbout`: the facts that make its version. */
export class ConfigureAlerts extends Command<{
  configuration: AlertConfiguration;
  version: bigint;
  position: bigint;
}> {
  constructor(
    readonly registry: string,
    readonly decision: Decision<RegistryState, RegistryFact>,
    readonly isAbout: (fact: PlacedFact) => boolean,
    readonly context: CommandContext,
    readonly ifMatch?: Precondition,
  ) {
    super();
  }
}

@CommandHandler(ConfigureAlerts)
export class ConfigureAlertsHandler implements ICommandHandler<ConfigureAlerts> {
  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
  ) {}

  async execute({ registry, decision, isAbout, context, ifMatch }: ConfigureAlerts) {
    const version = (history: readonly PlacedFact[]) => versionOf(newestRevision(history, isAbout));
    const { history, position } = await this.log.transact(
      registries,
      registry,
      decision,
      context,
      ({ events }) => ifMatch?.require(version(events)),
    );
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    const configuration = history.reduce(
      (before, fact) => (isConfigurationFact(fact) ? configurationAfter(before, fact) : before),
      DEFAULT_CONFIGURATION,
    );
    return { configuration, version: version(history), position };
  }
}

/** What nobody laid down yet is in the version of the registry's birth. */
export function versionOf(revision: bigint | string | undefined): bigint {
  const newest = BigInt(revision ?? 0n);
  return newest < 0n ? 0n : newest;
}

@ApiTags('alerts')
@Controller('v1/registries/:registry/alert-rules')
export class AlertRulesRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly readModels: ReadModels,
  ) {}

  @Get()
  @Requires('see')
  @Operation({
    id: 'listAlertRules',
    summary: 'All rules, and what is laid down for them.',
    answer: AlertRules,
  })
  list(@Param('registry', RegistryParameter) { id }: RegistryRow): AlertRules {
    const { configuration } = readConfiguration(this.readModels.database, id);
    return { items: RULE_NAMES.map((name) => ruleView(configuration, name)) };
  }

  @Get(':rule')
  @Requires('see')
  @Operation({ id: 'getAlertRule', summary: 'One rule.', answer: AlertRuleView })
  show(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Param('rule', RuleParameter) rule: RuleName,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): AlertRuleView {
    const { configuration, versions } = readConfiguration(this.readModels.database, id);
    showVersion(reply, versionOf(versions[rule]));
    return ruleView(configuration, rule);
  }

  @Put(':rule')
  @Requires('configure')
  @TakesIfMatch()
  @Operation({
    id: 'changeAlertRule',
    summary:
      'Set the whole of a rule: on or off, its threshold, and what keys have of their own. Mutes stay.',
    answer: AlertRuleView,
  })
  change(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('rule', RuleParameter) rule: RuleName,
    @Body() { enabled = true, threshold = null, keys = {} }: AlertRuleBody,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AlertRuleView> {
    if (threshold !== null && ruleOf(rule).threshold === undefined)
      throw invalidField('/threshold', 'This rule has no threshold: it fires at the first case.');
    const own = Object.entries(keys).map(([key, choice]): [string, RuleChoice] => [
      key,
      { enabled: choice.enabled ?? true, threshold: choice.threshold ?? null },
    ]);
    const data = { at: now(), rule, keys: Object.fromEntries(own), enabled, threshold };
    return this.configure(registry, rule, changeAlertRule(data), caller, ifMatch, reply);
  }

  @Post(':rule/mute')
  @Requires('configure')
  @Operation({
    id: 'muteAlertRule',
    summary: 'Mute a rule until a time, for all keys or for one; without `until` it speaks again.',
    answer: AlertRuleView,
  })
  mute(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('rule', RuleParameter) rule: RuleName,
    @Body() { until = null, key = null }: MuteBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AlertRuleView> {
    if (key !== null && !isKeyId(key)) throw invalidField('/key', 'This is no id of a key.');
    const at = until === null ? null : new Date(until).toISOString();
    const decision = muteRule({ at: now(), rule, key, until: at });
    return this.configure(registry, rule, decision, caller, undefined, reply);
  }

  private async configure(
    { id }: RegistryRow,
    rule: RuleName,
    decision: Decision<RegistryState, RegistryFact>,
    caller: Caller,
    ifMatch: Precondition | undefined,
    reply: FastifyReply,
  ): Promise<AlertRuleView> {
    const isAbout = ({ data }: PlacedFact) => 'rule' in data && data.rule === rule;
    const command = new ConfigureAlerts(id, decision, isAbout, commandContext(caller), ifMatch);
    const { configuration, version, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    showVersion(reply, version);
    return ruleView(configuration, rule);
  }
}
