import { Body, Controller, Headers, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import {
  IdentityModel,
  issueToken,
  ROLES,
  rightsOf,
  users,
  type AccessTokenIssued,
  type Role,
  type UserFact,
  type UserState,
} from '#libs/identity';
import { formatKey, hashSecret, parseDuration, Refusal } from '#libs/kernel';
import { mintSecret, now } from '#libs/platform';
import { findRegistry, ReadModels } from '#libs/read-models';
import { commandContext, CurrentCaller, OwnAccount, type Caller } from '../http/caller.js';
import { FirstAnswer, TakesIdempotencyKey, type Attempt } from '../http/first-answer.js';
import { IsChoice, IsDurationText, IsText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { Widened } from '../http/widened.js';
import { answerWritten } from '../http/written.js';
import { tokenView, TokenView } from './token-view.js';

/** Slugs have 40 characters, ids 20. */
const REGISTRY_MAX = 40;
/** A date of the year 9999 is the last that RFC 3339 can write. */
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

class IssueTokenBody {
  @IsText({ max: 200, description: 'What the token is for; need not be unique.' })
  name: string;

  @IsChoice(ROLES, {
    optional: true,
    description: 'Narrows what it may do; absent or null: all that you may.',
  })
  role?: Role | null;

  @IsText({ max: REGISTRY_MAX, optional: true, description: 'Slug or id of the only registry that it sees.' })
  registry?: string | null;

  @IsDurationText({
    optional: true,
    description: 'How long it lives, such as P90D; absent or null: for ever.',
  })
  expiresIn?: string | null;
}

class IssuedToken extends TokenView {
  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'The whole token: shown in this answer and never again.',
  })
  token: string | null;

  @ApiProperty({
    required: false,
    description: '`token-already-shown` when the Idempotency-Key was used before.',
  })
  code?: string;
}

type Scope = Pick<AccessTokenIssued['data'], 'role' | 'registry' | 'expiresAt'>;

interface Issued {
  readonly issued: AccessTokenIssued['data'];
  /** null: it was shown in the first answer. */
  readonly secret: string | null;
  readonly position: bigint;
}

export class IssueToken extends Command<Issued> {
  constructor(
    readonly user: string,
    readonly wanted: Scope & { readonly token: string; readonly at: string; readonly name: string },
    readonly context: CommandContext,
    /** What a repeated call has to be. */
    readonly isFirst: Attempt['isFirst'],
  ) {
    super();
  }
}

@CommandHandler(IssueToken)
export class IssueTokenHandler implements ICommandHandler<IssueToken> {
  constructor(
    private readonly log: EventLog,
    private readonly widened: Widened,
  ) {}

  async execute({ user, wanted, context, isFirst }: IssueToken) {
    const secret = mintSecret();
    const issued = { ...wanted, secretHash: hashSecret(secret) };
    const { position } = await this.log.transact(users, user, issueToken(issued), context, isFirst);
    await this.widened.apply(position);
    return { issued, secret, position };
  }
}

@Controller('v1/access-tokens')
@ApiTags('access tokens')
export class IssueTokenRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly model: IdentityModel,
    private readonly readModels: ReadModels,
    private readonly firstAnswer: FirstAnswer,
  ) {}

  @Post()
  @OwnAccount()
  @TakesIdempotencyKey()
  @Operation({
    id: 'issueAccessToken',
    problems: ['not-permitted', 'too-many-tokens'],
    summary: 'Make an access token for a program. The answer is the only one that carries it.',
    answer: IssuedToken,
    status: 201,
  })
  async issue(
    @Body() body: IssueTokenBody,
    @CurrentCaller() caller: Caller,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IssuedToken> {
    const at = now();
    const scope = {
      role: body.role ?? null,
      registry: this.registryOf(body, caller),
      expiresAt: expiry(body, at),
    };
    this.refuseWider(scope, caller);
    const repeatable = this.firstAnswer.asked(idempotencyKey, caller, 'issue token', body);
    const { userId } = caller;
    const { issued, secret, position } = await this.firstAnswer.of<UserState, UserFact, Issued>(
      repeatable,
      commandContext(caller),
      at,
      {
        kind: users,
        streamOf: () => userId,
        ownStream: false,
        make: ({ id, context, isFirst }) => {
          const wanted = { at, token: `drm_${id}`, name: body.name, ...scope };
          return this.commands.execute(new IssueToken(userId, wanted, context, isFirst));
        },
        again: (_, { position }, { data }) => ({
          issued: data as AccessTokenIssued['data'],
          secret: null,
          position,
        }),
      },
    );
    answerWritten(reply, secret === null ? 200 : 201, position);
    const view = tokenView(issued);
    return secret === null
      ? { ...view, token: null, code: 'token-already-shown' }
      : { ...view, token: formatKey(issued.token, secret) };
  }

  private registryOf({ registry = null }: IssueTokenBody, { rights }: Caller): string | null {
    if (registry === null) return null;
    const id = findRegistry(this.readModels.database, registry)?.id;
    if (id !== undefined && rights(id).has('see')) return id;
    throw new Refusal('invalid-value', 'there is no such registry', { field: '/registry' });
  }

  /** A token makes none that may do more, sees more or lives longer than itself. */
  private refuseWider(wanted: Scope, { principal: { user, token } }: Caller): void {
    if (!token) return;
    const state = this.model.user(user);
    const own = state?.tokens[token.id]?.issued;
    const isWider =
      !own ||
      (own.registry !== null && wanted.registry !== own.registry) ||
      (own.role !== null && (wanted.role === null || !isWithin(wanted.role, own.role))) ||
      (own.expiresAt !== null && (wanted.expiresAt === null || wanted.expiresAt > own.expiresAt));
    if (isWider) {
      throw new Refusal(
        'not-permitted',
        'an access token makes none that is wider, or lives longer, than itself',
      );
    }
  }
}

function isWithin(role: Role, other: Role): boolean {
  return [...rightsOf(role)].every((right) => rightsOf(other).has(right));
}

function expiry({ expiresIn = null }: IssueTokenBody, at: string): string | null {
  if (expiresIn === null) return null;
  const end = Date.parse(at) + parseDuration(expiresIn)!;
  if (end > LATEST)
    throw new Refusal('invalid-value', 'it is later than the year 9999', { field: '/expiresIn' });
  return new Date(end).toISOString();
}
