import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf, type GeneratedKey, type ListedKey } from './api.js';
import { exchange } from './http-exchange.js';
import { expectExpiryRecorded } from './expiry-recorded.js';
import { Installation, type ServerProcess } from './server-process.js';

const KEYS = '/v1/registries/myapp/keys';
/** More than one page of the longest size. */
const LISTED = 230;
/** The reconciler looks every 20 s. */
const RECORDED_LIMIT_MS = 40_000;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
let expired: GeneratedKey;
beforeAll(async () => {
  server = await installation.start();
}, 40_000);
afterAll(() => installation.remove(), 20_000);

describe('a key with an expiry', () => {
  it('is accepted until the millisecond of its expiry and refused from then on', async () => {
    expired = await server.api.generateKey({ expiresIn: 'PT2S' });
    const expiresAt = Date.parse(expired.expiresAt!);
    const seen = { before: 0, after: 0 };
    while (Date.now() < expiresAt + 200 || seen.after < 3) {
      const sentAt = Date.now();
      const { status, text } = await server.api.v2(expired.key);
      const answeredAt = Date.now();
      if (answeredAt < expiresAt) {
        expect({ beforeExpiry: expiresAt - answeredAt, status }).toMatchObject({ status: 200 });
        seen.before++;
      } else if (sentAt >= expiresAt) {
        expect({ afterExpiry: sentAt - expiresAt, status }).toMatchObject({ status: 401 });
        expect(text).toContain('expired');
        seen.after++;
      }
    }
    expect(Math.min(seen.before, seen.after)).toBeGreaterThanOrEqual(3);
    const shown = await server.api.get<ListedKey>(`${KEYS}/${expired.id}`);
    expect(shown.status).toBe('expired');
  }, 10_000);
});

describe('Idempotency-Key', () => {
  const generate = (key: string, body: object) =>
    server.api.call(KEYS, { body, headers: { 'idempotency-key': key } });
  const body = { name: 'idempotent', permission: 'read' };

  it('gives a repetition the first answer without the key, and refuses another body', async () => {
    const first = bodyOf<GeneratedKey>(await generate('first', body), 201);
    const again = bodyOf<object>(await generate('first', { permission: 'read', name: 'idempotent' }), 200);
    expect(again).toEqual({ ...first, key: null, code: 'key-already-shown' });
    const other = await generate('first', { ...body, name: 'other' });
    expect(bodyOf(other, 422)).toMatchObject({ code: 'idempotency-key-reused' });
    expect((await server.api.v2(first.key)).status).toBe(200);
  });

  it('covers the restrictions of the body', async () => {
    const restricted = { ...body, repositories: ['team/*'], networks: ['10.0.0.0/8'] };
    const first = bodyOf<GeneratedKey>(await generate('restricted', restricted), 201);
    const again = bodyOf<object>(await generate('restricted', restricted), 200);
    expect(again).toEqual({ ...first, key: null, code: 'key-already-shown' });
    expect(again).toMatchObject({ repositories: ['team/*'], networks: ['10.0.0.0/8'] });
    for (const other of [
      body,
      { ...restricted, networks: [] },
      { ...restricted, repositories: ['team/**'] },
    ]) {
      expect(bodyOf(await generate('restricted', other), 422)).toMatchObject({
        code: 'idempotency-key-reused',
      });
    }
  });

  it('makes ten equal calls at once one key, shown once', async () => {
    const sent = Array.from({ length: 10 }, () => generate('at-once', { ...body, name: 'at once' }));
    const answers = await Promise.all(sent);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(9);
    const bodies = answers.map(({ text }) => JSON.parse(text) as GeneratedKey);
    expect(new Set(bodies.map(({ id }) => id)).size).toBe(1);
    const listed = (await server.api.list()).filter(({ name }) => name === 'at once');
    expect(listed).toHaveLength(1);
    const shown = bodies.filter(({ key }) => key !== null);
    expect(shown).toHaveLength(1);
    expect((await server.api.v2(shown[0]!.key)).status).toBe(200);
  });
});

describe('the list of keys', () => {
  const path = '/v1/registries/listed/keys';
  const walk = (query: string) => server.api.all<ListedKey>(`${path}?${query}`);
  const made: GeneratedKey[] = [];

  beforeAll(async () => {
    await server.api.createRegistry('listed');
    for (let index = 0; index < LISTED; index++)
      made.push(await server.api.generateKey(shape(index), 'listed'));
    await server.api.revoke(made[0]!.id, 'listed');
  }, 40_000);

  const shape = (index: number) => ({
    name: index % 3 === 0 ? `Straße ${index % 10}` : `key ${index % 10}`,
    permission: index % 2 === 0 ? 'read' : 'read-write-delete',
    labels: { team: `t${index % 5}`, ...(index === 7 && { 'odd/na.me': `it's "7"` }) },
    ...(index % 23 === 5 && { expiresIn: 'P1D' }),
  });

  it.each(['', '&sort=createdAt', '&sort=name', '&sort=-name'])(
    'walked by its cursor names every key once, in order (%s)',
    async (sort) => {
      const walked = await walk(`limit=37${sort}`);
      expect(walked.map(({ id }) => id).sort()).toEqual(made.map(({ id }) => id).sort());
      const created = walked.map(({ createdAt }) => createdAt);
      if (sort === '') expect(created).toEqual([...created].sort().reverse());
      if (sort === '&sort=createdAt') expect(walked.map(({ id }) => id)).toEqual(made.map(({ id }) => id));
    },
  );

  it('goes on in its place while keys are added', async () => {
    const { items, next } = await server.api.get<{ items: ListedKey[]; next: string }>(`${path}?limit=200`);
    const added = await server.api.generateKey({ name: 'added' }, 'listed');
    const rest = await server.api.get<{ items: ListedKey[]; next: null }>(`${path}?limit=200&after=${next}`);
    expect(rest.next).toBeNull();
    expect(items.length + rest.items.length).toBe(LISTED);
    expect((await walk('limit=200'))[0]!.id).toBe(added.id);
    made.push(added);
  });

  it.each<[string, (index: number, key: GeneratedKey) => boolean]>([
    ['q=STRASSE', () => false],
    ['q=STRA%C3%9FE', (_, { name }) => name.startsWith('Straße')],
    ['q=%25', () => false],
    ['q=KEY', (_, { name }) => name.startsWith('key')],
    ['permission=read', (index) => index < LISTED && index % 2 === 0],
    ['permission=read,read-write-delete', (index) => index < LISTED],
    ['label=team', (index) => index < LISTED],
    ['label=team:t3', (index) => index < LISTED && index % 5 === 3],
    ['label=odd/na.me:it%27s%20%227%22', (index) => index === 7],
    ['status=revoked', (index) => index === 0],
    ['status=active', (index) => index !== 0],
    ['status=active,revoked', () => true],
    ['status=expired', () => false],
    ['expiresBefore=9000-01-01T00:00:00Z', (index) => index < LISTED && index % 23 === 5],
    ['createdBy=usr_0000000000000000', () => false],
    [
      'q=key%203&permission=read&label=team:t3',
      (index, { name }) => name === 'key 3' && index % 2 === 0 && index % 5 === 3,
    ],
  ])('filters by ?%s', async (query, expected) => {
    const wanted = made.filter((key, index) => expected(index, key)).map(({ id }) => id);
    expect((await walk(`limit=50&${query}`)).map(({ id }) => id).sort()).toEqual(wanted.sort());
  });

  it('shows no secret, no hash, and the key of another registry as no key', async () => {
    const { text, headers } = await server.api.call(`${path}?limit=200`);
    expect(headers['cache-control']).toBe('no-store');
    expect(text).not.toMatch(/"key"|secret|[0-9a-f]{64}/i);
    expect((await server.api.call(`${KEYS}/${made[0]!.id}`)).status).toBe(404);
    expect((await server.api.call(`${KEYS}/${made[0]!.id}/events`)).status).toBe(404);
  });
});

describe('the history of a key', () => {
  it('names who did what, and holds neither the secret nor its hash', async () => {
    const { id, key } = await server.api.generateKey({ name: 'history' });
    await server.api.revoke(id);
    const events = await server.api.events(id);
    const actor = { type: 'access-token', id: installation.token.slice(0, 20) };
    expect(events).toMatchObject([
      { type: 'KeyGenerated', actor, data: { name: 'history' } },
      { type: 'KeyRevoked', actor },
      { type: 'KeyRevocationProven', actor, data: { members: [{ leaseEndedAt: null }] } },
    ]);
    const text = JSON.stringify(events);
    expect(text).not.toMatch(/secretHash|[0-9a-f]{64}/);
    expect(text).not.toContain(key.slice(21, 64));
    const page = await server.api.get<{ items: object[]; next: string }>(`${KEYS}/${id}/events?limit=1`);
    expect(page.items).toHaveLength(1);
    const rest = await server.api.get<object>(`${KEYS}/${id}/events?limit=1&after=${page.next}`);
    expect(rest).toMatchObject({ items: [{ type: 'KeyRevoked' }], next: expect.any(String) });
  });
});

describe('a session', () => {
  const origin = () => ({ origin: `http://127.0.0.1:${server.apiPort}` });

  it('opened with the password generates a key, and is over after signing out', async () => {
    const body = { email: 'admin@localhost', password: installation.password };
    const signedIn = await exchange(server.apiPort, { path: '/v1/session', body });
    const { user } = bodyOf<{ user: { id: string; email: string } }>(signedIn, 200);
    const [set] = signedIn.headers['set-cookie']!;
    expect(set).toMatch(/^dockreg_session=.*; HttpOnly; SameSite=Lax/i);
    const cookie = set!.split(';')[0]!;
    const generate = (headers: Record<string, string>) =>
      exchange(server.apiPort, { path: KEYS, headers, body: { name: 'session', permission: 'read' } });

    const key = bodyOf<GeneratedKey & { createdBy: string }>(await generate({ cookie, ...origin() }), 201);
    expect(key.createdBy).toBe(user.id);
    expect((await generate({ cookie })).status).toBe(403);
    expect((await generate({ cookie, origin: 'http://evil.example' })).status).toBe(403);
    const call = { path: '/v1/session', headers: { cookie, ...origin() } };
    expect(bodyOf(await exchange(server.apiPort, call), 200)).toMatchObject({
      user: { id: user.id, email: user.email },
      via: 'session',
    });
    expect((await exchange(server.apiPort, { ...call, method: 'DELETE' })).status).toBe(204);
    expect((await generate({ cookie, ...origin() })).status).toBe(401);
  });
});

describe('the sweep', () => {
  it('records once that a key has expired, at the moment of its expiry', async () => {
    await expectExpiryRecorded(server, expired, RECORDED_LIMIT_MS);
  }, 50_000);
});
