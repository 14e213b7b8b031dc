import { expect, jest } from '@jest/globals';
import { users } from '#libs/identity';
import { requireDocumented } from '../../../../../../test/support/documented-answer.js';
import { faultsOf, type Answer } from '../../http/edge-app.js';
import { IdentityApp } from './identity-app.js';
import { CLIENT, IssuerBrowser, TestIssuer } from './test-issuer.js';

export const START = '/v1/session/oidc';
export const CALLBACK = `${START}/callback`;
export const PASSWORD = 'correct horse battery';
export const SETTINGS = {
  BOOTSTRAP_ADMIN_PASSWORD: PASSWORD,
  OIDC_CLIENT_ID: CLIENT.id,
  OIDC_CLIENT_SECRET: CLIENT.secret,
};
export const FAILED =
  'The sign-in through the identity provider failed. Start again, or ask an administrator.';

/** A user here, who is known to the issuer by the same address. */
export interface Registered {
  readonly id: string;
  readonly email: string;
  readonly subject: string;
  readonly invitation: { readonly secret: string } | null;
}

/** For specs only: a server, the issuer that it trusts, and an administrator's session. */
export class OidcScene {
  private admin: Record<string, string> = {};
  private count = 0;

  private constructor(
    readonly issuer: TestIssuer,
    readonly app: IdentityApp,
  ) {}

  static async start(): Promise<OidcScene> {
    // The issuer says that it is none for production.
    for (const level of ['warn', 'info'] as const)
      jest.spyOn(console, level).mockImplementation(() => undefined);
    const issuer = await TestIssuer.listen();
    const app = await IdentityApp.start({ ...SETTINGS, OIDC_ISSUER: issuer.url });
    const scene = new OidcScene(issuer, app);
    scene.admin = await app.signIn('admin@localhost', PASSWORD);
    return scene;
  }

  /** An honest issuer to which nobody is signed in. */
  reset(): void {
    Object.assign(this.issuer, { tamper: undefined, inToken: true });
    this.issuer.register(`http://127.0.0.1:${this.app.port}${CALLBACK}`);
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.issuer.down();
  }

  browser(): Browser {
    return new Browser(this);
  }

  signInAs(subject: string): Promise<Answer> {
    return this.browser().signIn(subject);
  }

  post(path: string, body?: object): Promise<Answer> {
    return this.app.call('POST', path, this.admin, body);
  }

  async registered(password: string | null = PASSWORD): Promise<Registered> {
    const number = ++this.count;
    const email = `Anna.${number}@Example.com`;
    const body = { email, name: 'Anna', ...(password !== null && { password }) };
    const { status, text } = await this.post('/v1/users', body);
    expect(status).toBe(201);
    const subject = `subject-${number}`;
    this.issuer.accounts.set(subject, { email: email.toLowerCase(), email_verified: true });
    return { ...(JSON.parse(text) as Registered), email, subject };
  }

  /** Who is signed in now. */
  async userOf(answer: Answer): Promise<string> {
    expect(answer.status).toBe(302);
    const cookie = cookieOf(answer, 'dockreg_session');
    const who = await this.app.call('GET', '/v1/session', { cookie });
    return (JSON.parse(who.text) as { user: { id: string } }).user.id;
  }

  async typesOf(user: string): Promise<string[]> {
    return (await this.app.eventLog.read(users, user)).events.map(({ type }) => type);
  }
}

/** One person's browser, as far as this server sees it. */
export class Browser {
  readonly atIssuer = new IssuerBrowser();
  /** What is kept of sign-ins under way. */
  cookie = '';

  constructor(private readonly scene: OidcScene) {}

  /** Begins a sign-in and proves to the issuer who it is; returns where the issuer leads back to. */
  async toCallback(subject: string, returnTo?: string): Promise<URL> {
    this.scene.issuer.user = subject;
    const query = returnTo === undefined ? '' : `?returnTo=${encodeURIComponent(returnTo)}`;
    const begun = await this.ask(START + query);
    expect(begun.status).toBe(302);
    return this.atIssuer.follow(begun.headers.location!);
  }

  /** Each answer is one of the API document. */
  private async ask(path: string): Promise<Answer> {
    const answer = await this.scene.app.call('GET', path, { cookie: this.cookie });
    requireDocumented({ method: 'GET', path }, answer);
    if ((answer.headers['set-cookie'] ?? []).some((cookie) => cookie.startsWith('dockreg_oidc=')))
      this.cookie = cookieOf(answer, 'dockreg_oidc');
    return answer;
  }

  async come(callback: URL): Promise<Answer> {
    return this.ask(callback.pathname + callback.search);
  }

  async signIn(subject: string, returnTo?: string): Promise<Answer> {
    return this.come(await this.toCallback(subject, returnTo));
  }
}

export function cookieOf({ headers }: Answer, name: string): string {
  return headers['set-cookie']!.find((cookie) => cookie.startsWith(`${name}=`))!.split(';')[0]!;
}

/** Refused with the one text that all refusals have. */
export function refused(answer: Answer): void {
  faultsOf(answer, 401, 'sign-in-failed');
  expect(answer.body.detail).toBe(FAILED);
  expect((answer.headers['set-cookie'] ?? []).join()).not.toContain('dockreg_session');
}
