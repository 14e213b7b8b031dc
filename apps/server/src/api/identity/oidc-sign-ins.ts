import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomNonce, randomPKCECodeVerifier, randomState } from 'openid-client';
import { derivedKey, SealBroken, SubjectKeys, unwrap, wrap } from '#libs/personal-data';
import type { SignInSecrets } from './oidc-issuer.js';
import { cookieValue, setCookie } from './session-cookie.js';
import { SYSTEM } from './sign-in.js';
import { INSTALLATION_SUBJECT } from './users.js';

/** Time for a password, a second factor and a mail in between. */
const HOLDS_SECONDS = 600;
const COOKIE = 'dockreg_oidc';
const PURPOSE = 'OpenID Connect sign-ins under way';
/** Browsers keep 4,096 bytes of a cookie, of which base64, name, iv and tag take their share. One sign-in takes 1,250 at most. */
const TEXT_MAX = 2_900;

/** A sign-in that was begun. */
export interface BegunSignIn extends SignInSecrets {
  /** Local path. */
  readonly returnTo: string;
}

interface SignInUnderWay extends BegunSignIn {
  /** Milliseconds since 1970. */
  readonly endsAt: number;
}

/** What the next sign-in has to prove. */
export function mintSignIn(): SignInSecrets {
  return { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() };
}

/**
 * Sign-ins that wait for the browser to come back from the issuer. They stand encrypted in a cookie of the browser that began
 * them, so a link with somebody else's code signs nobody in, and strangers who begin sign-ins and never end them cost this
 * server no memory. The cookie forgets one that has come back, and a code counts once at its issuer (RFC 6749, section 4.1.2).
 */
@Injectable()
export class OidcSignIns {
  constructor(private readonly subjectKeys: SubjectKeys) {}

  /** Adds a sign-in to those of the browser; the oldest ones go when the cookie is full. */
  async begin(request: FastifyRequest, reply: FastifyReply, begun: BegunSignIn): Promise<void> {
    const endsAt = Date.now() + HOLDS_SECONDS * 1000;
    await this.keep(request, reply, [{ ...begun, endsAt }, ...(await this.underWay(request))]);
  }

  /** The sign-in of a state, which then is used up; undefined when this browser has none. */
  async end(request: FastifyRequest, reply: FastifyReply, state: unknown): Promise<BegunSignIn | undefined> {
    const underWay = await this.underWay(request);
    const found = underWay.find((begun) => begun.state === state);
    if (!found) return undefined;
    const others = underWay.filter((begun) => begun !== found);
    await this.keep(request, reply, others);
    return found;
  }

  /** Newest first. */
  private async underWay(request: FastifyRequest): Promise<readonly SignInUnderWay[]> {
    const sealed = cookieValue(request, COOKIE);
    if (sealed === undefined) return [];
    const text = opened(await this.key(), sealed);
    if (text === undefined) return [];
    return (JSON.parse(text) as SignInUnderWay[]).filter(({ endsAt }) => Date.now() < endsAt);
  }

  private async keep(
    request: FastifyRequest,
    reply: FastifyReply,
    signIns: readonly SignInUnderWay[],
  ): Promise<void> {
    if (signIns.length === 0) return setCookie(request, reply, COOKIE, '', 0);
    const text = JSON.stringify(signIns);
    if (text.length > TEXT_MAX) return this.keep(request, reply, signIns.slice(0, -1));
    const sealed = Buffer.from(wrap(await this.key(), Buffer.from(text), PURPOSE), 'base64');
    setCookie(request, reply, COOKIE, sealed.toString('base64url'), HOLDS_SECONDS);
  }

  /** The same on every node. */
  private async key(): Promise<Buffer> {
    return derivedKey(await this.subjectKeys.keyOf(INSTALLATION_SUBJECT, SYSTEM), PURPOSE);
  }
}

/** undefined for what this installation has not sealed. */
function opened(key: Buffer, sealed: string): string | undefined {
  try {
    return unwrap(key, sealed, PURPOSE).toString();
  } catch (error) {
    if (error instanceof SealBroken) return undefined;
    throw error;
  }
}
