import { Body, Controller, Delete, Get, Param, Put, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  EventLog,
  newestRevision,
  type CommandContext,
  type PlacedFact,
  type StreamRead,
} from '#libs/event-store';
import { Refusal } from '#libs/kernel';
import {
  belongs, firstRotation, GRACE_PERIOD_DEFAULT, keys, living, missingKey, ROTATION_TARGETS, scheduleRotation, unscheduleRotation,
  type KeyState, type RotationSchedule, type RotationTargetKind,
} from '#libs/keys'; // prettier-ignore
import { SubjectKeys } from '#libs/personal-data';
import { now, randomBase62, Settings } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import { parseTarget, shownTarget, type RotationTarget } from '../../rotation-target.js';
import { commandContext, CurrentCaller, RequiresOfKey, type Caller } from '../http/caller.js';
import { IsDurationText, IsObjectOf, IsTimestamp } from '../http/fields.js';
import { mintWebhookSecret } from '../http/webhook-secret.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { requirePlan } from '../http/require-plan.js';
import { parseTimestamp } from '../http/timestamps.js';
import { IfMatch, showVersion, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { storedExpiry } from './expiry.js';
import { KeyParameter } from './key-parameter.js';
import { RotationTargetBody, targetOf } from './rotation-target-body.js';

class RotationScheduleBody {
  @IsDurationText({ description: 'So long after one rotation the next follows: PT1H to P366D.' })
  every: string;

  @IsDurationText({
    optional: true,
    orNone: true,
    description:
      'So long the old key works beside its successor, at most P30D and at most `every`. Absent or null: PT24H.',
  })
  gracePeriod?: string | null;

  @IsTimestamp({
    optional: true,
    description:
      'When the first rotation is due; the past means now. Absent or null: `every` after the birth of the key.',
  })
  firstAt?: string | null;

  @IsObjectOf(() => RotationTargetBody, { description: 'Where each new secret is delivered.' })
  target: RotationTargetBody;
}

/** Of the target, with nothing that opens it. */
class RotationTargetView {
  @ApiProperty({ enum: ROTATION_TARGETS }) kind: RotationTargetKind;
  @ApiProperty({ type: 'string', nullable: true, required: false }) url?: string | null;
  @ApiProperty({ required: false }) mount?: string;
  @ApiProperty({ required: false }) path?: string;
  @ApiProperty({ required: false }) region?: string;
  @ApiProperty({ required: false }) secretId?: string;
  @ApiProperty({ required: false }) repository?: string;
  @ApiProperty({ required: false }) secretName?: string;
}

class RotationFailureView {
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ description: 'Why, for people.' }) error: string;
}

class RotationScheduleView {
  @ApiProperty({ description: 'Id of the key that has the schedule now: its successor has it next.' })
  key: string;
  @ApiProperty({ format: 'duration' }) every: string;
  @ApiProperty({ format: 'duration' }) gracePeriod: string;
  @ApiProperty({ format: 'date-time', description: 'When the next rotation is tried.' }) dueAt: string;
  @ApiProperty({ type: RotationTargetView }) target: RotationTargetView;
  @ApiProperty({ description: 'Whether the key is suspended: nothing is tried until it is resumed.' })
  suspended: boolean;
  @ApiProperty({ description: 'Attempts that failed since the last rotation.' }) failures: number;
  @ApiProperty({ type: RotationFailureView, nullable: true }) lastFailure: RotationFailureView | null;
}

class ChangedRotationSchedule extends RotationScheduleView {
  @ApiProperty({
    required: false,
    description:
      'Of a webhook: what its requests are signed with from now on. Shown in this answer and never again.',
  })
  secret?: string;
}

interface Scheduled {
  readonly schedule: RotationSchedule;
  readonly version: bigint;
  readonly position: bigint;
}

export class ScheduleRotation extends Command<Scheduled> {
  constructor(
    readonly registry: string,
    readonly id: string,
    readonly wanted: {
      readonly every: string;
      readonly gracePeriod: string;
      readonly firstAt: string | undefined;
    },
    readonly target: RotationTarget,
    readonly context: CommandContext,
    readonly ifMatch: Precondition | undefined,
  ) {
    super();
  }
}

@CommandHandler(ScheduleRotation)
export class ScheduleRotationHandler implements ICommandHandler<ScheduleRotation> {
  constructor(
    private readonly log: EventLog,
    private readonly subjectKeys: SubjectKeys,
    private readonly readModels: ReadModels,
  ) {}

  /** A schedule that is changed keeps its id, so that its end destroys what opened its former targets too. */
  async execute({ registry, id, wanted, target, context, ifMatch }: ScheduleRotation) {
    const at = now();
    const key = living((await this.log.read(keys, id)).state, { registry, at });
    const schedule = key.schedule?.schedule ?? `rot_${randomBase62(16)}`;
    const sealed = await this.subjectKeys.seal(schedule, JSON.stringify(target), context);
    const { every, gracePeriod, firstAt } = wanted;
    const dueAt = firstAt ?? firstRotation(key.generated.at, every, at);
    const data = { at, registry, schedule, every, gracePeriod, kind: target.kind, target: sealed, dueAt };
    const decide = (state: KeyState) => {
      if (belongs(state, registry) && state.schedule !== null && state.schedule.schedule !== schedule) {
        throw new Refusal('conflict', 'another schedule was made meanwhile');
      }
      return scheduleRotation(data)(state);
    };
    const scheduled = await this.log.transact(keys, id, decide, context, scheduleIs(ifMatch));
    await this.readModels.waitFor(scheduled.position, READ_MODEL_WAIT_MS);
    const { state, history, position } = scheduled;
    return { schedule: scheduleIn(state, registry), version: scheduleVersion(history), position };
  }
}

export class UnscheduleRotation extends Command<{ position: bigint }> {
  constructor(
    readonly registry: string,
    readonly id: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(UnscheduleRotation)
export class UnscheduleRotationHandler implements ICommandHandler<UnscheduleRotation> {
  constructor(
    private readonly log: EventLog,
    private readonly subjectKeys: SubjectKeys,
    private readonly readModels: ReadModels,
  ) {}

  /** What opens the target first: after a crash on the way the schedule leads nowhere, and can be removed again. */
  async execute({ registry, id, context }: UnscheduleRotation) {
    const { schedule } = scheduleIn((await this.log.read(keys, id)).state, registry);
    await this.subjectKeys.erase(schedule);
    const decision = unscheduleRotation(schedule, { registry, at: now() });
    const { position } = await this.log.transact(keys, id, decision, context);
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return { position };
  }
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys/:key/rotation')
export class RotationScheduleRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly log: EventLog,
    private readonly subjectKeys: SubjectKeys,
    private readonly settings: Settings,
  ) {}

  @Get()
  @RequiresOfKey('own-keys', 'any-keys')
  @Operation({
    id: 'getRotationSchedule',
    summary: 'How a key is rotated by itself. Nothing that opens the target is ever shown.',
    answer: RotationScheduleView,
  })
  async show(
    @Param('registry', RegistryParameter) { id: registry }: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RotationScheduleView> {
    const { state, events } = await this.log.read(keys, id);
    const schedule = scheduleIn(state, registry);
    const json = await this.subjectKeys.open(schedule.target);
    if (json === undefined) throw missingSchedule();
    showVersion(reply, scheduleVersion(events));
    return { ...view(id, schedule, parseTarget(json)), suspended: state.status === 'suspended' };
  }

  @Put()
  @RequiresOfKey('own-keys', 'any-keys')
  @TakesIfMatch()
  @Operation({
    id: 'scheduleRotation',
    problems: ['plan-required', 'key-revoked', 'key-expired', 'key-suspended', 'key-rotating'],
    summary:
      'Have a key rotated by itself: each successor has the same schedule, and its secret is delivered to the target before the grace of the old key begins.',
    answer: ChangedRotationSchedule,
  })
  async schedule(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @Body() { every, gracePeriod, firstAt, target: body }: RotationScheduleBody,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChangedRotationSchedule> {
    requirePlan(registry, 'enterprise', 'Automatic rotation');
    const secret = mintWebhookSecret();
    const target = targetOf(body, secret, this.settings);
    const first = firstAt ? storedExpiry(parseTimestamp(firstAt)!, '/firstAt') : undefined;
    const wanted = { every, gracePeriod: gracePeriod ?? GRACE_PERIOD_DEFAULT, firstAt: first };
    const context = commandContext(caller);
    const command = new ScheduleRotation(registry.id, id, wanted, target, context, ifMatch);
    const { schedule, version, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    showVersion(reply, version);
    const shown = view(id, schedule, target);
    return target.kind === 'webhook' ? { ...shown, secret } : shown;
  }

  @Delete()
  @RequiresOfKey('own-keys', 'any-keys')
  @Operation({
    id: 'unscheduleRotation',
    summary: 'Rotate a key by itself no more. What opened the target is destroyed.',
  })
  async unschedule(
    @Param('registry', RegistryParameter) { id: registry }: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const command = new UnscheduleRotation(registry, id, commandContext(caller));
    const { position } = await this.commands.execute(command);
    answerWritten(reply, 204, position);
  }
}

function view(key: string, schedule: RotationSchedule, target: RotationTarget): RotationScheduleView {
  const { every, gracePeriod, dueAt, failures, lastFailure } = schedule;
  const shown = shownTarget(target) as unknown as RotationTargetView;
  return { key, every, gracePeriod, dueAt, target: shown, suspended: false, failures, lastFailure };
}

/** Of a key of this registry. Throws Refusal `not-found` for one that has no schedule, too. */
function scheduleIn(state: KeyState, registry: string): RotationSchedule {
  if (!belongs(state, registry)) throw missingKey();
  if (state.schedule === null) throw missingSchedule();
  return state.schedule;
}

function missingSchedule(): Refusal {
  return new Refusal(
    'not-found',
    'the key is not rotated by itself: it has no schedule, or its successor has it',
  );
}

const SHOWN: ReadonlySet<string> = new Set([
  'KeyRotationScheduled',
  'KeyRotationUnscheduled',
  'KeyRotationLapsed',
  'RotationFailed',
]);

function scheduleVersion(history: readonly PlacedFact[]): bigint {
  return newestRevision(history, ({ type }) => SHOWN.has(type));
}

/** For `EventLog.transact`: the schedule is in the version that the caller has seen. One that there is not has none. */
function scheduleIs(ifMatch: Precondition | undefined) {
  return ({ state, events }: StreamRead<KeyState>): void => {
    if (state.status !== 'none' && state.schedule !== null) ifMatch?.require(scheduleVersion(events));
  };
}
