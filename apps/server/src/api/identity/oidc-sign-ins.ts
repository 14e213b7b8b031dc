import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomNonce, randomPKCECodeVerifier, randomState } from 'openid-client';
import { reachingRedis, Redis } from '#libs/redis';
import { Installation } from '../../installation.js';
import type { SignInSecrets } from './oidc-issuer.js';
import { cookieValue, setCookie } from './session-cookie.js';

/** Time for a password, a second factor and a mail in between. */
const HOLDS_SECONDS = 600;
const COOKIE = 'dockreg_oidc';
const BINDING_BYTES = 32;
const BINDING = /^[\w-]{43}$/;
const STATE = /^[\w-]{43}$/;

/** A sign-in that was begun. */
export interface BegunSignIn extends SignInSecrets {
  /** As it was sent to the issuer, which wants it again. */
  readonly redirectUri: string;
  /** Local path. */
  readonly returnTo: string;
}

/** What the next sign-in has to prove. */
export function mintSignIn(): SignInSecrets {
  return { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() };
}

/**
 * Sign-ins that wait for the browser to come back from the issuer. They stand in Redis under the hash of their state, each for
 * one use by the one browser that began it: a link with somebody else's code signs nobody in.
 */
@Injectable()
export class OidcSignIns {
  constructor(
    private readonly redis: Redis,
    private readonly installation: Installation,
  ) {}

  /** Ties a new sign-in to the browser, by a cookie that several sign-ins of it share. Throws RedisUnavailable. */
  async begin(request: FastifyRequest, reply: FastifyReply, begun: BegunSignIn): Promise<void> {
    const known = cookieValue(request, COOKIE);
    const binding =
      known !== undefined && BINDING.test(known) ? known : randomBytes(BINDING_BYTES).toString('base64url');
    const stored = JSON.stringify({ ...begun, browser: hashOf(binding) });
    await reachingRedis(this.redis.set(this.keyOf(begun.state), stored, 'EX', HOLDS_SECONDS));
    setCookie(request, reply, COOKIE, binding, HOLDS_SECONDS);
  }

  /** The sign-in of a state, which then is used up; undefined when there is none, or another browser began it. */
  async end(request: FastifyRequest, state: unknown): Promise<BegunSignIn | undefined> {
    if (typeof state !== 'string' || !STATE.test(state)) return undefined;
    const stored = await reachingRedis(this.redis.getdel(this.keyOf(state)));
    if (stored === null) return undefined;
    const { browser, ...begun } = JSON.parse(stored) as BegunSignIn & { browser: string };
    const binding = hashOf(cookieValue(request, COOKIE) ?? '');
    return timingSafeEqual(Buffer.from(binding), Buffer.from(browser)) ? begun : undefined;
  }

  private keyOf(state: string): string {
    return this.installation.redisKey('oidc', hashOf(state));
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
