import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration, type KoaContextWithOIDC } from 'oidc-provider';

export const CLIENT = { id: 'dockreg', secret: 'client-secret-of-the-test' };

/** What the issuer knows about one of its users. */
interface Account {
  readonly email?: string;
  readonly email_verified?: boolean;
}
type Claims = Record<string, unknown>;

const KEY_ID = 'test';
/** A sign-in takes three. */
const HOPS_MAX = 10;

/** For specs only: a real issuer of OpenID Connect (`oidc-provider`) on a free port of this machine. */
export class TestIssuer {
  /** By subject id. */
  readonly accounts = new Map<string, Account>();
  /** Who sits in front of a browser that has not signed in here yet. */
  user = '';
  /** Changes the id token after it was made; it is signed anew, with `key`. */
  tamper: ((claims: Claims) => Claims) | undefined;
  /** Whether the id token has the e-mail address; else only the user info endpoint says it. */
  inToken = true;
  key = newKey();
  private provider!: Provider;
  private server!: Server;
  private port = 0;
  private readonly published = this.key;

  /** Nobody is answered before `register`. */
  static async listen(): Promise<TestIssuer> {
    const issuer = new TestIssuer();
    await issuer.up();
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Makes the server under test known, by where it wants browsers to come back to. */
  register(redirectUri: string): void {
    const jwk = { ...this.published.export({ format: 'jwk' }), kid: KEY_ID, alg: 'RS256', use: 'sig' };
    const configuration: Configuration = {
      clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [redirectUri] }],
      jwks: { keys: [jwk] },
      cookies: { keys: ['key of the cookies'] },
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
      conformIdTokenClaims: !this.inToken,
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_, { uid }) => `/interaction/${uid}` },
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({ sub: id, ...this.accounts.get(id) }),
      }),
      loadExistingGrant: (context) => this.consent(context),
      pkce: { required: () => true },
    };
    this.provider = new Provider(this.url, configuration);
    this.provider.use(async (context, next) => {
      await next();
      const answer = context.body as { id_token?: string } | undefined;
      if (context.path === '/token' && answer?.id_token !== undefined && this.tamper)
        answer.id_token = this.signed(this.tamper(claimsOf(answer.id_token)));
    });
  }

  async down(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  /** On the port that it had before. */
  async up(): Promise<void> {
    this.server = createServer((request, response) => void this.answer(request, response));
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!request.url!.startsWith('/interaction/')) return void this.provider.callback()(request, response);
    await this.provider.interactionFinished(request, response, { login: { accountId: this.user } });
  }

  private async consent({ oidc }: KoaContextWithOIDC) {
    const known = oidc.session!.grantIdFor(CLIENT.id);
    const earlier = known === undefined ? undefined : await this.provider.Grant.find(known);
    if (earlier) return earlier;
    const grant = new this.provider.Grant({ clientId: CLIENT.id, accountId: oidc.session!.accountId! });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  }

  private signed(claims: Claims): string {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${part({ alg: 'RS256', kid: KEY_ID })}.${part(claims)}`;
    return `${text}.${sign('sha256', Buffer.from(text), this.key).toString('base64url')}`;
  }
}

/** A browser of one person: keeps the cookies of the issuer and follows it to where it leads back. */
export class IssuerBrowser {
  private readonly cookies = new Map<string, string>();

  /** From the first address at the issuer to the first one elsewhere. */
  async follow(location: string): Promise<URL> {
    const { origin } = new URL(location);
    let url = new URL(location);
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
      for (const header of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(header)!;
        this.cookies.set(name!, value!);
      }
      const next = answer.headers.get('location');
      if (next === null) throw new Error(`the issuer answered ${answer.status}: ${await answer.text()}`);
      url = new URL(next, url);
      if (url.origin !== origin) return url;
    }
    throw new Error(`the issuer leads nowhere after ${HOPS_MAX} hops`);
  }
}

function newKey() {
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
}

/** A key that the issuer does not publish. */
export const strangeKey = newKey;

function claimsOf(token: string): Claims {
  return JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Claims;
}
