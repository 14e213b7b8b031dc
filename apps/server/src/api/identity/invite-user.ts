import { Body, Controller, Injectable, Param, Post, Req, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { acceptInvitation, IdentityModel, inviteAgain, users } from '#libs/identity';
import { Refusal } from '#libs/kernel';
import { mintUuid, now } from '#libs/platform';
import { commandContext, CurrentCaller, Public, Requires, type Caller } from '../http/caller.js';
import { IsSecretText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { Widened } from '../http/widened.js';
import { answerWritten } from '../http/written.js';
import {
  INVITATION_MAX,
  InvitationView,
  mintInvitation,
  parseInvitation,
  type Invitation,
} from './invitations.js';
import { hashPassword, inTurn, refuseWeakPassword } from './passwords.js';
import { PASSWORD_TEXT_MAX } from './sign-in.js';
import { UserParameter } from './user-parameter.js';
import { Users } from './users.js';

export class InviteUser extends Command<{ invitation: Invitation; position: bigint }> {
  constructor(
    readonly user: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(InviteUser)
export class InviteUserHandler implements ICommandHandler<InviteUser> {
  constructor(
    private readonly log: EventLog,
    private readonly widened: Widened,
  ) {}

  /** An earlier invitation holds nowhere any more when this resolves: accepting one asks the log. */
  async execute({ user, context }: InviteUser) {
    const at = now();
    const invitation = mintInvitation(user, at);
    const { position } = await this.log.transact(
      users,
      user,
      inviteAgain({ at, ...invitation.fact }),
      context,
    );
    await this.widened.apply(position);
    return { invitation, position };
  }
}

@Controller('v1/users/:id/invite')
@ApiTags('users')
export class InviteUserRoute {
  constructor(private readonly commands: CommandBus) {}

  @Post()
  @Requires('administer')
  @Operation({
    summary: 'Invite a user without a password again: an earlier invitation no longer holds.',
    answer: InvitationView,
  })
  async invite(
    @Param('id', UserParameter) id: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<InvitationView> {
    const { invitation, position } = await this.commands.execute(new InviteUser(id, commandContext(caller)));
    answerWritten(reply, 200, position);
    return invitation.view;
  }
}

class AcceptBody {
  @IsSecretText({ max: INVITATION_MAX, description: 'The secret of the invitation, `inv_…`.' })
  invitation: string;

  @IsSecretText({ max: PASSWORD_TEXT_MAX, description: '10 to 256 characters, and not the e-mail address.' })
  password: string;
}

/** Sets the first password of whoever has the secret. A stranger costs no hash and no look into the log. */
@Injectable()
export class AcceptInvitation {
  constructor(
    private readonly log: EventLog,
    private readonly model: IdentityModel,
    private readonly users: Users,
    private readonly widened: Widened,
  ) {}

  /** Throws Refusal `invitation-void` for every cause, or `invalid-value` for a weak password. */
  async accept({ invitation: secret, password }: AcceptBody, correlationId: string): Promise<bigint> {
    const parsed = parseInvitation(secret);
    const state = parsed && this.model.user(parsed.user);
    if (!parsed || state?.invitation?.invitation !== parsed.invitation) throw invitationVoid();
    const { user, invitation } = parsed;
    const { email } = await this.users.view(user, state);
    refuseWeakPassword(password, email);
    const context = { commandId: mintUuid(), actor: { type: 'user', id: user } as const, correlationId };
    const hash = await inTurn(() => hashPassword(password));
    const sealed = await this.users.seal(user, hash, context);
    const decision = acceptInvitation({ at: now(), invitation, password: sealed });
    const { position } = await this.log.transact(users, user, decision, context);
    await this.widened.apply(position);
    return position;
  }
}

function invitationVoid(): Refusal {
  return new Refusal('invitation-void', 'the invitation was used, has expired, or was replaced');
}

@Controller('v1/invitations/accept')
@ApiTags('session')
export class AcceptInvitationRoute {
  constructor(private readonly invitation: AcceptInvitation) {}

  @Post()
  @Public()
  @Operation({
    problems: ['invitation-void'],
    summary: 'Set the first password with the secret of an invitation; then sign in.',
  })
  async accept(
    @Body() body: AcceptBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    answerWritten(reply, 204, await this.invitation.accept(body, request.id));
  }
}
