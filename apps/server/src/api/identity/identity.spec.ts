import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Post } from '@nestjs/common';
import { formatKey } from '#libs/kernel';
import type { Redis } from '#libs/redis';
import { CurrentCaller, OwnAccount, type Caller } from '../http/caller.js';
import { faultsOf } from '../http/edge-app.js';
import { IdentityApp } from './testing/identity-app.js';

const PASSWORD = 'correct horse battery';
const TOKEN = formatKey('drm_AAAAAAAAAAAAAAAA', 'b'.repeat(43));
const KEY = formatKey('drk_AAAAAAAAAAAAAAAA', 'c'.repeat(43));
/** As draft-ietf-httpapi-ratelimit-headers-10 has it. */
const POLICY = '"sign-in";q=10;w=300';
const SIGN_IN = { email: 'Admin@localhost', password: PASSWORD };
const BEARER = { authorization: `Bearer ${TOKEN}` };

const written: string[] = [];

@Controller('v1/things')
class Things {
  @Post() @OwnAccount() post(@CurrentCaller() { actor, network }: Caller) {
    written.push(actor.id);
    return { actor, network };
  }
}

let app: IdentityApp;
let redis: Redis;

const origin = () => app.origin;

async function signedIn(): Promise<{ cookie: string }> {
  const { headers } = await app.call('POST', '/v1/session', {}, SIGN_IN);
  return { cookie: headers['set-cookie']![0]!.split(';')[0]! };
}

beforeAll(async () => {
  const settings = { BOOTSTRAP_ADMIN_PASSWORD: PASSWORD, BOOTSTRAP_ADMIN_TOKEN: TOKEN };
  app = await IdentityApp.start(settings, { controllers: [Things] });
  redis = app.redis;
});

beforeEach(async () => {
  written.splice(0);
  await redis.flushall();
});

afterAll(() => app?.close());

describe('identity', () => {
  it('signing in opens a session that scripts and other sites cannot use, and signing out ends it', async () => {
    const answer = await app.call('POST', '/v1/session', {}, SIGN_IN);
    const user = {
      id: expect.stringMatching(/^usr_[0-9A-Za-z]{16}$/),
      email: 'admin@localhost',
      administrator: true,
    };
    expect(answer).toMatchObject({ status: 200, body: { user } });
    const [cookie] = answer.headers['set-cookie']!;
    expect(cookie).toMatch(/^dockreg_session=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/);
    const session = { cookie: cookie!.split(';')[0]! };
    expect(await app.call('GET', '/v1/session', session)).toMatchObject({
      status: 200,
      body: { user, via: 'session' },
    });
    expect(JSON.stringify(await redis.keys('*'))).not.toContain(session.cookie.slice(16));

    const out = await app.call('DELETE', '/v1/session', { ...session, ...origin() });
    expect(out).toMatchObject({ status: 204, text: '' });
    expect(out.headers['set-cookie']![0]).toMatch(/^dockreg_session=; Max-Age=0; Path=\//);
    faultsOf(await app.call('GET', '/v1/session', session), 401, 'not-authenticated');
    expect(await app.call('DELETE', '/v1/session', { ...session, ...origin() })).toMatchObject({
      status: 204,
    });
    expect(await app.call('DELETE', '/v1/session')).toMatchObject({ status: 204 });
  });

  it('anywhere but on plain-http loopback the cookie is Secure and bound to its host, and the plain one counts for nothing', async () => {
    const host = { host: 'dockreg.example.com' };
    const { headers } = await app.call('POST', '/v1/session', host, SIGN_IN);
    expect(headers['set-cookie']![0]).toMatch(
      /^__Host-dockreg_session=.*; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    const cookie = headers['set-cookie']![0]!.split(';')[0]!;
    expect(await app.call('GET', '/v1/session', { ...host, cookie })).toMatchObject({ status: 200 });
    faultsOf(
      await app.call('GET', '/v1/session', { ...host, cookie: cookie.slice(7) }),
      401,
      'not-authenticated',
    );
  });

  it.each([
    ['of an earlier password', { credential: '1' }],
    ['of an earlier release', { credential: 'abc' }],
    ['of another user', { userId: 'usr_BBBBBBBBBBBBBBBB' }],
    ['older than seven days', { openedAt: Date.now() - 7 * 24 * 3_600_000 }],
  ])('a session %s is over', async (_, change) => {
    const session = await signedIn();
    const [key] = await redis.keys('test-log:session:*');
    expect(await redis.pttl(key!)).toBeGreaterThan(11.9 * 3_600_000);
    const stored = JSON.parse((await redis.get(key!))!) as object;
    expect(await app.call('GET', '/v1/session', session)).toMatchObject({ status: 200 });
    await redis.set(key!, JSON.stringify({ ...stored, ...change }));
    faultsOf(await app.call('GET', '/v1/session', session), 401, 'not-authenticated');
  });

  it('every cause of a failed sign-in has the same answer', async () => {
    const causes = [
      { ...SIGN_IN, password: 'wrong' },
      { ...SIGN_IN, email: 'nobody@localhost' },
      { email: 'not an address', password: 'wrong' },
    ];
    const answers = await Promise.all(causes.map((body) => app.call('POST', '/v1/session', {}, body)));
    for (const answer of answers) faultsOf(answer, 401, 'sign-in-failed');
    expect(new Set(answers.map(({ body }) => JSON.stringify({ ...body, requestId: '' }))).size).toBe(1);
    expect(answers.every(({ headers }) => headers['set-cookie'] === undefined)).toBe(true);
    faultsOf(
      await app.call('POST', '/v1/session', {}, { email: 'a@b', password: ['x'] }),
      400,
      'invalid-request',
    );
  });

  it('ten failures close the door for a while, to that address and e-mail only; success alone is never throttled', async () => {
    for (let round = 0; round < 12; round++)
      expect(await app.call('POST', '/v1/session', {}, SIGN_IN)).toMatchObject({ status: 200 });
    const full = await app.call('POST', '/v1/session', {}, SIGN_IN);
    expect(full.headers).toMatchObject({ 'ratelimit-policy': POLICY, ratelimit: '"sign-in";r=10' });
    const wrong = { ...SIGN_IN, password: 'wrong' };
    const first = await app.call('POST', '/v1/session', {}, wrong);
    expect(first.headers).toMatchObject({
      'ratelimit-policy': POLICY,
      ratelimit: expect.stringMatching(/^"sign-in";r=9;t=(300|299)$/),
    });
    const statuses = await Promise.all(
      Array.from({ length: 20 }, () => app.call('POST', '/v1/session', {}, wrong)),
    );
    expect(statuses.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(11);
    const closed = await app.call('POST', '/v1/session', {}, SIGN_IN);
    faultsOf(closed, 429, 'too-many-requests');
    expect(Number(closed.headers['retry-after'])).toBeGreaterThan(290);
    expect(closed.headers).toMatchObject({
      'ratelimit-policy': POLICY,
      ratelimit: expect.stringMatching(/^"sign-in";r=0;t=(29\d|300)$/),
    });
    faultsOf(
      await app.call('POST', '/v1/session', {}, { ...wrong, email: 'other@localhost' }),
      401,
      'sign-in-failed',
    );
  });

  it('the access token of the administrator opens the API, and nothing else does', async () => {
    const answer = await app.call('GET', '/v1/session', { authorization: `bearer ${TOKEN}` });
    expect(answer).toMatchObject({
      status: 200,
      body: { via: 'access-token', user: { email: 'admin@localhost' } },
    });
    const wrong = formatKey('drm_AAAAAAAAAAAAAAAA', 'd'.repeat(43));
    const headers = [
      `Bearer ${wrong}`,
      `Bearer ${formatKey('drm_BBBBBBBBBBBBBBBB', 'b'.repeat(43))}`,
      `Bearer ${KEY}`,
      `Bearer ${TOKEN}x`,
      `Basic ${btoa(`${TOKEN}:${TOKEN}`)}`,
      'Bearer',
      '',
    ];
    for (const authorization of headers) {
      const refused = await app.call('GET', '/v1/session', { authorization, ...(await signedIn()) });
      faultsOf(refused, 401, 'not-authenticated');
      expect(refused.headers['www-authenticate']).toMatch(/^Bearer /);
    }
    const anonymous = await app.call('POST', '/v1/things');
    faultsOf(anonymous, 401, 'not-authenticated');
    expect(anonymous.headers['www-authenticate']).toBe('Bearer realm="dockreg"');
  });

  it('a write with a cookie must come from the same origin', async () => {
    const session = await signedIn();
    const write = (headers: Record<string, string>) =>
      app.call('POST', '/v1/things', { ...session, ...headers });
    for (const from of [
      {},
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
    ]) {
      faultsOf(await write(from), 403, 'cross-site-request');
    }
    faultsOf(await write({ ...origin(), 'sec-fetch-site': 'same-site' }), 403, 'cross-site-request');
    faultsOf(await app.call('DELETE', '/v1/session', session), 403, 'cross-site-request');
    faultsOf(
      await app.call('POST', '/v1/session', { origin: 'https://evil.example' }, SIGN_IN),
      403,
      'cross-site-request',
    );
    expect(written).toEqual([]);
    expect(await write(origin())).toMatchObject({ status: 201 });
    expect(await write({ 'sec-fetch-site': 'same-origin' })).toMatchObject({ status: 201 });
    expect(written).toHaveLength(2);
  });

  it('without Redis, tokens work, and cookies are told within two seconds to come back; then it heals', async () => {
    const session = await signedIn();
    await app.stopRedis();
    expect(await app.call('GET', '/v1/session', BEARER)).toMatchObject({ status: 200 });
    const started = performance.now();
    const answers = [
      await app.call('GET', '/v1/session', session),
      await app.call('POST', '/v1/session', {}, SIGN_IN),
    ];
    expect(performance.now() - started).toBeLessThan(4_000);
    for (const answer of answers) {
      faultsOf(answer, 503, 'unavailable');
      expect(answer.headers['retry-after']).toBe('2');
    }
    const back = new Promise((ready) => redis.once('ready', ready));
    await app.startRedis();
    await back;
    faultsOf(await app.call('GET', '/v1/session', session), 401, 'not-authenticated');
    expect(await app.call('GET', '/v1/session', await signedIn())).toMatchObject({ status: 200 });
  });

  it('no password, token or key ever reached the log', () => {
    expect(app.allLogged.length).toBeGreaterThan(0);
    for (const secret of [PASSWORD, TOKEN, KEY, 'admin@localhost'])
      expect(app.allLogged).not.toContain(secret);
  });
});
