import { Body, Controller, Headers, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, EventStoreUnavailable, type CommandContext } from '#libs/event-store';
import { hashSecret, parseDuration, Refusal } from '#libs/kernel';
import {
  endGrace,
  endOf,
  generateSuccessor,
  GRACE_PERIOD_DEFAULT,
  GRACE_PERIOD_MAX_MS,
  inheritedLifetime,
  keys,
  living,
  refuseUnrotatable,
  revokeKey,
  rotateKey,
  successorOf,
  type ExistingKey,
  type KeyGenerated,
  type KeyState,
} from '#libs/keys';
import { mintSecret, mintUuid, now } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import { ProveRevocation } from '../../membership/prove-revocation.js';
import { commandContext, CurrentCaller, RequiresOfKey, type Caller } from '../http/caller.js';
import { IsDurationText } from '../http/fields.js';
import { FirstAnswer, TakesIdempotencyKey, type Attempt, type Repeatable } from '../http/first-answer.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { showVersion } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { storedExpiry } from './expiry.js';
import { GeneratedKey, shownOnce, type Generated } from './generate-key.js';
import { KeyParameter } from './key-parameter.js';
import { keyVersion } from './key-version.js';
import { KeyViews } from './key-views.js';
import { refuseAgainstPolicy } from './refuse-against-policy.js';

class RotateKeyBody {
  @IsDurationText({
    optional: true,
    orNone: true,
    description: 'How long the old key works beside its successor: PT0S to P30D. Absent or null: PT24H.',
  })
  gracePeriod?: string | null;

  @IsDurationText({
    optional: true,
    description: 'How long the successor lives. Absent or null: as long as the old key was to live.',
  })
  expiresIn?: string | null;
}

class PredecessorView {
  @ApiProperty() id: string;
  @ApiProperty({
    format: 'date-time',
    description:
      'From when on the old key is refused: the end of its grace, or its expiry where that is sooner.',
  })
  graceEndsAt: string;
}

class RotatedKey extends GeneratedKey {
  @ApiProperty({ type: PredecessorView }) predecessor: PredecessorView;
}

/** What the caller asks for; `at` is the time of the call. */
interface Wanted {
  readonly at: string;
  readonly graceMs: number;
  readonly expiresInMs: number | undefined;
}

/** The successor, and from when on the old key is refused: its grace may not fit into its life. */
interface Rotated extends Generated {
  readonly graceEndsAt: string;
}

export class RotateKey extends Command<Rotated> {
  constructor(
    readonly registry: RegistryRow,
    readonly id: string,
    readonly wanted: Wanted,
    readonly context: CommandContext,
    readonly repeatable: Repeatable | undefined,
  ) {
    super();
  }
}

@CommandHandler(RotateKey)
export class RotateKeyHandler implements ICommandHandler<RotateKey> {
  constructor(
    private readonly log: EventLog,
    private readonly narrowed: Narrowed,
    private readonly proveRevocation: ProveRevocation,
    private readonly firstAnswer: FirstAnswer,
  ) {}

  execute(command: RotateKey): Promise<Rotated> {
    const idOf = ({ id }: Attempt) => `drk_${id}`;
    return this.firstAnswer.of(command.repeatable, command.context, command.wanted.at, {
      kind: keys,
      streamOf: idOf,
      ownStream: true,
      make: (attempt) => this.rotate(idOf(attempt), command, attempt.context),
      standing: (attempt, { state }) => this.standing(command.id, idOf(attempt), state),
      again: async (attempt, { state, events }) => {
        const made = { id: idOf(attempt), secret: null, state, version: keyVersion(events) };
        return { ...made, ...(await this.linked(command, attempt.context)) };
      },
    });
  }

  /** Whoever is told again that the old key is over, or when, has waited as well: the first call may not have lived to. */
  private async linked(command: RotateKey, context: CommandContext) {
    const { state, position } = await this.log.read(keys, command.id);
    const old = state as ExistingKey;
    const { graceEndsAt } = old.rotation!;
    await this.narrowed.apply(position);
    const isOver = old.status !== 'expired' && Date.parse(graceEndsAt) <= Date.parse(now());
    const end = isOver ? await this.endNow(command, graceEndsAt, context) : position;
    return { graceEndsAt: endOf(old)!.at, position: end };
  }

  /** The successor first, the link second: a crash in between leaves a key that nobody knows, and the old one as it was. */
  private async rotate(successor: string, command: RotateKey, context: CommandContext): Promise<Rotated> {
    const { registry, id, wanted } = command;
    const { at, graceMs } = wanted;
    const { state: old } = await this.log.read(keys, id);
    refuseUnrotatable(old, { registry: registry.id, at });
    const secret = mintSecret();
    const predecessor = living(old, { registry: registry.id, at });
    const born = generateSuccessor(predecessor, bornFrom(predecessor, command, hashSecret(secret)));
    const { state, history } = await this.log.create(keys, successor, born, context);
    const graceEndsAt = new Date(Date.parse(at) + graceMs).toISOString();
    const position = await this.link(
      command,
      { successor, graceEndsAt, bornAt: at, copied: predecessor },
      context,
    );
    // Who is told when the grace ends can rely on it: every gate knows of it, and of the successor.
    await this.narrowed.apply(position);
    const { at: refusedFrom } = endOf({ expiresAt: predecessor.expiresAt, rotation: { graceEndsAt } })!;
    const shown = { version: keyVersion(history), position, graceEndsAt: refusedFrom };
    const made = { id: successor, secret, state, ...shown };
    if (graceMs > 0) return made;
    // Every gate refuses the old key by its grace already. The secret is in this answer alone, and must not be lost to a
    // store that is away now: workers record and prove the end as well.
    const end = this.endNow(command, graceEndsAt, context).catch((error: unknown) => {
      if (isUnavailable(error)) return position;
      throw error;
    });
    return { ...made, position: await end };
  }

  private async link(
    { registry, id }: RotateKey,
    link: Pick<Parameters<typeof rotateKey>[0], 'successor' | 'graceEndsAt' | 'bornAt' | 'copied'>,
    context: CommandContext,
  ): Promise<bigint> {
    const decide = (state: KeyState) => rotateKey({ registry: registry.id, at: now(), ...link })(state);
    try {
      return (await this.log.transact(keys, id, decide, context)).position;
    } catch (error) {
      // Of an append without an answer nobody knows whether it is in the log: the reconciler looks.
      if (error instanceof Refusal && error.code !== 'unavailable')
        await this.discard(registry, link.successor, context);
      throw error;
    }
  }

  /** Its secret was shown to nobody, so nobody waits for the proof: a worker sees to it. */
  private async discard(registry: RegistryRow, successor: string, context: CommandContext): Promise<void> {
    const discarded = revokeKey({ registry: registry.id, at: now(), cause: 'discarded' });
    await this.log.transact(keys, successor, discarded, { ...context, commandId: mintUuid() });
  }

  /** Without a grace the old key is over with the answer, as any revoked one. */
  private async endNow(
    { registry, id }: RotateKey,
    graceEndsAt: string,
    context: CommandContext,
  ): Promise<bigint> {
    const own = { ...context, commandId: mintUuid() };
    const { facts, position } = await this.log.transact(keys, id, endGrace(graceEndsAt), own);
    const key = { registry: registry.id, id, serveReadsFor: registry.serveReadsFor };
    const proven = this.proveRevocation.of(key, context, facts.length > 0 ? position : undefined);
    return (await proven).position;
  }

  /** Whether an earlier call with the same Idempotency-Key went all the way. */
  private async standing(
    id: string,
    successor: string,
    state: KeyState,
  ): Promise<'stands' | 'under-way' | 'void'> {
    const { state: old } = await this.log.read(keys, id);
    if (old.status !== 'none' && old.rotation?.successor === successor) return 'stands';
    const isDiscarded = state.status === 'revoked' && state.revocation?.cause === 'discarded';
    return isDiscarded ? 'void' : 'under-way';
  }
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys/:key/rotate')
export class RotateKeyRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly firstAnswer: FirstAnswer,
    private readonly views: KeyViews,
  ) {}

  @Post()
  @RequiresOfKey('own-keys', 'any-keys')
  @TakesIdempotencyKey()
  @Operation({
    again: 'The Idempotency-Key came with this body before: `key` is null, `code` is `key-already-shown`.',
    problems: [
      'key-revoked',
      'key-expired',
      'key-suspended',
      'key-rotating',
      'policy-violated',
      'expiry-in-past',
    ],
    summary:
      'Make a successor with the same name, rights and labels. The old key works until the grace ends. The answer is the only one that carries the new key.',
    answer: RotatedKey,
    status: 201,
  })
  async rotate(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @Body() body: RotateKeyBody,
    @CurrentCaller() caller: Caller,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RotatedKey> {
    const repeatable = this.firstAnswer.asked(idempotencyKey, caller, `rotate ${registry.id} ${id}`, body);
    const command = new RotateKey(registry, id, wanted(body), commandContext(caller), repeatable);
    const {
      id: successor,
      secret,
      state,
      version,
      position,
      graceEndsAt,
    } = await this.commands.execute(command);
    answerWritten(reply, secret === null ? 200 : 201, position);
    showVersion(reply, version);
    return {
      ...this.views.ofState(successor, state, registry),
      ...shownOnce(successor, secret),
      predecessor: { id, graceEndsAt },
    };
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof EventStoreUnavailable || (error instanceof Refusal && error.code === 'unavailable');
}

function wanted({ gracePeriod, expiresIn }: RotateKeyBody): Wanted {
  const graceMs = parseDuration(gracePeriod ?? GRACE_PERIOD_DEFAULT)!;
  if (graceMs > GRACE_PERIOD_MAX_MS) {
    throw new Refusal('invalid-value', 'gracePeriod is at most P30D', { field: '/gracePeriod' });
  }
  return { at: now(), graceMs, expiresInMs: expiresIn ? parseDuration(expiresIn) : undefined };
}

/** Refuses a lifetime that the policy of now does not allow. */
function bornFrom(
  old: ExistingKey,
  { registry, id, wanted: { at, expiresInMs } }: RotateKey,
  secretHash: string,
): KeyGenerated['data'] {
  const lifetime = expiresInMs ?? inheritedLifetime(old);
  const expiresAt = lifetime === undefined ? null : storedExpiry(Date.parse(at) + lifetime, '/expiresIn');
  const { name, networks } = old;
  refuseAgainstPolicy(registry, { name, networks, createdAt: at, expiresAt }, ['expiresAt']);
  const registryRevision = registry.revision.toString();
  return successorOf(old, { at, secretHash, registryRevision, expiresAt, rotates: id });
}
