import { Body, Controller, Injectable, Post, Req, Res } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EMAIL_MAX, foldEmail, IdentityModel, type SealedText } from '#libs/identity';
import { withoutKeys } from '#libs/kernel';
import { mintUuid, randomBase62 } from '#libs/platform';
import { Public } from '../http/caller.js';
import { IsSecretText, IsText } from '../http/fields.js';
import { truncatedNetwork } from '#libs/geography';
import { Operation } from '../http/openapi.js';
import { Problem } from '../http/problems.js';
import { rateLimitOn, type ShowRateLimit } from '../http/rate-limit.js';

import { hashPassword, inTurn, matches } from './passwords.js';
import { setSessionCookie } from './session-cookie.js';
import { Sessions, type SessionOrigin } from './sessions.js';
import { SignInRecord } from './sign-in-record.js';
import { SIGN_IN_LIMIT, SignInThrottle } from './sign-in-throttle.js';
import { UnderLease } from './under-lease.js';
import { Users, UserView } from './users.js';

/** Bounds the work of hashing, above the longest password that can be set. */
export const PASSWORD_TEXT_MAX = 1_024;
/** Enough to tell one browser from another. */
const CLIENT_MAX = 200;

export class SignInBody {
  @IsText({ max: EMAIL_MAX })
  email: string;

  @IsSecretText({ max: PASSWORD_TEXT_MAX })
  password: string;
}

export class SignedIn {
  @ApiProperty()
  user: UserView;
}

interface Proven {
  readonly id: string;
  /** Position of the password that was proven. */
  readonly credential: bigint;
}

/** Proves a password: one answer for every cause, at the cost of one hash in each of them. */
@Injectable()
export class SignIn {
  /** Verified for whoever does not exist. */
  private readonly nobody = hashPassword(randomBase62(PASSWORD_TEXT_MAX));

  constructor(
    private readonly model: IdentityModel,
    private readonly users: Users,
    private readonly underLease: UnderLease,
    private readonly throttle: SignInThrottle,
  ) {}

  /** Returns who it is; throws 401 `sign-in-failed`, or 429 after too many failures from this address. */
  async prove({ email, password }: SignInBody, address: string, show: ShowRateLimit): Promise<Proven> {
    const name = foldEmail(email);
    const index = await this.users.indexOf(email, SYSTEM);
    return inTurn(async () => {
      await this.throttle.admit(address, name, show);
      const found = await this.underLease.decide(() => this.find(index));
      const hash = found && (await this.users.open(found.password));
      const proven = await matches(hash ?? (await this.nobody), password);
      if (found && hash !== undefined && proven) {
        await this.throttle.succeeded(address, name, show);
        return found;
      }
      await this.throttle.failed(address, name, show);
      throw new Problem('sign-in-failed', 'The e-mail address or the password is wrong.');
    });
  }

  private find(index: string): (Proven & { password: SealedText }) | undefined {
    const id = this.model.byEmail(index);
    const user = id === undefined ? undefined : this.model.user(id);
    const credential = id === undefined ? undefined : this.model.credentialOf(id);
    return id !== undefined && user?.password && credential !== undefined
      ? { id, credential, password: user.password }
      : undefined;
  }
}

/** Who asks for the key of the e-mail index, which is there since the start. */
export const SYSTEM = {
  commandId: mintUuid(),
  actor: { type: 'system', id: 'sign-in' } as const,
  correlationId: 'sign-in',
};

@Controller('v1/session')
@ApiTags('session')
export class SignInRoute {
  constructor(
    private readonly signIn: SignIn,
    private readonly sessions: Sessions,
    private readonly record: SignInRecord,
    private readonly users: Users,
  ) {}

  @Post()
  @Public()
  @Operation({
    problems: ['sign-in-failed', 'too-many-requests'],
    position: false,
    summary: 'Sign in with e-mail and password; the answer sets the session cookie.',
    answer: SignedIn,
  })
  async post(
    @Body() body: SignInBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SignedIn> {
    const { id, credential } = await this.signIn.prove(body, request.ip, rateLimitOn(reply, SIGN_IN_LIMIT));
    const user = await this.users.view(id);
    const origin = originOf(request);
    setSessionCookie(request, reply, await this.sessions.open(id, credential, origin));
    void this.record.record(id, request.id, origin.network ?? undefined);
    return { user };
  }
}

/** What is kept with a session. Whatever somebody has pasted into the name of the browser, no key is. */
export function originOf({ ip, headers }: FastifyRequest): SessionOrigin {
  const client = headers['user-agent'];
  return {
    network: truncatedNetwork(ip) ?? null,
    client: client === undefined ? null : withoutKeys(client).slice(0, CLIENT_MAX),
  };
}
