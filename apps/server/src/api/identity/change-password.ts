import { Body, Controller, Injectable, Post, Req, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { changePassword, missingUser, users } from '#libs/identity';
import { Refusal } from '#libs/kernel';
import { now } from '#libs/platform';
import { commandContext, CurrentCaller, OwnAccount, type Caller } from '../http/caller.js';
import { IsSecretText } from '../http/fields.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { rateLimitOn, type ShowRateLimit } from '../http/rate-limit.js';
import { answerWritten } from '../http/written.js';
import { hashPassword, inTurn, matches, refuseWeakPassword } from './passwords.js';
import { setSessionCookie } from './session-cookie.js';
import { Sessions } from './sessions.js';
import { originOf, PASSWORD_TEXT_MAX } from './sign-in.js';
import { SIGN_IN_LIMIT, SignInThrottle } from './sign-in-throttle.js';
import { Users } from './users.js';

class ChangePasswordBody {
  @IsSecretText({ max: PASSWORD_TEXT_MAX, description: 'The password that holds now.' })
  current: string;

  @IsSecretText({ max: PASSWORD_TEXT_MAX, description: '10 to 256 characters, and not the e-mail address.' })
  password: string;
}

/** Guesses at the password of a session that somebody left open are throttled like those at the door. */
@Injectable()
export class CurrentPassword {
  constructor(
    private readonly users: Users,
    private readonly throttle: SignInThrottle,
  ) {}

  /** Hashes `next` once `current` is proven to belong to `sealed`. Throws 422 `invalid-value`, or 429. */
  exchange(
    sealed: Parameters<Users['open']>[0],
    { current, password }: ChangePasswordBody,
    user: string,
    address: string,
    show: ShowRateLimit,
  ): Promise<string> {
    return inTurn(async () => {
      await this.throttle.admit(address, user, show);
      const hash = await this.users.open(sealed);
      if (hash !== undefined && (await matches(hash, current))) return hashPassword(password);
      await this.throttle.failed(address, user, show);
      throw new Refusal('invalid-value', 'this is not the current password', { field: '/current' });
    });
  }
}

export class ChangePassword extends Command<{ position: bigint }> {
  constructor(
    readonly user: string,
    readonly body: ChangePasswordBody,
    readonly address: string,
    readonly show: ShowRateLimit,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ChangePassword)
export class ChangePasswordHandler implements ICommandHandler<ChangePassword> {
  constructor(
    private readonly log: EventLog,
    private readonly users: Users,
    private readonly currentPassword: CurrentPassword,
    private readonly narrowed: Narrowed,
  ) {}

  /** Sessions that the former password opened are over everywhere when this resolves. */
  async execute({ user, body, address, show, context }: ChangePassword) {
    const { state } = await this.log.read(users, user);
    if (state.status === 'none' || state.password === null) throw missingUser();
    const { commitment } = state.password;
    const { email } = await this.users.view(user, state);
    refuseWeakPassword(body.password, email);
    const hash = await this.currentPassword.exchange(state.password, body, user, address, show);
    const change = changePassword(now(), await this.users.seal(user, hash, context));
    const { position } = await this.log.transact(
      users,
      user,
      (newest) => {
        const isProven = newest.status !== 'none' && newest.password?.commitment === commitment;
        if (!isProven) throw new Refusal('conflict', 'the password was changed meanwhile');
        return change(newest);
      },
      context,
    );
    await this.narrowed.apply(position);
    return { position };
  }
}

@Controller('v1/session/password')
@ApiTags('session')
export class ChangePasswordRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly sessions: Sessions,
  ) {}

  @Post()
  @OwnAccount()
  @Operation({
    problems: ['not-permitted', 'too-many-requests'],
    summary: 'Change one’s password: all other sessions end, this one gets a new cookie.',
  })
  async change(
    @Body() body: ChangePasswordBody,
    @CurrentCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    if (caller.session === undefined)
      throw new Refusal('not-permitted', 'a password is changed by a person who is signed in');
    const show = rateLimitOn(reply, SIGN_IN_LIMIT);
    const command = new ChangePassword(caller.userId, body, request.ip, show, commandContext(caller));
    const { position } = await this.commands.execute(command);
    await this.sessions.endAll(caller.userId);
    // The password's fact is the newest of the stream, so its position is the credential.
    setSessionCookie(request, reply, await this.sessions.open(caller.userId, position, originOf(request)));
    answerWritten(reply, 204, position);
  }
}
