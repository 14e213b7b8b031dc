import { Injectable } from '@nestjs/common';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientSecretBasic,
  ClientSecretPost,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  type ClientAuth,
  type Configuration,
  type CustomFetch,
} from 'openid-client';
import { Settings, type OidcSettings } from '#libs/platform';
import { Problem } from '../http/problems.js';

/** Somebody waits in front of a browser: an issuer that takes longer is away. */
const ISSUER_TIMEOUT_SECONDS = 5;

/** What a sign-in under way has to prove when the browser comes back. */
export interface SignInSecrets {
  readonly state: string;
  readonly nonce: string;
  /** PKCE (RFC 7636). */
  readonly verifier: string;
}

/** Whom the issuer names. */
export interface IssuedIdentity {
  readonly issuer: string;
  /** The issuer's id for the user, which never changes there and belongs to nobody else. */
  readonly subject: string;
  /** The e-mail address that the issuer has verified; undefined when it has not. Asks the issuer when the id token lacks it. */
  readonly verifiedEmail: () => Promise<string | undefined>;
}

/**
 * The configured issuer of OpenID Connect. Its metadata is asked for when somebody first signs in, and again after a failure:
 * an issuer that is away keeps nobody from starting this server.
 */
@Injectable()
export class OidcIssuer {
  private discovered: Promise<Configuration> | undefined;

  constructor(private readonly settings: Settings) {}

  /** Where the browser proves to the issuer who it is. Throws 404 `not-found` without an issuer, 503 when it is away. */
  async authorizationUrl(redirectUri: string, { state, nonce, verifier }: SignInSecrets): Promise<string> {
    const { scopes } = this.configured();
    const configuration = await this.configuration();
    const url = buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: scopes,
      state,
      nonce,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    return url.href;
  }

  /**
   * Exchanges the code that came with the browser for an id token and verifies it: signature, issuer, audience, times, nonce.
   * `callback`: the redirect URI with the parameters that came. Throws 503 when the issuer is away, and an error of the
   * library for whatever does not hold.
   */
  async identify(callback: URL, { state, nonce, verifier }: SignInSecrets): Promise<IssuedIdentity> {
    const configuration = await this.configuration();
    const tokens = await reaching(
      authorizationCodeGrant(configuration, callback, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      }),
    );
    const claims = tokens.claims()!;
    const verifiedEmail = async (): Promise<string | undefined> => {
      const { email, email_verified: verified } =
        claims['email'] === undefined
          ? await reaching(fetchUserInfo(configuration, tokens.access_token, claims.sub))
          : claims;
      return verified === true && typeof email === 'string' ? email : undefined;
    };
    return { issuer: claims.iss, subject: claims.sub, verifiedEmail };
  }

  /** Throws 404 `not-found` without an issuer. */
  configured(): OidcSettings {
    const { oidc } = this.settings;
    if (!oidc) throw new Problem('not-found', 'Signing in through an identity provider is not set up here.');
    return oidc;
  }

  private configuration(): Promise<Configuration> {
    return (this.discovered ??= discover(this.configured()).catch((error: unknown) => {
      this.discovered = undefined;
      throw away(error);
    }));
  }
}

function discover({ issuer, clientId, clientSecret }: OidcSettings): Promise<Configuration> {
  // The setting allows plain HTTP on loopback addresses only. The library marks the switch as deprecated to make it stand out.
  // oxlint-disable-next-line typescript/no-deprecated
  const insecure = issuer.protocol === 'http:' ? [allowInsecureRequests] : [];
  return discovery(issuer, clientId, undefined, authenticationOf(clientSecret), {
    timeout: ISSUER_TIMEOUT_SECONDS,
    // The library would trust TLS for an id token that comes from the token endpoint; this checks its signature as well.
    execute: [...insecure, enableNonRepudiationChecks],
    [customFetch]: fetchFromIssuer,
  });
}

/** In the header, unless the issuer's metadata has only the form (OpenID Connect Discovery 1.0, section 3: the header is the default). */
function authenticationOf(secret: string): ClientAuth {
  const [header, form] = [ClientSecretBasic(secret), ClientSecretPost(secret)];
  return (issuer, client, body, headers) => {
    const methods = issuer.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const authenticate = methods.includes('client_secret_basic') ? header : form;
    return authenticate(issuer, client, body, headers);
  };
}

/** Throws 503 without an answer in time, and for one of a server that cannot serve now. */
const fetchFromIssuer: CustomFetch = async (url, options) => {
  const answer = await fetch(url, options as RequestInit).catch((error: unknown) => {
    throw away(error);
  });
  if (answer.status >= 500) throw away(new Error(`the issuer answered ${answer.status}`));
  return answer;
};

/** The library wraps what `fetchFromIssuer` throws into errors of its own. */
async function reaching<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const { cause } = error as Error;
    throw cause instanceof Problem ? cause : error;
  }
}

function away(cause: unknown): Problem {
  return new Problem('unavailable', 'The identity provider does not answer now.', { cause });
}
