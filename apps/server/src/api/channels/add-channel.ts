import { Body, Controller, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { DEFAULT_EVENTS } from '#libs/notifications';
import { SubjectKeys } from '#libs/personal-data';
import { mintId, now, Settings } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import { addChannel, CHANNEL_KINDS, registries, type Channel, type ChannelKind } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsChoice, IsList, IsText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { invalidField } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { EVENTS_MAX, eventsOf, targetOf, URL_LENGTH_MAX } from './channel-fields.js';
import { ChannelView, ChannelViews } from './channel-views.js';
import { mintWebhookSecret } from './webhook-secret.js';

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
    required: false,
    description: 'Of a webhook: what its deliveries are signed with. Shown in this answer and never again.',
  })
  secret?: string;
}

export class AddChannel extends Command<{ channel: Channel; secret: string | undefined; position: bigint }> {
  constructor(
    readonly registry: string,
    readonly wanted: Pick<Channel, 'kind' | 'name' | 'events'>,
    readonly target: string,
    readonly context: CommandContext,
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
  async execute({ registry, wanted, target, context }: AddChannel) {
    const id = mintId('chn');
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
    const { position } = await this.log.transact(registries, registry, addChannel(channel), context);
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return { channel, secret, position };
  }
}

@ApiTags('channels')
@Controller('v1/registries/:registry/channels')
export class AddChannelRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly views: ChannelViews,
    private readonly settings: Settings,
  ) {}

  @Post()
  @Requires('configure')
  @Operation({
    summary: 'Add a channel: it is told of what happens from then on.',
    answer: AddedChannel,
    status: 201,
  })
  async add(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Body() { kind, name, url, address, events }: AddChannelBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AddedChannel> {
    const target = targetOf(kind, { url, address }, this.settings);
    if (target === undefined) {
      const field = kind === 'email' ? 'address' : 'url';
      throw invalidField(`/${field}`, `${field} is required for this kind of channel.`);
    }
    const wanted = { kind, name, events: events ? eventsOf(events) : DEFAULT_EVENTS };
    const command = new AddChannel(registry.id, wanted, target, commandContext(caller));
    const { channel, secret, position } = await this.commands.execute(command);
    answerWritten(reply, 201, position);
    const view = await this.views.of(channel, channel.at);
    return secret === undefined ? view : { ...view, secret };
  }
}
