import { Body, Controller, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { keys, revokeKey, type SealedReason } from '#libs/keys';
import { mintUuid, now } from '#libs/platform';
import { ReadModels, type KeyQuery, type RegistryRow } from '#libs/read-models';
import { ProveRevocation, type RevokedKey as KeyToProve } from '../../membership/prove-revocation.js';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsFlag, IsObjectOf, IsText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { invalidField, Problem } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { filtersOf, KeyFilter } from './list-keys.js';
import { ListedKeys } from './listed-keys.js';
import { Receipts, ReceiptView, RevokedKey } from './receipts.js';
import { REASON_MAX, RevocationReasons } from './revocation-reasons.js';

/** More keys than this are revoked by several calls, each of which chooses fewer. */
const KEYS_MAX = 10_000;
/** Revoking a revoked key says nothing new; it is left out unless the filter asks for it. */
const NOT_REVOKED = ['active', 'rotating', 'suspended', 'expired'] as const;
/** Appends under way at once; the store's adapter takes 256 of all callers. */
const LANES = 64;

class RevokeKeysBody {
  @IsObjectOf(() => KeyFilter, {
    description:
      'Which keys, as the parameters of the list; at least one. Keys that are revoked already are left out.',
  })
  filter: KeyFilter;

  @IsFlag({ description: 'Only say which keys would be revoked.' })
  dryRun?: boolean;

  @IsText({ max: REASON_MAX, optional: true, description: 'Why, of every one of them. Stored encrypted.' })
  reason?: string | null;
}

class FailedKey {
  @ApiProperty() id: string;
  @ApiProperty() detail: string;
}

class RevokedKeys {
  @ApiProperty({ type: 'integer', description: 'Keys that the filter chose.' }) matched: number;
  @ApiProperty({ type: 'integer' }) revoked: number;
  @ApiProperty({ type: 'integer' }) failed: number;
  @ApiProperty({
    type: ReceiptView,
    nullable: true,
    description:
      'Of the key that was revoked last: whoever waited for it waited for all. null when none was.',
  })
  receipt: ReceiptView | null;
  @ApiProperty({ type: [RevokedKey], description: 'Each with a receipt of its own; empty with `dryRun`.' })
  keys: RevokedKey[];
  @ApiProperty({ type: [String], description: 'Ids of the keys that the filter chose.' }) ids: string[];
  @ApiProperty({ type: [FailedKey] }) failures: FailedKey[];
}

interface Revocation {
  readonly key: KeyToProve;
  readonly revokedAt: string;
  /** Of KeyRevoked. */
  readonly position: bigint;
}

export class RevokeKeys extends Command<{
  proven: { revokedAt: string; id: string; proof: Parameters<Receipts['answer']>[2] }[];
  failures: FailedKey[];
  position: bigint;
}> {
  constructor(
    readonly registry: RegistryRow,
    readonly ids: readonly string[],
    readonly context: CommandContext,
    readonly reason: SealedReason | null,
  ) {
    super();
  }
}

@CommandHandler(RevokeKeys)
export class RevokeKeysHandler implements ICommandHandler<RevokeKeys> {
  constructor(
    private readonly log: EventLog,
    private readonly proveRevocation: ProveRevocation,
    private readonly readModels: ReadModels,
  ) {}

  /** All appends, then one wait for the last of them, then the proofs. A key that cannot be revoked now does not keep the others. */
  async execute({ registry, ids, context, reason }: RevokeKeys) {
    const revocations: Revocation[] = [];
    const failures: FailedKey[] = [];
    const left = [...ids];
    const lane = async (): Promise<void> => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        try {
          revocations.push(await this.revoke(registry, id, context, reason));
        } catch (error) {
          failures.push({ id, detail: error instanceof Error ? error.message : 'unknown' });
        }
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    revocations.sort((one, other) => (one.position < other.position ? -1 : 1));
    const last = revocations.at(-1)?.position ?? 0n;
    const proofs = await this.proveRevocation.ofAll(revocations, last, context);
    const proven = revocations.map(({ key, revokedAt }, index) => ({
      id: key.id,
      revokedAt,
      proof: proofs[index]!.proof,
    }));
    const position = proofs.reduce(
      (newest, proof) => (proof.position > newest ? proof.position : newest),
      last,
    );
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return { proven, failures, position };
  }

  private async revoke(
    registry: RegistryRow,
    id: string,
    context: CommandContext,
    reason: SealedReason | null,
  ): Promise<Revocation> {
    const decision = revokeKey({ registry: registry.id, at: now(), reason });
    const { state, position } = await this.log.transact(keys, id, decision, {
      ...context,
      commandId: mintUuid(),
    });
    if (state.status === 'none') throw new Error('there is no such key');
    return {
      key: { registry: registry.id, id, serveReadsFor: registry.serveReadsFor },
      revokedAt: state.revokedAt!,
      position,
    };
  }
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys/revoke')
export class RevokeKeysRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly listed: ListedKeys,
    private readonly receipts: Receipts,
    private readonly reasons: RevocationReasons,
  ) {}

  @Post()
  @Requires('any-keys')
  @Operation({
    position: 'sometimes',
    problems: ['usage-not-kept'],
    summary: 'Revoke all keys that a filter chooses, or say which they are.',
    answer: RevokedKeys,
  })
  async revoke(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Body() { filter, dryRun, reason }: RevokeKeysBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RevokedKeys> {
    const ids = this.chosen(registry, filter);
    const nothing = {
      matched: ids.length,
      revoked: 0,
      failed: 0,
      receipt: null,
      keys: [],
      ids,
      failures: [],
    };
    if (dryRun === true || ids.length === 0) return nothing;
    const sealed = await this.reasons.seal(reason, caller.userId, commandContext(caller));
    const command = new RevokeKeys(registry, ids, commandContext(caller), sealed);
    const { proven, failures, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    const revoked = proven.map(({ id, revokedAt, proof }) => this.receipts.answer(id, revokedAt, proof));
    const receipt = revoked.at(-1)?.receipt ?? null;
    return { ...nothing, revoked: revoked.length, failed: failures.length, receipt, keys: revoked, failures };
  }

  private chosen(registry: RegistryRow, filter: KeyFilter): string[] {
    const filters = filtersOf(filter);
    if (Object.keys(filters).length === 0) {
      throw invalidField(
        '/filter',
        'The filter must choose by something: an empty one would revoke every key.',
      );
    }
    const query: KeyQuery = {
      status: NOT_REVOKED,
      ...filters,
      registry: registry.id,
      now: now(),
      sort: 'createdAt',
      limit: KEYS_MAX + 1,
    };
    const rows = this.listed.rows(query, { pointer: '/filter/unusedSince' });
    if (rows.length > KEYS_MAX) {
      const detail = `The filter chooses more than ${KEYS_MAX} keys: choose fewer at a time.`;
      throw new Problem('invalid-value', detail, {
        errors: [{ pointer: '/filter', code: 'invalid-value', detail }],
      });
    }
    return rows.map(({ id }) => id);
  }
}
