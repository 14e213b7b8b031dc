import { Body, Controller, Headers, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { formatKey, hashSecret, parseDuration } from '#libs/kernel';
import { generateKey, keys, PERMISSIONS, type KeyState, type KeyTraits, type Permission } from '#libs/keys';
import { mintSecret, now } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import {
  IsChoice,
  IsDurationText,
  IsLabels,
  IsText,
  IsTimestamp,
  IsFlag,
  NotTogetherWith,
} from '../http/fields.js';
import { FirstAnswer, TakesIdempotencyKey, type Attempt, type Repeatable } from '../http/first-answer.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { Widened } from '../http/widened.js';
import { showVersion } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { expiryAt, storedExpiry } from './expiry.js';
import { keyVersion } from './key-version.js';
import { KeyView } from './key-view.js';
import { KeyViews } from './key-views.js';
import { refuseAgainstPolicy, refuseOneMore } from './refuse-against-policy.js';
import { IsCountries, IsNetworks, IsRepositories, restrictions } from './restrictions.js';

class GenerateKeyBody {
  @IsText({ max: 200, description: 'What the key is for; need not be unique.' })
  name: string;

  @IsChoice(PERMISSIONS)
  permission: Permission;

  @IsTimestamp({ optional: true, description: 'When the key ends; absent or null: never.' })
  @NotTogetherWith('expiresIn')
  expiresAt?: string | null;

  @IsDurationText({ optional: true, description: 'How long the key lives, such as P90D.' })
  expiresIn?: string | null;

  @IsText({ min: 0, max: 1_000, lines: true, optional: true })
  description?: string | null;

  @IsLabels({ optional: true })
  labels?: Record<string, string> | null;

  @IsRepositories() repositories?: unknown[] | null;
  @IsNetworks() networks?: unknown[] | null;
  @IsCountries() expectedCountries?: unknown[] | null;

  @IsFlag({
    description:
      'Make a canary: it looks like a key and grants nothing; whoever presents it raises an alert at once.',
  })
  canary?: boolean;
}

/** A new key, with what is shown once. */
export class GeneratedKey extends KeyView {
  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'The whole key: shown in this answer and never again.',
  })
  key: string | null;

  @ApiProperty({
    required: false,
    description: '`key-already-shown` when the Idempotency-Key was used before.',
  })
  code?: string;
}

export interface Generated {
  readonly id: string;
  /** null: it was shown in the first answer. */
  readonly secret: string | null;
  readonly state: KeyState;
  readonly version: bigint;
  readonly position: bigint;
}

/** Mint, transact, wait, answer. `repeatable` is given when the caller sent an Idempotency-Key. */
export class GenerateKey extends Command<Generated> {
  constructor(
    readonly registry: RegistryRow,
    readonly wanted: KeyTraits & { readonly canary: boolean },
    /** The user whose own key it is, also when an access token acts for the user. */
    readonly createdBy: string,
    readonly at: string,
    readonly context: CommandContext,
    readonly repeatable: Repeatable | undefined,
  ) {
    super();
  }
}

@CommandHandler(GenerateKey)
export class GenerateKeyHandler implements ICommandHandler<GenerateKey> {
  constructor(
    private readonly log: EventLog,
    private readonly widened: Widened,
    private readonly firstAnswer: FirstAnswer,
    private readonly readModels: ReadModels,
  ) {}

  execute(command: GenerateKey) {
    const idOf = ({ id }: Attempt) => `drk_${id}`;
    return this.firstAnswer.of(command.repeatable, command.context, command.at, {
      kind: keys,
      streamOf: idOf,
      ownStream: true,
      make: (attempt) => this.generate(idOf(attempt), command, attempt.context),
      again: (attempt, { state, events, position }) => ({
        id: idOf(attempt),
        secret: null,
        state,
        version: keyVersion(events),
        position,
      }),
    });
  }

  private async generate(
    id: string,
    { registry, wanted, createdBy, at }: GenerateKey,
    context: CommandContext,
  ): Promise<Generated> {
    // By the policy of the very revision that the fact records.
    refuseAgainstPolicy(registry, { ...wanted, createdAt: at });
    refuseOneMore(registry, this.readModels);
    const secret = mintSecret();
    const data = {
      ...wanted,
      at,
      registry: registry.id,
      registryRevision: registry.revision.toString(),
      createdBy,
      secretHash: hashSecret(secret),
      rotates: null,
    };
    const { state, history, position } = await this.log.create(keys, id, generateKey(data), context);
    await this.widened.apply(position);
    return { id, secret, state, version: keyVersion(history), position };
  }
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys')
export class GenerateKeyRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly firstAnswer: FirstAnswer,
    private readonly views: KeyViews,
  ) {}

  @Post()
  @Requires('own-keys')
  @TakesIdempotencyKey()
  @Operation({
    problems: ['expiry-in-past', 'policy-violated'],
    again: 'The Idempotency-Key came with this body before: `key` is null, `code` is `key-already-shown`.',
    summary: 'Generate a key. The answer is the only one that carries it.',
    answer: GeneratedKey,
    status: 201,
  })
  async generate(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Body() body: GenerateKeyBody,
    @CurrentCaller() caller: Caller,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GeneratedKey> {
    const at = now();
    const repeatable = this.firstAnswer.asked(idempotencyKey, caller, `generate ${registry.id}`, body);
    const command = new GenerateKey(
      registry, traits(body, at), caller.userId, at, commandContext(caller), repeatable,
    ); // prettier-ignore
    const { id, secret, state, version, position } = await this.commands.execute(command);
    answerWritten(reply, secret === null ? 200 : 201, position);
    showVersion(reply, version);
    const view = this.views.ofState(id, state, registry);
    return { ...view, ...shownOnce(id, secret) };
  }
}

/** The key itself in the first answer; in a later one that it was shown. */
export function shownOnce(id: string, secret: string | null): Pick<GeneratedKey, 'key' | 'code'> {
  return secret === null ? { key: null, code: 'key-already-shown' } : { key: formatKey(id, secret) };
}

function traits(body: GenerateKeyBody, at: string): GenerateKey['wanted'] {
  const { name, permission, description = null, labels, canary = false } = body;
  const { repositories = [], networks = [], expectedCountries = [] } = restrictions(body);
  const expiresAt = expiry(body, at);
  const rights = { permission, expiresAt, repositories, networks };
  return { name, description, labels: labels ?? {}, ...rights, expectedCountries, canary };
}

function expiry({ expiresAt = null, expiresIn }: GenerateKeyBody, at: string): string | null {
  if (!expiresIn) return expiryAt(expiresAt);
  return storedExpiry(Date.parse(at) + parseDuration(expiresIn)!, '/expiresIn');
}
