import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SESSION_LIFETIME_MS } from './sessions.js';

const NAME = 'dockreg_session';
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;

/** The token in the request's session cookie; undefined without one. */
export function sessionToken(request: FastifyRequest): string | undefined {
  return cookieValue(request, NAME);
}

/** The value of a cookie that `setCookie` has set. */
export function cookieValue(request: FastifyRequest, name: string): string | undefined {
  const { cookie } = request.headers;
  return cookie === undefined ? undefined : parseCookie(cookie)[cookieFor(request, name).name];
}

/** Gives the browser a session; scripts cannot read the cookie, and other sites cannot make it travel with a write. */
export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, token: string): void {
  setCookie(request, reply, NAME, token, SESSION_LIFETIME_MS / 1000);
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  setCookie(request, reply, NAME, '', 0);
}

/** Whether the browser talks to this very machine. */
export function isLoopback({ hostname }: FastifyRequest): boolean {
  return LOOPBACK.test(hostname);
}

/** `maxAge` in seconds. */
export function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  name: string,
  value: string,
  maxAge: number,
): void {
  const attributes = { value, maxAge, path: '/', httpOnly: true, sameSite: 'lax' } as const;
  reply.header('set-cookie', stringifySetCookie({ ...cookieFor(request, name), ...attributes }));
}

/**
 * What came over HTTPS, as a trusted proxy says, always gets a cookie that leads nowhere else. Browsers keep `Secure` and `__Host-` cookies only from HTTPS, so plain HTTP on the caller's own machine does without
 * them. Anywhere else TLS is assumed in front of this server, and the plain name is not accepted.
 */
function cookieFor(request: FastifyRequest, name: string): { name: string; secure: boolean } {
  const secure = request.protocol === 'https' || !isLoopback(request);
  return { name: secure ? `__Host-${name}` : name, secure };
}
