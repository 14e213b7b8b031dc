import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { users, type IdentityModel } from '#libs/identity';
import { formatKey } from '#libs/kernel';
import { faultsOf } from '../http/edge-app.js';
import { hashPassword } from './passwords.js';
import type { SignInThrottle } from './sign-in-throttle.js';
import { SignIn } from './sign-in.js';
import { IdentityApp } from './testing/identity-app.js';
import type { UnderLease } from './under-lease.js';
import type { Users } from './users.js';

const EMAIL = 'admin@localhost';
const PASSWORD = 'correct horse battery';
const TOKEN = formatKey('drm_AAAAAAAAAAAAAAAA', 'b'.repeat(43));

interface Listed {
  readonly id: string;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly network: string | null;
  readonly client: string | null;
  readonly current: boolean;
}

let app: IdentityApp;
let admin: string;

beforeAll(async () => {
  app = await IdentityApp.start({ BOOTSTRAP_ADMIN_PASSWORD: PASSWORD, BOOTSTRAP_ADMIN_TOKEN: TOKEN });
  admin = app.feed.model.usersAfter(undefined, 1)[0]!.id;
});
beforeEach(async () => {
  await app.redis.flushall();
});
afterAll(() => app?.close());

async function sessionsOf(session: Record<string, string>): Promise<Listed[]> {
  const { status, text } = await app.call('GET', '/v1/sessions', session);
  expect(status).toBe(200);
  return (JSON.parse(text) as { items: Listed[] }).items;
}
const signIn = () => app.signIn(EMAIL, PASSWORD);
const isSignedIn = async (session: Record<string, string>): Promise<boolean> =>
  (await app.call('GET', '/v1/session', session)).status === 200;
const typesOf = async (id = admin): Promise<string[]> =>
  (await app.eventLog.read(users, id)).events.map(({ type }) => type);

describe('the sessions of a user', () => {
  it('are listed with where they are from, and their ids sign nobody in', async () => {
    await app.call(
      'POST',
      '/v1/session',
      { 'user-agent': `curl/8 ${TOKEN}` },
      { email: EMAIL, password: PASSWORD },
    );
    const session = await signIn();
    const [own, other] = await sessionsOf(session);
    expect(own).toMatchObject({ current: true, network: '127.0.0.0/24', client: null });
    expect(other).toMatchObject({ current: false, client: 'curl/8 [key]' });
    expect(own!.id).toMatch(/^ses_[0-9A-Za-z]{16}$/);
    expect(Date.parse(own!.lastSeenAt)).toBeGreaterThanOrEqual(Date.parse(own!.createdAt) - 1_000);
    const cookie = `dockreg_session=${own!.id}`;
    expect(await isSignedIn({ cookie })).toBe(false);
  });

  it('end one by one, or all but the one that asks', async () => {
    const [here, there, third] = [await signIn(), await signIn(), await signIn()];
    const [oldest] = (await sessionsOf(here)).slice(-1);
    expect(oldest!.current).toBe(true);
    const [newest] = await sessionsOf(here);
    expect((await app.call('DELETE', `/v1/sessions/${newest!.id}`, here)).status).toBe(204);
    expect(await isSignedIn(third)).toBe(false);
    faultsOf(await app.call('DELETE', `/v1/sessions/${newest!.id}`, here), 404, 'not-found');
    expect((await app.call('DELETE', '/v1/sessions', here)).status).toBe(204);
    expect([await isSignedIn(there), await isSignedIn(here)]).toEqual([false, true]);
  });

  it('are a hundred at most: the oldest ends', async () => {
    const first = await signIn();
    const { credentialOf } = app.feed.model;
    const { Sessions } = await import('./sessions.js');
    const sessions = new Sessions(app.redis, app.installation);
    const credential = credentialOf.call(app.feed.model, admin)!;
    for (let n = 0; n < 100; n++) await sessions.open(admin, credential, { network: null, client: null });
    expect(await isSignedIn(first)).toBe(false);
    expect(await sessions.of(admin)).toHaveLength(100);
  });

  it('need the lease of the node, as access tokens do', async () => {
    const session = await signIn();
    app.lease = false;
    try {
      for (const headers of [session, { authorization: `Bearer ${TOKEN}` }])
        faultsOf(await app.call('GET', '/v1/session', headers), 503, 'unavailable');
      const body = { email: EMAIL, password: PASSWORD };
      faultsOf(await app.call('POST', '/v1/session', {}, body), 503, 'unavailable');
    } finally {
      app.lease = true;
    }
    expect(await isSignedIn(session)).toBe(true);
  });
});

describe('a sign-in', () => {
  it('is recorded in the log, once an hour at most', async () => {
    // Somebody who has never signed in: a record of the specs before may still be on its way.
    const person = { email: 'new@example.com', name: 'New', password: PASSWORD };
    const created = await app.call('POST', '/v1/users', { authorization: `Bearer ${TOKEN}` }, person);
    const { id } = JSON.parse(created.text) as { id: string };
    const recorded = async () => (await typesOf(id)).filter((type) => type === 'UserSignedIn').length;
    await app.signIn(person.email, PASSWORD);
    await app.signIn(person.email, PASSWORD);
    // The first one may still be on its way; the second one never is.
    while ((await recorded()) === 0) await new Promise((resolve) => setImmediate(resolve));
    await app.signIn(person.email, PASSWORD);
    expect(await recorded()).toBe(1);
  });
});

describe('a failed sign-in', () => {
  const nothing = () => Promise.resolve();
  /** A sign-in where nobody has any address; `nobody` is what it verifies then. */
  function signInOfNobody(): Pick<SignIn, 'prove'> & { nobody: Promise<string> } {
    return new SignIn(
      { byEmail: () => undefined } as unknown as IdentityModel,
      { indexOf: () => Promise.resolve('index') } as unknown as Users,
      { decide: (question: () => unknown) => Promise.resolve(question()) } as unknown as UnderLease,
      { admit: nothing, failed: nothing, succeeded: nothing } as unknown as SignInThrottle,
    ) as unknown as Pick<SignIn, 'prove'> & { nobody: Promise<string> };
  }
  const body = { email: 'nobody@localhost', password: 'a wrong password' };

  it('verifies a hash like any other when nobody has the address, so that it costs as much', async () => {
    const signIn = signInOfNobody();
    const parameters = (hash: string) => hash.split('$').slice(0, 4);
    expect(parameters(await signIn.nobody)).toEqual(parameters(await hashPassword('some password')));
    await expect(signIn.prove(body, 'address', nothing)).rejects.toMatchObject({ code: 'sign-in-failed' });
    signIn.nobody = Promise.resolve('no hash: whoever verifies it fails');
    await expect(signIn.prove(body, 'address', nothing)).rejects.not.toMatchObject({
      code: 'sign-in-failed',
    });
  });
});

describe('a new password', () => {
  const change = (session: Record<string, string>, current: string, password: string) =>
    app.call('POST', '/v1/session/password', session, { current, password });

  it('ends all other sessions when it is answered, and gives this one another cookie', async () => {
    const [here, there] = [await signIn(), await signIn()];
    const answer = await change(here, PASSWORD, 'another long password');
    expect(answer.status).toBe(204);
    expect(app.waitedFor.at(-1)?.toString()).toBe(answer.headers['dockreg-position']);
    expect([await isSignedIn(here), await isSignedIn(there)]).toEqual([false, false]);
    const cookie = answer.headers['set-cookie']![0]!.split(';')[0]!;
    expect(await isSignedIn({ cookie })).toBe(true);
    faultsOf(
      await app.call('POST', '/v1/session', {}, { email: EMAIL, password: PASSWORD }),
      401,
      'sign-in-failed',
    );
    const back = await change({ cookie, ...app.origin }, 'another long password', PASSWORD);
    expect(back.status).toBe(204);
  });

  it.each([
    ['too short', 'short', '/password'],
    ['too long', 'x'.repeat(257), '/password'],
    ['the e-mail address', 'ADMIN@localhost', '/password'],
  ])('is refused when it is %s', async (_, password, pointer) => {
    const faults = faultsOf(await change(await signIn(), PASSWORD, password), 422, 'invalid-value');
    expect(faults).toMatchObject([{ pointer }]);
  });

  it('needs the current one; guesses are throttled', async () => {
    const session = await signIn();
    const guess = () => change(session, 'a wrong password', 'another long password');
    expect(faultsOf(await guess(), 422, 'invalid-value')).toMatchObject([{ pointer: '/current' }]);
    for (let n = 0; n < 9; n++) await guess();
    faultsOf(await guess(), 429, 'too-many-requests');
  });

  it('is not set by a program', async () => {
    const answer = await change({ authorization: `Bearer ${TOKEN}` }, PASSWORD, 'another long password');
    faultsOf(answer, 403, 'not-permitted');
  });
});

describe('the settings of the first administrator', () => {
  // Sign-ins are recorded beside the answer.
  const count = async () => (await typesOf()).filter((type) => type !== 'UserSignedIn').length;
  const allUsers = () => app.feed.model.usersAfter(undefined, 9).length;

  it('add nothing when they are unchanged, or name somebody else', async () => {
    const [before, usersBefore] = [await count(), allUsers()];
    await app.bootstrap({ BOOTSTRAP_ADMIN_PASSWORD: PASSWORD, BOOTSTRAP_ADMIN_TOKEN: TOKEN });
    await app.bootstrap({
      BOOTSTRAP_ADMIN_EMAIL: 'else@localhost',
      BOOTSTRAP_ADMIN_PASSWORD: 'x'.repeat(20),
    });
    await app.bootstrap({});
    expect(await count()).toBe(before);
    expect(allUsers()).toBe(usersBefore);
    expect(app.allLogged).toContain('is not that of an administrator');
  });

  it('set a changed password and end the sessions of the former one', async () => {
    const session = await signIn();
    await app.bootstrap({ BOOTSTRAP_ADMIN_PASSWORD: 'a changed password' });
    expect(await isSignedIn(session)).toBe(false);
    expect(await isSignedIn(await app.signIn(EMAIL, 'a changed password'))).toBe(true);
    await app.bootstrap({ BOOTSTRAP_ADMIN_PASSWORD: PASSWORD });
  });

  it('replace the access token that they gave before, and bring none back that was ended', async () => {
    const next = formatKey('drm_CCCCCCCCCCCCCCCC', 'c'.repeat(43));
    const opens = (token: string) => isSignedIn({ authorization: `Bearer ${token}` });
    await app.bootstrap({ BOOTSTRAP_ADMIN_TOKEN: next });
    expect([await opens(TOKEN), await opens(next)]).toEqual([false, true]);
    await app.bootstrap({ BOOTSTRAP_ADMIN_TOKEN: TOKEN });
    expect([await opens(TOKEN), await opens(next)]).toEqual([false, true]);
    expect(app.allLogged).toContain('was ended, or has another secret');
    expect(app.allLogged).not.toContain(TOKEN);
  });
});
