import { Body, Controller, Headers, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { DEFAULT_EVENTS } from '#libs/notifications';
import { SubjectKeys } from '#libs/personal-data';
import { now, Settings } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import {
  addChannel,
  CHANNEL_KINDS,
  registries,
  type Channel,
  type ChannelKind,
  type RegistryFact,
  type RegistryState,
} from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsChoice, IsList, IsText } from '../http/fields.js';
import { FirstAnswer, otherBody, TakesIdempotencyKey, type Attempt } from '../http/first-answer.js';
import { Operation } from '../http/openapi.js';
import { invalidField } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { showVersion } from '../http/versions.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { EVENTS_MAX, eventsOf, targetOf, URL_LENGTH_MAX } from './channel-fields.js';
import { ChannelView, ChannelViews } from './channel-views.js';
import { mintWebhookSecret } from '../http/webhook-secret.js';

class AddChannelBody {
  @IsChoice(CHANNEL_KINDS)
  kind: ChannelKind;

  @IsText({ max: 100 })
  name: string;

  @IsText({ max: URL_LENGTH_MAX, optional: 'absent', description: 'Of a webhook or Slack channel.' })
  url?: string;

  @IsText({ max: 254, optional: 'absent', description: 'Of an e-mail channel.' })
  address?: string;

  @IsList({
    max: EVENTS_MAX,
    optional: 'absent',
    description: `What it is told of; without it ${DEFAULT_EVENTS.join(', ')}.`,
  })
  events?: unknown[];
}

class AddedChannel extends ChannelView {
  @ApiProperty({
    type: 'string',
    nullable: true,
    required: false,
    description: 'Of a webhook: what its deliveries are signed with. Shown in this answer and never again.',
  })
  secret?: string | null;

  @ApiProperty({
    required: false,
    description: '`secret-already-shown` when the Idempotency-Key was used before.',
  })
  code?: string;
}

interface Added {
  readonly channel: Channel;
  /** undefined: its kind has none; null: it was shown in the first answer. */
  readonly secret: string | undefined | null;
  readonly version: bigint;
  readonly position: bigint;
  readonly isNew: boolean;
}

export class AddChannel extends Command<Added> {
  constructor(
    readonly id: string,
    readonly registry: string,
    readonly wanted: Pick<Channel, 'kind' | 'name' | 'events'>,
    readonly target: string,
    readonly context: CommandContext,
    /** What a repeated call has to be. */
    readonly isFirst: Attempt['isFirst'],
  ) {
    super();
  }
}

@CommandHandler(AddChannel)
export class AddChannelHandler implements ICommandHandler<AddChannel> {
  constructor(
    private readonly log: EventLog,
    private readonly subjectKeys: SubjectKeys,
    private readonly readModels: ReadModels,
  ) {}

  /** A crash on the way leaves a key that opens nothing. */
  async execute({ id, registry, wanted, target, context, isFirst }: AddChannel) {
    const secret = wanted.kind === 'webhook' ? mintWebhookSecret() : undefined;
    const seal = (text: string) => this.subjectKeys.seal(id, text, context);
    const channel: Channel = {
      at: now(),
      channel: id,
      kind: wanted.kind,
      name: wanted.name,
      target: await seal(target),
      secret: secret === undefined ? null : await seal(secret),
      previousSecret: null,
      events: wanted.events,
      disabled: null,
    };
    const added = await this.log.transact(registries, registry, addChannel(channel), context, isFirst);
    const { position, revision: version } = added;
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return { channel, secret, version, position, isNew: true };
  }
}

@ApiTags('channels')
@Controller('v1/registries/:registry/channels')
export class AddChannelRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly views: ChannelViews,
    private readonly settings: Settings,
    private readonly firstAnswer: FirstAnswer,
    private readonly subjectKeys: SubjectKeys,
  ) {}

  @Post()
  @Requires('configure')
  @TakesIdempotencyKey()
  @Operation({
    problems: ['too-many-channels', 'mail-not-configured'],
    again: 'The Idempotency-Key was used before: the channel that it made then.',
    summary: 'Add a channel: it is told of what happens from then on.',
    answer: AddedChannel,
    status: 201,
  })
  async add(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Body() { kind, name, url, address, events }: AddChannelBody,
    @CurrentCaller() caller: Caller,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AddedChannel> {
    const target = targetOf(kind, { url, address }, this.settings);
    if (target === undefined) {
      const field = kind === 'email' ? 'address' : 'url';
      throw invalidField(`/${field}`, `${field} is required for this kind of channel.`);
    }
    const wanted = { kind, name, events: events ? eventsOf(events) : DEFAULT_EVENTS };
    const added = await this.addOnce(registry.id, wanted, target, caller, idempotencyKey);
    const { channel, secret, version, position, isNew } = added;
    answerWritten(reply, isNew ? 201 : 200, position);
    showVersion(reply, version);
    const view = await this.views.of(channel, channel.at);
    if (secret === undefined) return view;
    return secret === null ? { ...view, secret, code: 'secret-already-shown' } : { ...view, secret };
  }

  /** The log keeps no hash of where a channel leads, which could be guessed by it: that is compared itself. */
  private addOnce(
    registry: string,
    wanted: Pick<Channel, 'kind' | 'name' | 'events'>,
    target: string,
    caller: Caller,
    key: string | undefined,
  ): Promise<Added> {
    const repeatable = this.firstAnswer.asked(key, caller, `add channel ${registry}`, wanted);
    return this.firstAnswer.of<RegistryState, RegistryFact, Added>(
      repeatable,
      commandContext(caller),
      now(),
      {
        kind: registries,
        streamOf: () => registry,
        ownStream: false,
        make: ({ id, context, isFirst }) =>
          this.commands.execute(new AddChannel(`chn_${id}`, registry, wanted, target, context, isFirst)),
        again: async (_, { position }, { data, revision: version }) => {
          const channel = data as Channel;
          // Of a channel that was removed since, where it led cannot be read any more.
          const known = await this.subjectKeys.open(channel.target);
          if (known !== undefined && known !== target) throw otherBody();
          const secret = channel.secret ? null : undefined;
          return { channel, secret, version, position, isNew: false };
        },
      },
    );
  }
}
