import { Body, Controller, Delete, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { keys, missingKey, revokeKey, type SealedReason } from '#libs/keys';
import { now } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import { ProveRevocation, type Proof } from '../../membership/prove-revocation.js';
import { commandContext, CurrentCaller, RequiresOfKey, type Caller } from '../http/caller.js';
import { IsText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { KeyParameter } from './key-parameter.js';
import { keyIs } from './key-version.js';
import { IfMatch, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { Receipts, RevokedKey } from './receipts.js';
import { REASON_MAX, RevocationReasons } from './revocation-reasons.js';

class RevokeKeyBody {
  @IsText({ max: REASON_MAX, optional: true, description: 'Why. Stored encrypted; erased with its author.' })
  reason?: string | null;
}

export class RevokeKey extends Command<Proof & { revokedAt: string }> {
  constructor(
    readonly registry: RegistryRow,
    readonly id: string,
    readonly context: CommandContext,
    readonly reason: SealedReason | null = null,
    readonly ifMatch?: Precondition,
  ) {
    super();
  }
}

@CommandHandler(RevokeKey)
export class RevokeKeyHandler implements ICommandHandler<RevokeKey> {
  constructor(
    private readonly log: EventLog,
    private readonly proveRevocation: ProveRevocation,
    private readonly readModels: ReadModels,
  ) {}

  /** Whoever is told "revoked" has the proof, the second caller too: it is the same, whoever revoked. */
  async execute({ registry, id, context, reason, ifMatch }: RevokeKey) {
    const { state, facts, position } = await this.log.transact(
      keys,
      id,
      revokeKey({ registry: registry.id, at: now(), reason }),
      context,
      keyIs(ifMatch, registry.id),
    );
    if (state.status === 'none') throw missingKey();
    const key = { registry: registry.id, id, serveReadsFor: registry.serveReadsFor };
    const isOurs = facts.length > 0;
    const proven = state.proven
      ? { proof: state.proven, position }
      : await this.proveRevocation.of(key, context, isOurs ? position : undefined);
    await this.readModels.waitFor(proven.position, READ_MODEL_WAIT_MS);
    return { revokedAt: state.revokedAt!, ...proven };
  }
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys/:key')
export class RevokeKeyRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly receipts: Receipts,
    private readonly reasons: RevocationReasons,
  ) {}

  @Post('revoke')
  @RequiresOfKey('own-keys', 'any-keys')
  @TakesIfMatch()
  @Operation({
    id: 'revokeKey',
    summary: 'Revoke a key: once answered, no request is accepted with it.',
    answer: RevokedKey,
  })
  revoke(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @Body() { reason }: RevokeKeyBody,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RevokedKey> {
    return this.run(registry, id, caller, ifMatch, reply, reason);
  }

  @Delete()
  @RequiresOfKey('own-keys', 'any-keys')
  @TakesIfMatch()
  @Operation({ id: 'deleteKey', summary: 'The same as revoke.', answer: RevokedKey })
  remove(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RevokedKey> {
    return this.run(registry, id, caller, ifMatch, reply);
  }

  private async run(
    registry: RegistryRow,
    id: string,
    caller: Caller,
    ifMatch: Precondition | undefined,
    reply: FastifyReply,
    reason?: string | null,
  ): Promise<RevokedKey> {
    const sealed = await this.reasons.seal(reason, caller.userId, commandContext(caller));
    const command = new RevokeKey(registry, id, commandContext(caller), sealed, ifMatch);
    const { revokedAt, proof, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    return this.receipts.answer(id, revokedAt, proof);
  }
}
