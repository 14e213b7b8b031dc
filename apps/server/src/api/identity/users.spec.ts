import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { users } from '#libs/identity';
import { formatKey } from '#libs/kernel';
import { emails } from '#libs/registries';
import { faultsOf, type Answer } from '../http/edge-app.js';
import { completeErasures } from './complete-erasures.js';
import { ReserveEmail } from './reserve-email.js';
import { IdentityApp } from './testing/identity-app.js';

const TOKEN = formatKey('drm_AAAAAAAAAAAAAAAA', 'b'.repeat(43));
const ADMIN = { authorization: `Bearer ${TOKEN}` };
const PASSWORD = 'correct horse battery';

interface Created {
  readonly id: string;
  readonly status: string;
  readonly invitation: { secret: string; link: string; expiresAt: string } | null;
}

let app: IdentityApp;
let admin: string;

beforeAll(async () => {
  app = await IdentityApp.start({ BOOTSTRAP_ADMIN_TOKEN: TOKEN });
  admin = app.feed.model.usersAfter(undefined, 1)[0]!.id;
});
afterAll(() => app?.close());

const call = (method: string, path: string, body?: unknown): Promise<Answer> =>
  app.call(method, `/v1/users${path}`, ADMIN, body);
async function create(email: string, more: object = {}): Promise<Created> {
  const answer = await call('POST', '', { email, name: 'Anna', ...more });
  expect(answer).toMatchObject({ status: 201 });
  return JSON.parse(answer.text) as Created;
}
const accept = (invitation: string, password = PASSWORD): Promise<Answer> =>
  app.call('POST', '/v1/invitations/accept', {}, { invitation, password });
const signsIn = async (email: string): Promise<number> =>
  (await app.call('POST', '/v1/session', {}, { email, password: PASSWORD })).status;

describe('a user', () => {
  it('with a password signs in at once, in any spelling of the address, and is not an administrator', async () => {
    const created = await create('Anna@Example.com', { password: PASSWORD });
    expect(created).toMatchObject({ email: 'Anna@Example.com', status: 'active', administrator: false });
    expect(created.invitation).toBeNull();
    const session = await app.signIn('anna@example.COM', PASSWORD);
    const who = await app.call('GET', '/v1/session', session);
    expect(JSON.parse(who.text)).toMatchObject({ user: { id: created.id, name: 'Anna' }, roles: [] });
    for (const path of ['/v1/users', `/v1/users/${created.id}`])
      faultsOf(await app.call('GET', path, session), 403, 'not-permitted');
    const body = { email: 'x@example.com', name: 'x' };
    faultsOf(await app.call('POST', '/v1/users', session, body), 403, 'not-permitted');
  });

  it('is invited without one: the secret sets the first password, once', async () => {
    const { id, status, invitation } = await create('ben@example.com');
    expect(status).toBe('invited');
    expect(invitation).toMatchObject({ link: `/invitation#${invitation!.secret}` });
    expect(Date.parse(invitation!.expiresAt) - Date.now()).toBeGreaterThan(167 * 3_600_000);
    expect(await signsIn('ben@example.com')).toBe(401);
    faultsOf(await accept(invitation!.secret, 'short'), 422, 'invalid-value');
    expect((await accept(invitation!.secret)).status).toBe(204);
    expect(await signsIn('ben@example.com')).toBe(200);
    faultsOf(await accept(invitation!.secret), 422, 'invitation-void');
    faultsOf(await call('POST', `/${id}/invite`), 409, 'conflict');
  });

  it('who is invited again has one invitation that holds', async () => {
    const { id, invitation } = await create('cleo@example.com');
    const again = await call('POST', `/${id}/invite`);
    expect(again.status).toBe(200);
    const { secret } = JSON.parse(again.text) as { secret: string };
    faultsOf(await accept(invitation!.secret), 422, 'invitation-void');
    faultsOf(await accept('inv_x'), 422, 'invitation-void');
    faultsOf(await accept(`inv_${'A'.repeat(16)}_${'b'.repeat(43)}`), 422, 'invitation-void');
    expect((await accept(secret)).status).toBe(204);
  });

  it.each([
    [{ email: 'anna@example.com', name: 'x' }, 409, 'email-taken'],
    [{ email: ' anna@example.com', name: 'x' }, 400, 'invalid-request'],
    [{ email: 'nobody', name: 'x' }, 400, 'invalid-request'],
    [{ email: 'x@example.com', name: '' }, 400, 'invalid-request'],
    [{ email: 'x@example.com', name: 'x', password: 'short' }, 422, 'invalid-value'],
    [
      { email: 'long-enough@example.com', name: 'x', password: 'Long-enough@example.com' },
      422,
      'invalid-value',
    ],
    [{ email: 'x@example.com', name: 'x', administrator: true }, 400, 'unknown-field'],
  ])('is refused: %j', async (body, status, code) => {
    faultsOf(await call('POST', '', body), status, code);
  });

  it('are listed page by page, and shown one by one', async () => {
    const first = await call('GET', '?limit=2');
    const page = JSON.parse(first.text) as { items: Created[]; next: string };
    expect(page.items).toMatchObject([
      { id: admin, email: 'admin@localhost', name: 'Administrator', administrator: true },
      { email: 'Anna@Example.com' },
    ]);
    expect(JSON.stringify(page)).not.toMatch(/argon2|password|emailIndex|ciphertext/);
    const next = JSON.parse((await call('GET', `?limit=200&after=${page.next}`)).text) as {
      items: Created[];
    };
    expect(next.items).toMatchObject([{ email: 'ben@example.com' }, { email: 'cleo@example.com' }]);
    expect(JSON.parse((await call('GET', `/${admin}`)).text)).toEqual(page.items[0]);
    for (const id of ['usr_AAAAAAAAAAAAAAAA', 'x', '..%2f'])
      faultsOf(await call('GET', `/${id}`), 404, 'not-found');
  });

  it('whose registration died half way leaves an address that is free a minute later', async () => {
    const index = await app.users.indexOf('half@example.com', context());
    await new ReserveEmail(app.eventLog).take(index, 'usr_HHHHHHHHHHHHHHHH', context());
    faultsOf(await call('POST', '', { email: 'half@example.com', name: 'x' }), 409, 'email-taken');
    const later = await app.users.indexOf('later@example.com', context());
    const at = new Date(Date.now() - 61_000).toISOString();
    const reserved = { type: 'Reserved', data: { at, by: 'usr_HHHHHHHHHHHHHHHH' } } as const;
    await app.eventLog.create(emails, later, () => [reserved], context());
    await create('later@example.com');
  });
});

describe('disabling a user', () => {
  it('ends sessions and tokens when it is answered; enabling lets the user sign in again', async () => {
    const { id } = await create('dora@example.com', { password: PASSWORD });
    const session = await app.signIn('dora@example.com', PASSWORD);
    const { token } = JSON.parse(
      (await app.call('POST', '/v1/access-tokens', session, { name: 'CI' })).text,
    ) as { token: string };
    const answer = await call('POST', `/${id}/disable`);
    expect(JSON.parse(answer.text)).toMatchObject({ id, status: 'disabled' });
    expect(app.waitedFor.at(-1)?.toString()).toBe(answer.headers['dockreg-position']);
    for (const headers of [session, { authorization: `Bearer ${token}` }])
      faultsOf(await app.call('GET', '/v1/session', headers), 401, 'not-authenticated');
    expect(await signsIn('dora@example.com')).toBe(401);
    faultsOf(await call('PUT', `/${id}/administrator`, { administrator: true }), 409, 'conflict');
    expect((await call('POST', `/${id}/disable`)).status).toBe(200);
    expect(JSON.parse((await call('POST', `/${id}/enable`)).text)).toMatchObject({ status: 'active' });
    expect(await signsIn('dora@example.com')).toBe(200);
    faultsOf(await call('POST', '/usr_AAAAAAAAAAAAAAAA/disable'), 404, 'not-found');
  });
});

describe('the last administrator', () => {
  it.each([
    ['PUT', 'administrator', { administrator: false }],
    ['POST', 'disable', undefined],
    ['POST', 'erase', undefined],
  ])('stays: %s %s', async (method, action, body) => {
    faultsOf(await call(method, `/${admin}/${action}`, body), 409, 'last-administrator');
    expect((await call('GET', `/${admin}`)).status).toBe(200);
  });

  it('is not the last once another one is named; whoever is disabled is none any more', async () => {
    const { id } = await create('eva@example.com', { password: PASSWORD });
    const name = (administrator: unknown) => call('PUT', `/${id}/administrator`, { administrator });
    faultsOf(await name('yes'), 400, 'invalid-request');
    expect(JSON.parse((await name(true)).text)).toMatchObject({ id, administrator: true });
    const session = await app.signIn('eva@example.com', PASSWORD);
    expect((await app.call('GET', '/v1/users', session)).status).toBe(200);
    expect((await name(false)).status).toBe(200);
    faultsOf(await app.call('GET', '/v1/users', session), 403, 'not-permitted');
    await name(true);
    expect(JSON.parse((await call('POST', `/${id}/disable`)).text)).toMatchObject({ administrator: false });
    faultsOf(await call('POST', `/${admin}/disable`), 409, 'last-administrator');
  });
});

describe('erasing a user', () => {
  it('leaves nothing that can be read, frees the address, and can be asked for again', async () => {
    const { id } = await create('fred@example.com', { password: PASSWORD });
    const session = await app.signIn('fred@example.com', PASSWORD);
    const answer = await call('POST', `/${id}/erase`);
    expect(JSON.parse(answer.text)).toEqual({ id, status: 'erased' });
    faultsOf(await app.call('GET', '/v1/session', session), 401, 'not-authenticated');
    expect(await app.redis.keys(`*${id}*`)).toEqual([`test-log:signed-in:${id}`]);
    faultsOf(await call('GET', `/${id}`), 404, 'not-found');
    const { state } = await app.eventLog.read(users, id);
    if (state.status !== 'erased') throw new Error('it is not erased');
    expect(await app.users.open(state.registered.email)).toBeUndefined();
    expect((await call('POST', `/${id}/erase`)).status).toBe(200);
    const again = await create('fred@example.com', { password: PASSWORD });
    expect(again.id).not.toBe(id);
    expect(await signsIn('fred@example.com')).toBe(200);
  });

  it('is completed by the next start when it died half way', async () => {
    const { id } = await create('gina@example.com', { password: PASSWORD });
    const erased = { type: 'UserErased', data: { at: new Date().toISOString() } } as const;
    await app.eventLog.transact(users, id, () => [erased], context());
    await app.settle();
    const complete = () => completeErasures(app.feed.model, app.subjectKeys, app.eventLog);
    expect([await complete(), await complete()]).toEqual([1, 0]);
  });
});

it('no password, invitation, name or address ever reached the log of the program', () => {
  for (const text of [PASSWORD, 'example.com', 'inv_', 'Anna']) expect(app.allLogged).not.toContain(text);
});

function context() {
  const actor = { type: 'system', id: 'test' } as const;
  return { commandId: crypto.randomUUID(), actor, correlationId: 'test' };
}
