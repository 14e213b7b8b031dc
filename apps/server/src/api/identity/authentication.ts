import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { IdentityModel, type Principal } from '#libs/identity';
import { hashSecret, parseKey } from '#libs/kernel';
import type { Caller } from '../http/caller.js';
import { truncatedNetwork } from '#libs/geography';
import { Problem } from '../http/problems.js';

import { sessionToken } from './session-cookie.js';
import { Sessions } from './sessions.js';
import { UnderLease } from './under-lease.js';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const BEARER = /^Bearer +(\S+)$/i;
const INVALID_TOKEN = { 'www-authenticate': 'Bearer realm="dockreg", error="invalid_token"' };

/**
 * Proves who calls. An `Authorization` header decides alone, also when it is wrong: a program that sends a bad token must not
 * be taken for the browser whose cookie comes along.
 */
@Injectable()
export class Authentication {
  constructor(
    private readonly model: IdentityModel,
    private readonly underLease: UnderLease,
    private readonly sessions: Sessions,
  ) {}

  /** Throws 401 `not-authenticated`, 403 `cross-site-request`, and 503 while this node may not decide. */
  async callerOf(request: FastifyRequest): Promise<Caller> {
    const { authorization } = request.headers;
    if (authorization !== undefined) return this.bearer(request, authorization);
    const token = sessionToken(request);
    if (token === undefined) throw new Problem('not-authenticated', 'This address needs credentials.');
    requireOrigin(request);
    const session = await this.sessions.find(token);
    const principal =
      session &&
      (await this.underLease.decide(() => this.model.bySession(session.userId, session.credential)));
    if (!principal) throw new Problem('not-authenticated', 'The session is over. Sign in again.');
    return this.caller(request, principal, session.id);
  }

  private async bearer(request: FastifyRequest, authorization: string): Promise<Caller> {
    const token = BEARER.exec(authorization)?.[1] ?? '';
    const parsed = parseKey(token);
    if (parsed?.prefix === 'drm') {
      const hash = Buffer.from(hashSecret(parsed.secret), 'hex');
      const principal = await this.underLease.decide(() => this.model.byToken(parsed.id, hash, Date.now()));
      if (principal) return this.caller(request, principal, undefined);
    }
    const detail = token.startsWith('drk_')
      ? 'A registry key (drk_…) does not open the management API: send an access token (drm_…).'
      : 'The access token is not valid.';
    throw new Problem('not-authenticated', detail, { headers: INVALID_TOKEN });
  }

  private caller(request: FastifyRequest, principal: Principal, session: string | undefined): Caller {
    const { user, token } = principal;
    const { model } = this;
    return {
      actor: token ? { type: 'access-token', id: token.id } : { type: 'user', id: user },
      userId: user,
      principal,
      session,
      administrator: model.administers(principal),
      rights: (registry) => model.rightsIn(registry, principal),
      visibleRegistries: () => model.visibleRegistries(principal),
      network: truncatedNetwork(request.ip),
      requestId: request.id,
    };
  }
}

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
