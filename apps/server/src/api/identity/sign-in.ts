import { Body, Controller, Injectable, Post, Req, Res } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../http/caller.js';
import { IsSecretText, IsText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { Problem } from '../http/problems.js';
import { Administrator } from './administrator.js';
import { matches, PasswordCheck } from './passwords.js';
import { setSessionCookie } from './session-cookie.js';
import { Sessions } from './sessions.js';
import { SignInThrottle } from './sign-in-throttle.js';

/** RFC 5321 4.5.3.1.3: a path has at most 256 octets, two of them brackets. */
const EMAIL_MAX = 254;
/** Bounds the work of hashing; NIST SP 800-63B asks for 64 at least. */
const PASSWORD_MAX = 1024;

export class SignInBody {
  @IsText({ max: EMAIL_MAX })
  email: string;

  @IsSecretText({ max: PASSWORD_MAX })
  password: string;
}

export class UserAnswer {
  @ApiProperty({ example: 'usr_8Zk1mQ4vT0aXc2Lp' })
  id: string;

  @ApiProperty({ example: 'admin@localhost' })
  email: string;

  @ApiProperty()
  administrator: boolean;
}

export class SignedIn {
  @ApiProperty()
  user: UserAnswer;
}

/** Proves a password: one answer for every cause, at the cost of one hash in each of them. */
@Injectable()
export class SignIn {
  private readonly passwords = new PasswordCheck();

  constructor(
    private readonly administrator: Administrator,
    private readonly throttle: SignInThrottle,
  ) {}

  /** Returns the user; throws 401 `sign-in-failed`, or 429 after too many failures from this address. */
  prove({ email, password }: SignInBody, address: string): Promise<Administrator> {
    const name = email.trim().toLowerCase();
    return this.passwords.inTurn(async () => {
      await this.throttle.admit(address, name);
      const proven = await matches(this.administrator.passwordHash, password);
      if (proven && name === this.administrator.email.trim().toLowerCase()) {
        await this.throttle.succeeded(address, name);
        return this.administrator;
      }
      await this.throttle.failed(address, name);
      throw new Problem('sign-in-failed', 'The e-mail address or the password is wrong.');
    });
  }
}

@Controller('v1/session')
@ApiTags('session')
export class SignInRoute {
  constructor(
    private readonly signIn: SignIn,
    private readonly sessions: Sessions,
  ) {}

  @Post()
  @Public()
  @Operation({
    summary: 'Sign in with e-mail and password; the answer sets the session cookie.',
    answer: SignedIn,
  })
  async post(
    @Body() body: SignInBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SignedIn> {
    const { id, email, credential } = await this.signIn.prove(body, request.ip);
    setSessionCookie(request, reply, await this.sessions.open(id, credential));
    return { user: { id, email, administrator: true } };
  }
}
