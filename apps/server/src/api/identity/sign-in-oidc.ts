import { Controller, Get, Inject, Injectable, Query, Req, Res } from '@nestjs/common';
import { ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CommandContext } from '#libs/event-store';
import { IdentityModel } from '#libs/identity';
import { LOG, mintUuid, Settings, type Log } from '#libs/platform';
import { Public } from '../http/caller.js';
import { IsPattern } from '../http/fields.js';
import { truncatedNetwork } from '#libs/geography';
import { Operation } from '../http/openapi.js';
import { Problem, PROBLEMS } from '../http/problems.js';
import { LinkedUser } from './linked-user.js';
import { OidcIssuer, type IssuedIdentity } from './oidc-issuer.js';
import { mintSignIn, OidcSignIns, type BegunSignIn } from './oidc-sign-ins.js';
import { isLoopback, setSessionCookie } from './session-cookie.js';
import { Sessions } from './sessions.js';
import { originOf } from './sign-in.js';
import { SignInRecord } from './sign-in-record.js';
import { UnderLease } from './under-lease.js';

const START = '/v1/session/oidc';
const CALLBACK = `${START}/callback`;
/** A path of this origin and nothing that a browser would take for another one: no second slash, no backslash. */
const LOCAL_PATH = /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/;
const RETURN_TO_MAX = 500;
/** One text for whatever does not hold: who has an account is not told to strangers. The log has the cause. */
const FAILED = 'The sign-in through the identity provider failed. Start again, or ask an administrator.';

class StartQuery {
  @IsPattern({
    pattern: LOCAL_PATH,
    max: RETURN_TO_MAX,
    rule: 'be a path of this server, such as `/registries/myapp`',
    optional: 'absent',
    description: 'Where the browser goes when it is signed in; default `/`.',
  })
  returnTo?: string;
}

/** Makes a user who may sign in now of what the issuer says. */
@Injectable()
export class OidcSignIn {
  constructor(
    private readonly issuer: OidcIssuer,
    private readonly linkedUser: LinkedUser,
    private readonly model: IdentityModel,
    private readonly underLease: UnderLease,
    @Inject(LOG) private readonly log: Pick<Log, 'warn'>,
  ) {}

  /** Throws 401 `sign-in-failed` for every cause, and 503 while the issuer or this node cannot say. */
  async prove(begun: BegunSignIn | undefined, callback: URL, request: FastifyRequest) {
    if (!begun) throw this.failed(request, 'no such sign-in was begun in this browser, or it is over');
    const identity = await this.identify(callback, begun, request);
    const found = await this.linkedUser.of(identity, contextOf(request));
    if ('refused' in found) throw this.failed(request, found.refused);
    const { user } = found;
    const credential = await this.underLease.decide(() => this.model.credentialOf(user));
    if (credential === undefined) throw this.failed(request, 'the user cannot sign in');
    return { user, credential };
  }

  private async identify(
    callback: URL,
    begun: BegunSignIn,
    request: FastifyRequest,
  ): Promise<IssuedIdentity> {
    try {
      return await this.issuer.identify(callback, begun);
    } catch (error) {
      if (error instanceof Problem) throw error;
      // Its text may hold what came in the URL or in the token.
      const { name, code } = error as Error & { code?: string };
      throw this.failed(request, `${name} ${code ?? ''}`);
    }
  }

  private failed({ id: requestId }: FastifyRequest, cause: string): Problem {
    this.log.warn({ requestId, cause }, 'a sign-in through the identity provider failed');
    return new Problem('sign-in-failed', FAILED);
  }
}

@Controller('v1/session/oidc')
@ApiTags('session')
export class SignInOidcRoute {
  constructor(
    private readonly settings: Settings,
    private readonly issuer: OidcIssuer,
    private readonly signIns: OidcSignIns,
    private readonly signIn: OidcSignIn,
    private readonly sessions: Sessions,
    private readonly record: SignInRecord,
    @Inject(LOG) private readonly log: Pick<Log, 'warn'>,
  ) {}

  @Get()
  @Public()
  @Operation({
    id: 'beginSignInOidc',
    isForBrowsers: true,
    problems: ['not-found'],
    summary: 'Send the browser to the identity provider to sign in.',
    status: 302,
  })
  async start(
    @Query() { returnTo = '/' }: StartQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | undefined> {
    return forBrowser(request, reply, this.log, async () => {
      this.issuer.configured();
      const secrets = mintSignIn();
      const location = await this.issuer.authorizationUrl(this.redirectUri(request), secrets);
      await this.signIns.begin(request, reply, { ...secrets, returnTo });
      return location;
    });
  }

  @Get('callback')
  @Public()
  @ApiQuery({ name: 'code', required: false, type: String })
  @ApiQuery({ name: 'state', required: false, type: String })
  @Operation({
    id: 'finishSignInOidc',
    isForBrowsers: true,
    problems: ['not-found', 'sign-in-failed'],
    summary: 'Where the identity provider sends the browser back: opens a session and leads on.',
    status: 302,
  })
  async callback(
    // Issuers add parameters of their own, so any name is taken.
    @Query() { state }: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | undefined> {
    return forBrowser(request, reply, this.log, async () => {
      this.issuer.configured();
      const callback = new URL(this.redirectUri(request));
      callback.search = /\?.*$/s.exec(request.url)?.[0] ?? '';
      const begun = await this.signIns.end(request, reply, state);
      const { user, credential } = await this.signIn.prove(begun, callback, request);
      const origin = originOf(request);
      setSessionCookie(request, reply, await this.sessions.open(user, credential, origin));
      void this.record.record(user, request.id, origin.network ?? undefined);
      return begun!.returnTo;
    });
  }

  /** Where the issuer sends the browser back; it wants the same again with the code. Whoever calls chooses the Host header, so it counts on this very machine only. */
  private redirectUri(request: FastifyRequest): string {
    const { publicUrl } = this.settings;
    if (publicUrl !== undefined) return `${publicUrl}${CALLBACK}`;
    if (isLoopback(request)) return `http://${request.host}${CALLBACK}`;
    throw new Problem('not-found', 'The operator has to set PUBLIC_URL before anybody can sign in so.');
  }
}

/** Leads the browser to where `run` says. A person who looks at the answer gets a page that says what to do, and no JSON. */
async function forBrowser(
  request: FastifyRequest,
  reply: FastifyReply,
  log: Pick<Log, 'warn'>,
  run: () => Promise<string>,
): Promise<string | undefined> {
  try {
    reply.status(302).header('location', await run());
    return undefined;
  } catch (error) {
    if (!(error instanceof Problem) || !/text\/html/i.test(request.headers.accept ?? '')) throw error;
    const { status, title } = PROBLEMS[error.code];
    // The edge logs what it answers itself.
    if (status >= 500) log.warn({ requestId: request.id, cause: rootOf(error) }, error.detail);
    reply.status(status).type('text/html; charset=utf-8');
    return pageOf(title, error.detail);
  }
}

/** The text of the first cause: `fetch failed` and the like say nothing. */
function rootOf({ message, cause }: { message?: unknown; cause?: unknown }): string {
  return typeof cause === 'object' && cause !== null ? rootOf(cause) : String(message);
}

/** Only constants of this program are put into the page. */
function pageOf(title: string, detail: string): string {
  const again = `<p><a href="${START}">Sign in again</a></p>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title} · Dockreg Keys</title><h1>${title}</h1><p>${detail}</p>${again}</html>`;
}

function contextOf({ id, ip }: FastifyRequest): CommandContext {
  const network = truncatedNetwork(ip);
  return {
    commandId: mintUuid(),
    actor: { type: 'system', id: 'sign-in' },
    correlationId: id,
    ...(network && { network }),
  };
}
