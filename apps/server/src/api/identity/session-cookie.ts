import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SESSION_LIFETIME_MS } from './sessions.js';

const NAME = 'dockreg_session';
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;

/** The token in the request's session cookie; undefined without one. */
export function sessionToken(request: FastifyRequest): string | undefined {
  const { cookie } = request.headers;
  return cookie === undefined ? undefined : parseCookie(cookie)[cookieFor(request).name];
}

/** Gives the browser a session; scripts cannot read the cookie, and other sites cannot make it travel with a write. */
export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, token: string): void {
  setCookie(request, reply, token, SESSION_LIFETIME_MS / 1000);
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  setCookie(request, reply, '', 0);
}

function setCookie(request: FastifyRequest, reply: FastifyReply, value: string, maxAge: number): void {
  const attributes = { value, maxAge, path: '/', httpOnly: true, sameSite: 'lax' } as const;
  reply.header('set-cookie', stringifySetCookie({ ...cookieFor(request), ...attributes }));
}

/**
 * What came over HTTPS, as a trusted proxy says, always gets a cookie that leads nowhere else. Browsers keep `Secure` and `__Host-` cookies only from HTTPS, so plain HTTP on the caller's own machine does without
 * them. Anywhere else TLS is assumed in front of this server, and the plain name is not accepted.
 */
function cookieFor(request: FastifyRequest): { name: string; secure: boolean } {
  const secure = request.protocol === 'https' || !LOOPBACK.test(request.hostname);
  return { name: secure ? `__Host-${NAME}` : NAME, secure };
}
