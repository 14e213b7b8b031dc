import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { users } from '#libs/identity';
import { faultsOf } from '../http/edge-app.js';
import { IdentityApp } from './testing/identity-app.js';
import {
  CALLBACK,
  cookieOf,
  FAILED,
  OidcScene,
  PASSWORD,
  refused,
  SETTINGS,
  START,
} from './testing/oidc-scene.js';
import { CLIENT, strangeKey, type TestIssuer } from './testing/test-issuer.js';

let scene: OidcScene;
let issuer: TestIssuer;
let app: IdentityApp;

beforeAll(async () => {
  scene = await OidcScene.start();
  ({ issuer, app } = scene);
}, 30_000);
beforeEach(() => scene.reset());
afterAll(() => scene?.close());

describe('signing in through the issuer', () => {
  it('opens a session of the user who has the verified e-mail address, and leads to the page that was asked for', async () => {
    const { id, subject } = await scene.registered();
    const answer = await scene.browser().signIn(subject, '/registries/myapp?tab=keys');
    expect(answer.headers.location).toBe('/registries/myapp?tab=keys');
    expect(await scene.userOf(answer)).toBe(id);
    expect((await scene.signInAs(subject)).headers.location).toBe('/');
  });

  it('works when only the user info endpoint has the address', async () => {
    issuer.inToken = false;
    issuer.register(`http://127.0.0.1:${app.port}${CALLBACK}`);
    const { id, subject } = await scene.registered();
    expect(await scene.userOf(await scene.signInAs(subject))).toBe(id);
  });

  it('links the subject once, and writes down neither subject nor address', async () => {
    const { id, subject, email } = await scene.registered();
    await scene.signInAs(subject);
    await scene.signInAs(subject);
    const { events } = await app.eventLog.read(users, id);
    const links = events.filter(({ type }) => type === 'UserIdentityLinked');
    expect(links.map(({ data }) => data)).toEqual([
      { at: expect.any(String), issuer: issuer.url, subjectIndex: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    const texts = [JSON.stringify(events.map(({ data }) => data)), app.allLogged];
    for (const secret of [subject, email.toLowerCase()]) expect(texts.join()).not.toContain(secret);
  });

  it('opens the account of an invited user, and the invitation no longer holds', async () => {
    const { id, subject, invitation } = await scene.registered(null);
    const answer = await scene.signInAs(subject);
    expect(await scene.userOf(answer)).toBe(id);
    expect(app.feed.model.isActive(id)).toBe(true);
    const accept = { invitation: invitation!.secret, password: PASSWORD };
    faultsOf(await app.call('POST', '/v1/invitations/accept', {}, accept), 422, 'invitation-void');
    const session = { cookie: cookieOf(answer, 'dockreg_session'), ...app.origin };
    expect((await app.call('POST', '/v1/access-tokens', session, { name: 'CI' })).status).toBe(201);
    faultsOf(await scene.post(`/v1/users/${id}/invite`), 409, 'conflict');
    await scene.post(`/v1/users/${id}/disable`);
    await scene.post(`/v1/users/${id}/enable`);
    expect(await scene.userOf(await scene.signInAs(subject))).toBe(id);
  });

  it('leaves the password as it is; changing it ends the session', async () => {
    const { subject, email } = await scene.registered();
    const answer = await scene.signInAs(subject);
    const before = { cookie: cookieOf(answer, 'dockreg_session') };
    const session = await app.signIn(email, PASSWORD);
    const body = { current: PASSWORD, password: `${PASSWORD} 2` };
    expect((await app.call('POST', '/v1/session/password', session, body)).status).toBe(204);
    faultsOf(await app.call('GET', '/v1/session', before), 401, 'not-authenticated');
  });

  it('asks with PKCE, state and nonce, and ties them to the browser by a cookie that scripts cannot read', async () => {
    const begun = await app.call('GET', START);
    const url = new URL(begun.headers.location!);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      client_id: CLIENT.id,
      response_type: 'code',
      scope: 'openid email profile',
      redirect_uri: `http://127.0.0.1:${app.port}${CALLBACK}`,
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(begun.headers['set-cookie']![0]).toMatch(/; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(begun.headers['cache-control']).toBe('no-store');
  });

  it('may be under way in two windows of one browser', async () => {
    const { id, subject } = await scene.registered();
    const browser = scene.browser();
    const [one, other] = [await browser.toCallback(subject), await browser.toCallback(subject)];
    expect([
      await scene.userOf(await browser.come(one)),
      await scene.userOf(await browser.come(other)),
    ]).toEqual([id, id]);
  });

  it.each([
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/a\\b',
    'keys',
    '/\t/evil.example',
    '/ü',
    '',
    `/${'a'.repeat(500)}`,
  ])('leads to no other site: %j is refused', async (returnTo) => {
    const answer = await app.call('GET', `${START}?returnTo=${encodeURIComponent(returnTo)}`);
    faultsOf(answer, 400, 'invalid-parameter');
  });
});

describe('what comes back from the issuer', () => {
  it('is refused in another browser than the one that began: nobody is signed in by a link', async () => {
    const { subject, id } = await scene.registered();
    const callback = await scene.browser().toCallback(subject);
    const victim = scene.browser();
    refused(await victim.come(callback));
    await victim.toCallback(subject);
    refused(await victim.come(await scene.browser().toCallback(subject)));
    expect(await scene.typesOf(id)).not.toContain('UserIdentityLinked');
  });

  it.each([
    ['without a state', undefined],
    ['with a made-up state', 'a'.repeat(43)],
    ['with a state that is none', "' OR 1=1"],
  ])('is refused %s', async (_, state) => {
    const browser = scene.browser();
    const callback = await browser.toCallback((await scene.registered()).subject);
    if (state === undefined) callback.searchParams.delete('state');
    else callback.searchParams.set('state', state);
    refused(await browser.come(callback));
  });

  it('counts once: neither the same answer nor its code under another state', async () => {
    const browser = scene.browser();
    const { subject, id } = await scene.registered();
    const callback = await browser.toCallback(subject);
    expect(await scene.userOf(await browser.come(callback))).toBe(id);
    refused(await browser.come(callback));
    const next = await browser.toCallback(subject);
    next.searchParams.set('code', callback.searchParams.get('code')!);
    refused(await browser.come(next));
  });

  it('counts once for a browser that brings back an earlier cookie too: the issuer has used up the code', async () => {
    const browser = scene.browser();
    const { subject, id } = await scene.registered();
    const callback = await browser.toCallback(subject);
    const { cookie } = browser;
    expect(await scene.userOf(await browser.come(callback))).toBe(id);
    expect(browser.cookie).toBe('dockreg_oidc=');
    refused(await Object.assign(browser, { cookie }).come(callback));
  });

  it.each([
    ['from another issuer', 'iss', 'https://evil.example'],
    ['with a made-up code', 'code', 'made-up'],
    ['with an error', 'error', 'access_denied'],
  ])('is refused %s', async (_, name, value) => {
    const browser = scene.browser();
    const callback = await browser.toCallback((await scene.registered()).subject);
    callback.searchParams.set(name, value);
    refused(await browser.come(callback));
  });

  it('takes parameters that issuers add', async () => {
    const browser = scene.browser();
    const { subject, id } = await scene.registered();
    const callback = await browser.toCallback(subject);
    callback.searchParams.set('session_state', 'abc');
    callback.searchParams.set('hd', 'example.com');
    expect(await scene.userOf(await browser.come(callback))).toBe(id);
  });

  it.each<[string, (claims: Record<string, unknown>) => Record<string, unknown>]>([
    ['for another audience', (claims) => ({ ...claims, aud: 'another' })],
    ['of another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' })],
    ['with another nonce', (claims) => ({ ...claims, nonce: 'a'.repeat(43) })],
    ['without a nonce', ({ nonce: _nonce, ...claims }) => claims],
    ['that has expired', (claims) => ({ ...claims, exp: 1_700_000_000 })],
  ])('is refused with an id token %s', async (_, tamper) => {
    const { subject, id } = await scene.registered();
    issuer.tamper = tamper;
    refused(await scene.signInAs(subject));
    issuer.tamper = (claims) => claims;
    expect(await scene.userOf(await scene.signInAs(subject))).toBe(id);
  });

  it('is refused with an id token that another key has signed', async () => {
    const { subject } = await scene.registered();
    const { key } = issuer;
    Object.assign(issuer, { key: strangeKey(), tamper: (claims: object) => claims });
    refused(await scene.signInAs(subject));
    issuer.key = key;
  });

  it('is a page for a person, with the same text', async () => {
    const headers = { accept: 'text/html,application/xhtml+xml' };
    const { status, text, headers: got } = await app.call('GET', CALLBACK, headers);
    expect([status, got['content-type']]).toEqual([401, 'text/html; charset=utf-8']);
    expect(text).toContain(FAILED);
  });
});

describe('an issuer that is away', () => {
  it('is told with 503, and keeps neither this server nor later sign-ins from working', async () => {
    const { subject, id } = await scene.registered();
    const browser = scene.browser();
    const callback = await browser.toCallback(subject);
    await issuer.down();
    const lonely = await IdentityApp.start({ ...SETTINGS, OIDC_ISSUER: issuer.url });
    const begun = await lonely.call('GET', START);
    faultsOf(begun, 503, 'unavailable');
    expect(begun.headers['retry-after']).toBeDefined();
    const page = await lonely.call('GET', START, { accept: 'text/html' });
    expect([page.status, page.text]).toEqual([503, expect.stringContaining('does not answer now')]);
    expect(lonely.allLogged).toContain('ECONNREFUSED');
    faultsOf(await browser.come(callback), 503, 'unavailable');
    expect((await lonely.signIn('admin@localhost', PASSWORD)).cookie).toContain('dockreg_session');
    await issuer.up();
    expect((await lonely.call('GET', START)).status).toBe(302);
    expect(await scene.userOf(await browser.signIn(subject))).toBe(id);
    await lonely.close();
  }, 30_000);
});

describe('a server', () => {
  it('keeps nothing of who begins and does not come back, and needs no Redis for it', async () => {
    const before = await app.redis.dbsize();
    for (let count = 0; count < 50; count++) expect((await app.call('GET', START)).status).toBe(302);
    expect(await app.redis.dbsize()).toBe(before);
  });

  it('without an issuer answers 404 on both addresses, with a text that says so', async () => {
    const plain = await IdentityApp.start({ BOOTSTRAP_ADMIN_PASSWORD: PASSWORD });
    for (const path of [START, `${CALLBACK}?code=a&state=b`]) {
      const answer = await plain.call('GET', path);
      faultsOf(answer, 404, 'not-found');
      expect(answer.body.detail).toContain('not set up');
    }
    await plain.close();
  }, 30_000);

  it('behind a name sends browsers back to PUBLIC_URL, and without it trusts no Host header', async () => {
    const named = await IdentityApp.start({
      ...SETTINGS,
      OIDC_ISSUER: issuer.url,
      PUBLIC_URL: 'https://keys.example.com',
    });
    const host = { host: 'keys.example.com' };
    const begun = await named.call('GET', START, host);
    const { searchParams } = new URL(begun.headers.location!);
    expect(searchParams.get('redirect_uri')).toBe(`https://keys.example.com${CALLBACK}`);
    expect(begun.headers['set-cookie']![0]).toMatch(/^__Host-dockreg_oidc=.*; Secure/);
    faultsOf(await app.call('GET', START, host), 404, 'not-found');
    await named.close();
  }, 30_000);
});
