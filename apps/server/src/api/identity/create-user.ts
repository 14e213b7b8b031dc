import { Body, Controller, Headers, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext, type StreamRead } from '#libs/event-store';
import {
  EMAIL_MAX,
  EMAIL_PATTERN,
  missingUser,
  registerUser,
  users,
  type UserPasswordChanged,
  type UserState,
} from '#libs/identity';
import { canonicalJson } from '#libs/audit';
import { now } from '#libs/platform';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { FirstAnswer, otherBody, TakesIdempotencyKey, type Attempt } from '../http/first-answer.js';
import { IsPattern, IsSecretText, IsText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { Widened } from '../http/widened.js';
import { answerWritten } from '../http/written.js';
import { InvitationView, mintInvitation, type Invitation } from './invitations.js';
import { hashPassword, inTurn, matches, refuseWeakPassword } from './passwords.js';
import { ReserveEmail } from './reserve-email.js';
import { PASSWORD_TEXT_MAX } from './sign-in.js';
import { Users, UserView } from './users.js';

class CreateUserBody {
  @IsPattern({ pattern: EMAIL_PATTERN, max: EMAIL_MAX, rule: 'be an e-mail address' })
  email: string;

  @IsText({ max: 200, description: 'What people call the user.' })
  name: string;

  @IsSecretText({ max: PASSWORD_TEXT_MAX, optional: true, description: 'Without one the user is invited.' })
  password?: string | null;
}

class CreatedUser extends UserView {
  @ApiProperty({
    type: InvitationView,
    nullable: true,
    description: 'null: the user has a password, or it was shown before.',
  })
  invitation: InvitationView | null;

  @ApiProperty({
    required: false,
    description: '`invitation-already-shown` when the Idempotency-Key was used before.',
  })
  code?: string;
}

interface Created {
  readonly id: string;
  readonly state: UserState;
  /** undefined: the user has a password; null: it was shown in the first answer. */
  readonly invitation: Invitation | null | undefined;
  readonly position: bigint;
  readonly isNew: boolean;
}

export class CreateUser extends Command<Created> {
  constructor(
    /** The id that the user will have, `usr_…`. */
    readonly id: string,
    readonly email: string,
    readonly name: string,
    readonly password: string | undefined,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CreateUser)
export class CreateUserHandler implements ICommandHandler<CreateUser> {
  constructor(
    private readonly log: EventLog,
    private readonly users: Users,
    private readonly reserveEmail: ReserveEmail,
    private readonly widened: Widened,
  ) {}

  async execute({ id, email, name, password, context }: CreateUser) {
    if (password !== undefined) refuseWeakPassword(password, email);
    const at = now();
    const index = await this.users.indexOf(email, context);
    await this.reserveEmail.take(index, id, context);
    const seal = (text: string) => this.users.seal(id, text, context);
    const data = {
      at,
      email: await seal(email),
      name: await seal(name),
      emailIndex: index,
      createdBy: context.actor.id,
    };
    const invitation = password === undefined ? mintInvitation(id, at) : undefined;
    const first =
      password === undefined
        ? { invitation: invitation!.fact }
        : { password: await seal(await inTurn(() => hashPassword(password))) };
    const { state, position } = await this.log.create(users, id, registerUser(data, first), context);
    await this.widened.apply(position);
    return { id, state, invitation, position, isNew: true };
  }
}

@Controller('v1/users')
@ApiTags('users')
export class CreateUserRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly users: Users,
    private readonly firstAnswer: FirstAnswer,
  ) {}

  @Post()
  @Requires('administer')
  @TakesIdempotencyKey()
  @Operation({
    problems: ['email-taken'],
    summary: 'Register a user, with a password or with an invitation, which is shown once.',
    answer: CreatedUser,
    status: 201,
  })
  async create(
    @Body() body: CreateUserBody,
    @CurrentCaller() caller: Caller,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedUser> {
    const { id, state, invitation, position, isNew } = await this.createOnce(body, caller, idempotencyKey);
    answerWritten(reply, isNew ? 201 : 200, position);
    const view = { ...(await this.users.view(id, state)), invitation: invitation?.view ?? null };
    return invitation === null ? { ...view, code: 'invitation-already-shown' } : view;
  }

  /** The log keeps a keyed hash of address and name, and of the password only its argon2id hash: by that it is compared. */
  private async createOnce(body: CreateUserBody, caller: Caller, key: string | undefined): Promise<Created> {
    const { email, name } = body;
    const password = body.password ?? undefined;
    const context = commandContext(caller);
    const told = canonicalJson({ email, name, invited: password === undefined });
    const fingerprint = key === undefined ? '' : await this.users.fingerprint(told, context);
    const repeatable = this.firstAnswer.asked(key, caller, 'create user', { fingerprint });
    const idOf = ({ id }: Attempt) => `usr_${id}`;
    return this.firstAnswer.of(repeatable, context, now(), {
      kind: users,
      streamOf: idOf,
      ownStream: true,
      make: (attempt) =>
        this.commands.execute(new CreateUser(idOf(attempt), email, name, password, attempt.context)),
      again: async (attempt, { state, events, position }) => {
        if (password !== undefined) await this.requireFirstPassword(events, password);
        const invitation = password === undefined ? null : undefined;
        return { id: idOf(attempt), state, invitation, position, isNew: false };
      },
    });
  }

  /** Throws 422 when the user was registered with another password, whatever it is by now. */
  private async requireFirstPassword(events: StreamRead<UserState>['events'], password: string) {
    const first = events.find(({ type }) => type === 'UserPasswordChanged')!;
    const hash = await this.users.open((first.data as UserPasswordChanged['data']).password);
    if (hash === undefined) throw missingUser();
    if (!(await inTurn(() => matches(hash, password)))) throw otherBody();
  }
}
