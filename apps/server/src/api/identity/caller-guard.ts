import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { PUBLIC, setCaller, type Caller } from '../http/caller.js';
import { truncatedNetwork } from '../http/network.js';
import { Problem } from '../http/problems.js';
import { Administrator } from './administrator.js';
import { sessionToken } from './session-cookie.js';
import { Sessions } from './sessions.js';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const BEARER = /^Bearer +(\S+)$/i;

/**
 * Proves who calls every route that is not `@Public()`. An `Authorization` header decides alone, also when it is wrong:
 * a program that sends a bad token must not be taken for the browser whose cookie comes along.
 */
@Injectable()
export class CallerGuard implements CanActivate {
  constructor(
    private readonly administrator: Administrator,
    private readonly sessions: Sessions,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, [context.getHandler(), context.getClass()]))
      return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    setCaller(request, await this.authenticate(request));
    return true;
  }

  private async authenticate(request: FastifyRequest): Promise<Caller> {
    const { authorization } = request.headers;
    if (authorization !== undefined) return this.bearer(request, authorization);
    const token = sessionToken(request);
    if (token === undefined) throw new Problem('not-authenticated', 'This address needs credentials.');
    requireOrigin(request);
    const session = await this.sessions.find(token);
    const { id, credential } = this.administrator;
    if (session?.userId === id && session.credential === credential) return this.caller(request, 'user', id);
    throw new Problem('not-authenticated', 'The session is over. Sign in again.');
  }

  private bearer(request: FastifyRequest, authorization: string): Caller {
    const token = BEARER.exec(authorization)?.[1] ?? '';
    const tokenId = this.administrator.tokenId(token);
    if (tokenId !== undefined) return this.caller(request, 'access-token', tokenId);
    const detail = token.startsWith('drk_')
      ? 'A registry key (drk_…) does not open the management API: send an access token (drm_…).'
      : 'The access token is not valid.';
    throw new Problem('not-authenticated', detail, { headers: INVALID_TOKEN });
  }

  private caller(request: FastifyRequest, type: 'user' | 'access-token', id: string): Caller {
    const { id: userId, email } = this.administrator;
    const network = truncatedNetwork(request.ip);
    return { actor: { type, id }, userId, email, administrator: true, network, requestId: request.id };
  }
}

const INVALID_TOKEN = { 'www-authenticate': 'Bearer realm="dockreg", error="invalid_token"' };

/**
 * A write with a cookie must say where it comes from. That the origin is this one is checked for every request before any
 * guard runs (`enableCsrfProtection`); a request that says nothing is not from a browser of today, so it needs a token.
 */
export function requireOrigin({ method, headers }: FastifyRequest): void {
  if (SAFE_METHODS.has(method) || headers.origin !== undefined || headers['sec-fetch-site'] !== undefined)
    return;
  throw new Problem(
    'cross-site-request',
    'A write with a session cookie needs an Origin or Sec-Fetch-Site header; programs use an access token.',
  );
}
