import { Body, Controller, Delete, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { Refusal } from '#libs/kernel';
import { keys, missingKey, revokeKey } from '#libs/keys';
import { now } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import { commandContext, CurrentCaller, type Caller } from '../http/caller.js';
import { NotSupportedYet } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { KeyParameter } from './key-parameter.js';
import { answerWritten } from '../http/written.js';

/** A revocation is not answered before the gate refuses the key; if that takes longer than this, the answer is 503. */
const GATE_WAIT_MS = 10_000;

class RevokeKeyBody {
  // Free text about people is stored only encrypted, which comes with personal data; until then nothing is stored.
  @NotSupportedYet({ type: 'string' }) reason?: unknown;
}

class RevokedKey {
  @ApiProperty() id: string;
  @ApiProperty({ enum: ['revoked'] }) status: 'revoked';
  @ApiProperty({ format: 'date-time' }) revokedAt: string;
}

export class RevokeKey extends Command<{ revokedAt: string; position: bigint }> {
  constructor(
    readonly registry: string,
    readonly id: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RevokeKey)
export class RevokeKeyHandler implements ICommandHandler<RevokeKey> {
  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
  ) {}

  /** Whoever is told "revoked" has waited, the second caller too: `position` is the revocation's, whoever appended it. */
  async execute({ registry, id, context }: RevokeKey) {
    const { state, position } = await this.log.transact(
      keys,
      id,
      revokeKey({ registry, at: now() }),
      context,
    );
    if (!(await this.readModels.waitFor(position, GATE_WAIT_MS))) {
      throw new Refusal(
        'unavailable',
        'the revocation is stored, but the gate has not confirmed it yet; repeat the request',
      );
    }
    if (state.status === 'none') throw missingKey();
    return { revokedAt: state.revokedAt!, position };
  }
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys/:key')
export class RevokeKeyRoute {
  constructor(private readonly commands: CommandBus) {}

  @Post('revoke')
  @Operation({ summary: 'Revoke a key: once answered, no request is accepted with it.', answer: RevokedKey })
  revoke(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @Body() _body: RevokeKeyBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RevokedKey> {
    return this.run(registry, id, caller, reply);
  }

  @Delete()
  @Operation({ summary: 'The same as revoke.', answer: RevokedKey })
  remove(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RevokedKey> {
    return this.run(registry, id, caller, reply);
  }

  private async run(
    registry: RegistryRow,
    id: string,
    caller: Caller,
    reply: FastifyReply,
  ): Promise<RevokedKey> {
    const command = new RevokeKey(registry.id, id, commandContext(caller));
    const { revokedAt, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    return { id, status: 'revoked', revokedAt };
  }
}
