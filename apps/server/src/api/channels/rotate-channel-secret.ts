import { Controller, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { SubjectKeys } from '#libs/personal-data';
import { now } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import { changeChannel, channelOf, registries, type RegistryState } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { Problem } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { ChannelParameter } from './channel-parameter.js';
import { mintWebhookSecret, overlapEnd } from '../http/webhook-secret.js';

class RotatedSecret {
  @ApiProperty() id: string;
  @ApiProperty({ description: 'The new secret: shown in this answer and never again.' }) secret: string;
  @ApiProperty({
    format: 'date-time',
    description: 'Until then deliveries carry a second signature, with the former secret.',
  })
  previousSecretUntil: string;
}

export class RotateChannelSecret extends Command<{ secret: string; until: string; position: bigint }> {
  constructor(
    readonly registry: string,
    readonly id: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RotateChannelSecret)
export class RotateChannelSecretHandler implements ICommandHandler<RotateChannelSecret> {
  constructor(
    private readonly log: EventLog,
    private readonly subjectKeys: SubjectKeys,
    private readonly readModels: ReadModels,
  ) {}

  /** The secret that it replaces is the one of the moment in which it is decided, also when two calls race. */
  async execute({ registry, id, context }: RotateChannelSecret) {
    secretOf((await this.log.read(registries, registry)).state, id);
    const secret = mintWebhookSecret();
    const sealed = await this.subjectKeys.seal(id, secret, context);
    const at = now();
    const until = overlapEnd(at);
    const decide = (state: RegistryState) => {
      const previousSecret = { secret: secretOf(state, id), until };
      return changeChannel(id, { secret: sealed, previousSecret }, at)(state);
    };
    const { position } = await this.log.transact(registries, registry, decide, context);
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return { secret, until, position };
  }
}

function secretOf(state: RegistryState, id: string) {
  const { secret } = channelOf(state, id);
  if (!secret) throw new Problem('invalid-value', 'Only a webhook has a secret.');
  return secret;
}

@ApiTags('channels')
@Controller('v1/registries/:registry/channels/:channel/rotate-secret')
export class RotateChannelSecretRoute {
  constructor(private readonly commands: CommandBus) {}

  @Post()
  @Requires('configure')
  @Operation({
    problems: ['invalid-value'],
    summary: 'Give a webhook a new secret. For 24 hours deliveries are signed with the former one as well.',
    answer: RotatedSecret,
  })
  async rotate(
    @Param('registry', RegistryParameter) { id: registry }: RegistryRow,
    @Param('channel', ChannelParameter) id: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RotatedSecret> {
    const command = new RotateChannelSecret(registry, id, commandContext(caller));
    const { secret, until, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    return { id, secret, previousSecretUntil: until };
  }
}
