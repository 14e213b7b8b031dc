import { Body, Controller, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  acknowledgeAlert,
  alerts,
  OUTCOMES,
  resolveAlert,
  type AlertFact,
  type AlertState,
  type Outcome,
} from '#libs/alerts';
import { EventLog, type CommandContext } from '#libs/event-store';
import type { Decision } from '#libs/kernel';
import { SubjectKeys } from '#libs/personal-data';
import { now } from '#libs/platform';
import { findAlert, ReadModels, type AlertRow, type RegistryRow } from '#libs/read-models';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsChoice, IsText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { showVersion } from '../http/versions.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { AlertParameter, missingAlert } from './alert-parameter.js';
import { alertView, AlertView } from './alert-view.js';

class AcknowledgeBody {
  @IsText({ max: 500, optional: true, lines: true, description: 'A word to the others.' })
  note?: string | null;
}

class ResolveBody {
  @IsChoice(OUTCOMES, {
    optional: 'absent',
    description: 'What it turned out to be; absent: `unstated`.',
  })
  outcome?: Outcome;
}

/** Decides on the stream of an alert; the version is the newest revision. */
export class LookAfterAlert extends Command<{ state: AlertState; version: bigint; position: bigint }> {
  constructor(
    readonly id: string,
    readonly decision: Decision<AlertState, AlertFact>,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(LookAfterAlert)
export class LookAfterAlertHandler implements ICommandHandler<LookAfterAlert> {
  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
  ) {}

  async execute({ id, decision, context }: LookAfterAlert) {
    const { state, revision, position } = await this.log.transact(alerts, id, decision, context);
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return { state, version: revision, position };
  }
}

@ApiTags('alerts')
@Controller('v1/registries/:registry/alerts/:alert')
export class LookAfterAlertRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly readModels: ReadModels,
    private readonly subjectKeys: SubjectKeys,
  ) {}

  @Post('acknowledge')
  @Requires('acknowledge')
  @Operation({
    id: 'acknowledgeAlert',
    summary: 'Say that you look after an alert. The first one stays.',
    answer: AlertView,
  })
  async acknowledge(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('alert', AlertParameter) id: string,
    @Body() { note }: AcknowledgeBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AlertView> {
    const row = this.find(registry, id);
    const context = commandContext(caller);
    const by = { registry: registry.id, at: now(), by: caller.userId };
    // A note may speak of people: it is lost with the key of its author.
    const sealed = typeof note === 'string' ? await this.subjectKeys.seal(by.by, note, context) : null;
    return this.decide(registry, row, acknowledgeAlert(by, sealed), context, reply);
  }

  @Post('resolve')
  @Requires('acknowledge')
  @Operation({
    id: 'resolveAlert',
    summary: 'Say that an alert is over, and what it was. The first outcome stays.',
    answer: AlertView,
  })
  async resolve(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('alert', AlertParameter) id: string,
    @Body() { outcome = 'unstated' }: ResolveBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AlertView> {
    const row = this.find(registry, id);
    const decision = resolveAlert({ registry: registry.id, at: now(), by: caller.userId }, outcome);
    return this.decide(registry, row, decision, commandContext(caller), reply);
  }

  private find(registry: RegistryRow, id: string): AlertRow {
    const row = findAlert(this.readModels.database, registry.id, id);
    if (!row) throw missingAlert();
    return row;
  }

  /** Answers from what was decided: the tables may be behind. */
  private async decide(
    { slug }: RegistryRow,
    row: AlertRow,
    decision: Decision<AlertState, AlertFact>,
    context: CommandContext,
    reply: FastifyReply,
  ): Promise<AlertView> {
    const command = new LookAfterAlert(row.id, decision, context);
    const { state, version, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    showVersion(reply, version);
    if (state.status === 'none') throw missingAlert();
    const { status, acknowledged, resolved } = state;
    return alertView({ ...row, status, acknowledged, resolved, count: state.count }, slug);
  }
}
