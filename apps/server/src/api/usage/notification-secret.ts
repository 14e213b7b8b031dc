import { createHash } from 'node:crypto';
import { Controller, Delete, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { mintSecret, now } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import { issueNotificationSecret, registries, removeNotificationSecret } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';

/** `drn_` and 43 base62 characters: 256 bits, so that a plain hash of it may stand in the log. */
const PREFIX = 'drn_';

/** SHA-256 in hex, as the log has it. */
export function hashNotificationSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

class IssuedNotificationSecret {
  @ApiProperty({
    description: 'For `Authorization: Bearer` of notifications: shown in this answer and never again.',
  })
  secret: string;
  @ApiProperty({ format: 'date-time' }) issuedAt: string;
}

/** `secretHash` undefined: notifications are taken no more. */
export class SetNotificationSecret extends Command<bigint> {
  constructor(
    readonly registry: string,
    readonly secretHash: string | undefined,
    readonly at: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(SetNotificationSecret)
export class SetNotificationSecretHandler implements ICommandHandler<SetNotificationSecret> {
  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
  ) {}

  /** Answers the position of the write. Other nodes take it up a moment later: it decides about counts only. */
  async execute({ registry, secretHash, at, context }: SetNotificationSecret): Promise<bigint> {
    const decision =
      secretHash === undefined ? removeNotificationSecret(at) : issueNotificationSecret(secretHash, at);
    const { position } = await this.log.transact(registries, registry, decision, context);
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return position;
  }
}

@ApiTags('usage')
@Controller('v1/registries/:registry/notifications/secret')
export class NotificationSecretRoute {
  constructor(private readonly commands: CommandBus) {}

  @Post()
  @Requires('configure')
  @Operation({
    id: 'issueNotificationSecret',
    summary:
      'Make a secret for the notifications of the registry behind the gate; the one before ends at once.',
    answer: IssuedNotificationSecret,
  })
  async issue(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IssuedNotificationSecret> {
    const secret = PREFIX + mintSecret();
    const issuedAt = now();
    const command = new SetNotificationSecret(
      id,
      hashNotificationSecret(secret),
      issuedAt,
      commandContext(caller),
    );
    answerWritten(reply, 200, await this.commands.execute(command));
    return { secret, issuedAt };
  }

  @Delete()
  @Requires('configure')
  @Operation({ id: 'removeNotificationSecret', summary: 'Take no notifications any more: the secret ends.' })
  async remove(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const command = new SetNotificationSecret(id, undefined, now(), commandContext(caller));
    answerWritten(reply, 204, await this.commands.execute(command));
  }
}
