import { Body, Controller, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { EMAIL_MAX, EMAIL_PATTERN, registerUser, users, type UserState } from '#libs/identity';
import { ID_LENGTH } from '#libs/kernel';
import { now, randomBase62 } from '#libs/platform';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsPattern, IsSecretText, IsText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { Widened } from '../http/widened.js';
import { answerWritten } from '../http/written.js';
import { InvitationView, mintInvitation, type Invitation } from './invitations.js';
import { hashPassword, inTurn, refuseWeakPassword } from './passwords.js';
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
  @ApiProperty({ type: InvitationView, nullable: true, description: 'null: the user has a password.' })
  invitation: InvitationView | null;
}

export class CreateUser extends Command<{
  id: string;
  state: UserState;
  invitation: Invitation | undefined;
  position: bigint;
}> {
  constructor(
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

  async execute({ email, name, password, context }: CreateUser) {
    if (password !== undefined) refuseWeakPassword(password, email);
    const id = `usr_${randomBase62(ID_LENGTH)}`;
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
    return { id, state, invitation, position };
  }
}

@Controller('v1/users')
@ApiTags('users')
export class CreateUserRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly users: Users,
  ) {}

  @Post()
  @Requires('administer')
  @Operation({
    problems: ['email-taken'],
    summary: 'Register a user, with a password or with an invitation, which is shown once.',
    answer: CreatedUser,
    status: 201,
  })
  async create(
    @Body() { email, name, password }: CreateUserBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedUser> {
    const command = new CreateUser(email, name, password ?? undefined, commandContext(caller));
    const { id, state, invitation, position } = await this.commands.execute(command);
    answerWritten(reply, 201, position);
    return { ...(await this.users.view(id, state)), invitation: invitation?.view ?? null };
  }
}
