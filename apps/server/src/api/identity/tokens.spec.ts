import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Param } from '@nestjs/common';
import { formatKey } from '#libs/kernel';
import { registries, createRegistry } from '#libs/registries';
import { CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { faultsOf, type Answer } from '../http/edge-app.js';
import { IdentityApp } from './testing/identity-app.js';

const TOKEN = formatKey('drm_AAAAAAAAAAAAAAAA', 'b'.repeat(43));
const REGISTRY = 'reg_2Xb7Qm4TzR0aKd9P';

@Controller('v1/registries/:registry/things')
class Things {
  @Get() @Requires('see') see(@Param('registry') registry: string, @CurrentCaller() { rights }: Caller) {
    return { rights: [...rights(registry)] };
  }
  @Get('audit') @Requires('audit') audit() {
    return {};
  }
  @Get('undeclared') undeclared() {
    return {};
  }
}

interface Issued {
  readonly id: string;
  readonly token: string;
  readonly expiresAt: string | null;
}

let app: IdentityApp;

beforeAll(async () => {
  app = await IdentityApp.start({ BOOTSTRAP_ADMIN_TOKEN: TOKEN }, { controllers: [Things] });
  const at = '2026-01-01T00:00:00.000Z';
  const data = { at, slug: 'team', name: 'Team', plan: 'free', createdBy: 'usr_a' } as const;
  const context = {
    commandId: crypto.randomUUID(),
    actor: { type: 'system', id: 'test' } as const,
    correlationId: 'test',
  };
  await app.eventLog.create(registries, REGISTRY, createRegistry(data, []), context);
  await app.settle();
});
afterAll(() => app?.close());

const as = (token: string) => ({ authorization: `Bearer ${token}` });
const post = (body: object, token = TOKEN): Promise<Answer> =>
  app.call('POST', '/v1/access-tokens', as(token), body);
async function issue(body: object, token = TOKEN): Promise<Issued> {
  const { status, text } = await post({ name: 'CI', ...body }, token);
  expect({ status, text }).toMatchObject({ status: 201 });
  return JSON.parse(text) as Issued;
}
const list = async (token = TOKEN, query = ''): Promise<{ items: Issued[]; next: string | null }> =>
  JSON.parse((await app.call('GET', `/v1/access-tokens${query}`, as(token))).text) as never;
const end = (id: string, token = TOKEN) => app.call('DELETE', `/v1/access-tokens/${id}`, as(token));

describe('an access token', () => {
  it('is shown once, opens the API at once, and is over when its end is answered', async () => {
    const { id, token } = await issue({ expiresIn: 'P90D' });
    expect(token).toMatch(/^drm_/);
    expect((await app.call('GET', '/v1/session', as(token))).status).toBe(200);
    const listed = (await list()).items.find((one) => one.id === id);
    expect(listed).toMatchObject({ name: 'CI', role: null, registry: null });
    expect(JSON.stringify(listed)).not.toContain(token.slice(21, 64));
    const answer = await end(id);
    expect(answer.status).toBe(204);
    expect(app.waitedFor.at(-1)?.toString()).toBe(answer.headers['dockreg-position']);
    faultsOf(await app.call('GET', '/v1/session', as(token)), 401, 'not-authenticated');
    expect((await end(id)).status).toBe(204);
    expect((await list()).items.map((one) => one.id)).not.toContain(id);
  });

  it('of nobody, or of another shape, is not found', async () => {
    faultsOf(await end('drm_BBBBBBBBBBBBBBBB'), 404, 'not-found');
    faultsOf(await end('x'), 404, 'not-found');
  });

  it('is one of a hundred at most', async () => {
    const made: Issued[] = [];
    while (made.length < 99) made.push(await issue({}));
    faultsOf(await post({ name: 'one more' }), 409, 'too-many-tokens');
    const first = await list(TOKEN, '?limit=60');
    const second = await list(TOKEN, `?limit=60&after=${first.next}`);
    expect([first.items.length, second.items.length, second.next]).toEqual([60, 40, null]);
    for (const { id } of made) await end(id);
  }, 60_000);

  it.each([
    [{ name: '' }, 400],
    [{ name: 'x', role: 'root' }, 400],
    [{ name: 'x', expiresIn: 'P1Y' }, 400],
    [{ name: 'x', expiresIn: 'P9999999D' }, 422],
    [{ name: 'x', registry: 'nobody' }, 422],
    [{ name: 'x', expiresAt: '2030-01-01T00:00:00Z' }, 400],
    [{ name: TOKEN }, 400],
  ])('is refused for %j', async (body, status) => expect((await post(body)).status).toBe(status));
});

describe('a narrowed access token', () => {
  const get = (path: string, token: string) => app.call('GET', `/v1/registries/${path}`, as(token));

  it('has the rights of its role in its registry, and none elsewhere', async () => {
    const { token } = await issue({ role: 'auditor', registry: 'team' });
    const seen = await get(`${REGISTRY}/things`, token);
    expect(JSON.parse(seen.text)).toEqual({ rights: ['see', 'audit-own', 'audit'] });
    expect((await get('team/things/audit', token)).status).toBe(200);
    faultsOf(await get('team/things/undeclared', token), 403, 'not-permitted');
    faultsOf(await get('other/things', token), 404, 'not-found');
    faultsOf(await app.call('GET', '/v1/users', as(token)), 403, 'not-permitted');
    const who = await app.call('GET', '/v1/session', as(token));
    expect(JSON.parse(who.text)).toMatchObject({
      via: 'access-token',
      token: { role: 'auditor', registry: REGISTRY },
    });
    const viewer = await issue({ role: 'viewer' });
    faultsOf(await get('team/things/audit', viewer.token), 403, 'not-permitted');
    faultsOf(await get('team/things/undeclared', viewer.token), 403, 'not-permitted');
    expect((await get('team/things/undeclared', TOKEN)).status).toBe(200);
  });

  it('makes none that may do more, sees more, or lives longer', async () => {
    const { token } = await issue({ role: 'admin', registry: REGISTRY, expiresIn: 'P1D' });
    const own = { role: 'developer', registry: 'team', expiresIn: 'PT1H' };
    expect((await post({ name: 'x', ...own }, token)).status).toBe(201);
    for (const wider of [{ role: 'owner' }, { role: null }, { registry: null }, { expiresIn: 'P2D' }, { expiresIn: null }])
      faultsOf(await post({ name: 'x', ...own, ...wider }, token), 403, 'not-permitted'); // prettier-ignore
  });

  it('sees and ends itself alone, and no sessions', async () => {
    const other = await issue({});
    const { id, token } = await issue({ role: 'viewer' });
    expect((await list(token)).items.map((one) => one.id)).toEqual([id]);
    faultsOf(await end(other.id, token), 404, 'not-found');
    for (const [method, path] of [['GET', '/v1/sessions'], ['DELETE', '/v1/sessions'], ['DELETE', '/v1/sessions/x']] as const)
      faultsOf(await app.call(method, path, as(token)), 403, 'not-permitted'); // prettier-ignore
    expect((await end(id, token)).status).toBe(204);
    faultsOf(await app.call('GET', '/v1/session', as(token)), 401, 'not-authenticated');
  });
});
