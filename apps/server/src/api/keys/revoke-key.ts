import { Body, Controller, Delete, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { keys, missingKey, revokeKey } from '#libs/keys';
import { now } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import { ProveRevocation, type Proof } from '../../membership/prove-revocation.js';
import { commandContext, CurrentCaller, RequiresOfKey, type Caller } from '../http/caller.js';
import { NotSupportedYet } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { KeyParameter } from './key-parameter.js';
import { keyIs } from './key-version.js';
import { IfMatch, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { Receipts, RevokedKey } from './receipts.js';

class RevokeKeyBody {
  // Free text about people is stored only encrypted, which comes with personal data; until then nothing is stored.
  @NotSupportedYet({ type: 'string' }) reason?: unknown;
}

export class RevokeKey extends Command<Proof & { revokedAt: string }> {
  constructor(
    readonly registry: RegistryRow,
    readonly id: string,
    readonly context: CommandContext,
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
  async execute({ registry, id, context, ifMatch }: RevokeKey) {
    const { state, facts, position } = await this.log.transact(
      keys,
      id,
      revokeKey({ registry: registry.id, at: now() }),
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
    @Body() _body: RevokeKeyBody,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RevokedKey> {
    return this.run(registry, id, caller, ifMatch, reply);
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
  ): Promise<RevokedKey> {
    const command = new RevokeKey(registry, id, commandContext(caller), ifMatch);
    const { revokedAt, proof, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    return this.receipts.answer(id, revokedAt, proof);
  }
}
