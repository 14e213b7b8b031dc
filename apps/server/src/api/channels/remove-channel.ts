import { Controller, Delete, Param, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { SubjectKeys } from '#libs/personal-data';
import { now } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import { channelOf, registries, removeChannel } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { ChannelParameter } from './channel-parameter.js';

export class RemoveChannel extends Command<{ position: bigint }> {
  constructor(
    readonly registry: string,
    readonly id: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RemoveChannel)
export class RemoveChannelHandler implements ICommandHandler<RemoveChannel> {
  constructor(
    private readonly log: EventLog,
    private readonly subjectKeys: SubjectKeys,
    private readonly readModels: ReadModels,
  ) {}

  /** The key first: after a crash on the way the channel is still there, leads nowhere, and can be removed again. */
  async execute({ registry, id, context }: RemoveChannel) {
    channelOf((await this.log.read(registries, registry)).state, id);
    await this.subjectKeys.erase(id);
    const { position } = await this.log.transact(registries, registry, removeChannel(id, now()), context);
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return { position };
  }
}

@ApiTags('channels')
@Controller('v1/registries/:registry/channels/:channel')
export class RemoveChannelRoute {
  constructor(private readonly commands: CommandBus) {}

  @Delete()
  @Requires('configure')
  @Operation({
    summary: 'Remove a channel. What was due to it is dropped; where it led cannot be read again.',
  })
  async remove(
    @Param('registry', RegistryParameter) { id: registry }: RegistryRow,
    @Param('channel', ChannelParameter) id: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const command = new RemoveChannel(registry, id, commandContext(caller));
    const { position } = await this.commands.execute(command);
    answerWritten(reply, 204, position);
  }
}
