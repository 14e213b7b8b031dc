import { Body, Controller, Param, Patch, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { SubjectKeys } from '#libs/personal-data';
import { now, Settings } from '#libs/platform';
import { findChannel, ReadModels, type RegistryRow } from '#libs/read-models';
import {
  changeChannel,
  channelOf,
  missingChannel,
  registries,
  type Channel,
  type ChannelChanges,
} from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsFlag, IsList, IsText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { IfMatch, showVersion, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { EVENTS_MAX, eventsOf, targetOf, URL_LENGTH_MAX } from './channel-fields.js';
import { ChannelParameter } from './channel-parameter.js';
import { channelIs, channelVersion } from './channel-version.js';
import { ChannelView, ChannelViews } from './channel-views.js';

/** What is left out stays as it is. The kind of a channel stays for ever. */
class ChangeChannelBody {
  @IsText({ max: 100, optional: 'absent' })
  name?: string;

  @IsText({ max: URL_LENGTH_MAX, optional: 'absent' })
  url?: string;

  @IsText({ max: 254, optional: 'absent' })
  address?: string;

  @IsList({ max: EVENTS_MAX, optional: 'absent' })
  events?: unknown[];

  @IsFlag({
    description: 'Whether it is sent anything; true also after its target answered that it is gone.',
  })
  enabled?: boolean;
}

export class ChangeChannel extends Command<{ channel: Channel; version: bigint; position: bigint }> {
  constructor(
    readonly registry: string,
    readonly id: string,
    readonly changes: ChannelChanges,
    readonly target: string | undefined,
    readonly context: CommandContext,
    readonly ifMatch?: Precondition,
  ) {
    super();
  }
}

@CommandHandler(ChangeChannel)
export class ChangeChannelHandler implements ICommandHandler<ChangeChannel> {
  constructor(
    private readonly log: EventLog,
    private readonly subjectKeys: SubjectKeys,
    private readonly readModels: ReadModels,
  ) {}

  async execute({ registry, id, changes, target, context, ifMatch }: ChangeChannel) {
    const sealed = target === undefined ? {} : { target: await this.subjectKeys.seal(id, target, context) };
    const change = changeChannel(id, { ...changes, ...sealed }, now());
    const changed = await this.log.transact(registries, registry, change, context, channelIs(ifMatch, id));
    const { state, history, position } = changed;
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return { channel: channelOf(state, id), version: channelVersion(history, id), position };
  }
}

@ApiTags('channels')
@Controller('v1/registries/:registry/channels/:channel')
export class ChangeChannelRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly views: ChannelViews,
    private readonly readModels: ReadModels,
    private readonly settings: Settings,
  ) {}

  @Patch()
  @Requires('configure')
  @TakesIfMatch()
  @Operation({
    problems: ['mail-not-configured'],
    summary: 'Change a channel, or switch it off and on.',
    answer: ChannelView,
  })
  async change(
    @Param('registry', RegistryParameter) { id: registry }: RegistryRow,
    @Param('channel', ChannelParameter) id: string,
    @Body() { name, url, address, events, enabled }: ChangeChannelBody,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChannelView> {
    // Looked up before anything is sealed: a foreign channel gets no fact under its key.
    const row = findChannel(this.readModels.database, id, registry);
    if (!row) throw missingChannel();
    const target = targetOf(row.kind, { url, address }, this.settings);
    const changes: ChannelChanges = {
      ...(name !== undefined && { name }),
      ...(events !== undefined && { events: eventsOf(events) }),
      ...(enabled !== undefined && { disabled: enabled ? null : 'by-owner' }),
    };
    const command = new ChangeChannel(registry, id, changes, target, commandContext(caller), ifMatch);
    const { channel, version, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    showVersion(reply, version);
    return this.views.of(channel, row.createdAt);
  }
}
