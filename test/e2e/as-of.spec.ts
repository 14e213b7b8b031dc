import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Api, bodyOf, type GeneratedKey, type ListedKey } from './api.js';
import { ROLES_WITH } from './declared-rights.js';
import { addMember, narrowed, register } from './people.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

interface Key extends ListedKey {
  readonly revokedAt: string | null;
  readonly revocation: { readonly cause: string; readonly reason?: string | null } | null;
  readonly expiresAt: string | null;
}

const KEYS = '/v1/registries/ours/keys';
const ROLES = ['owner', 'admin', 'developer', 'auditor', 'viewer'] as const;
/** The clock of this machine writes the facts, to the millisecond. */
const TICK_MS = 1;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
const tokens = new Map<string, string>();
let server: ServerProcess;
let own: GeneratedKey;
let other: GeneratedKey;
let generated: string;

beforeAll(async () => {
  server = await installation.start();
  await server.api.createRegistry('ours');
  await server.api.createRegistry('theirs');
  for (const role of ROLES) {
    const person = await register(server.api, role);
    await addMember(server.api, 'ours', person.userId, role);
    tokens.set(role, person.token);
  }
  tokens.set('nobody', (await register(server.api, 'nobody')).token);
  own = await apiOf('developer').generateKey({ name: 'own' }, 'ours');
  other = await apiOf('admin').generateKey({ name: 'other' }, 'ours');
  generated = await moment();
}, 60_000);
afterAll(() => installation.remove(), 20_000);

const apiOf = (name: string): Api => new Api(server.apiPort, tokens.get(name)!, 0);
/** A moment after everything that was answered and before everything that is asked for from now on. */
async function moment(): Promise<string> {
  const now = Date.now();
  await eventually('the next millisecond', 1_000, () => Date.now() > now + TICK_MS);
  return new Date(now + TICK_MS).toISOString();
}
const send = async (id: string, method: string, path = '', body?: unknown): Promise<void> =>
  void bodyOf(
    await server.api.call(`${KEYS}/${id}${path}`, { method, ...(body !== undefined && { body }) }),
    200,
  );
const listed = (at: string, query = ''): Promise<Key[]> =>
  server.api.all(`${KEYS}?asOf=${at}&sort=createdAt&limit=2${query}`);
const shown = (id: string, at: string): Promise<Key> => server.api.get(`${KEYS}/${id}?asOf=${at}`);
const refusal = async (api: Api, path: string): Promise<string> => {
  const { status, text } = await api.call(path);
  return `${status} ${(JSON.parse(text) as { code: string }).code}`;
};

describe('keys as of a moment', () => {
  it('are shown and listed as they were then, whatever was done since', async () => {
    const before = await moment();
    const { id } = await server.api.generateKey({ name: 'first', expiresIn: 'PT1H' }, 'ours');
    const born = await moment();
    await send(id, 'PATCH', '', { name: 'second', permission: 'read', labels: { env: 'prod' } });
    const changed = await moment();
    await send(id, 'POST', '/suspend');
    const suspended = await moment();
    await send(id, 'POST', '/resume');
    const resumed = await moment();
    await send(id, 'POST', '/revoke');
    const revoked = await moment();
    const states = { born, changed, suspended, resumed, revoked };
    const seen: Record<string, object> = {};
    for (const [name, at] of Object.entries(states)) {
      const key = await shown(id, at);
      seen[name] = [key.name, key.permission, key.status, key.revokedAt !== null];
      // The reason of a revocation is opened for one key, not for a list.
      const { revocation, ...others } = key;
      const inList = { ...others, revocation: revocation && { cause: revocation.cause } };
      expect((await listed(at)).find((listedKey) => listedKey.id === id)).toEqual(inList);
    }
    expect(seen).toEqual({
      born: ['first', 'read-write', 'active', false],
      changed: ['second', 'read', 'active', false],
      suspended: ['second', 'read', 'suspended', false],
      resumed: ['second', 'read', 'active', false],
      revoked: ['second', 'read', 'revoked', true],
    });
    expect(await refusal(server.api, `${KEYS}/${id}?asOf=${before}`)).toBe('404 not-found');
    expect((await listed(before)).map((key) => key.id)).not.toContain(id);
    expect((await listed(changed, '&q=FIRST')).map((key) => key.id)).toEqual([]);
    expect((await listed(born, '&q=FIRST')).map((key) => key.id)).toEqual([id]);
    expect((await listed(born, '&label=env')).map((key) => key.id)).toEqual([]);
    expect((await listed(suspended, '&status=suspended')).map((key) => key.id)).toEqual([id]);
    expect((await listed(revoked, '&status=suspended')).map((key) => key.id)).toEqual([]);
    expect(await shown(id, revoked)).toEqual(await server.api.get(`${KEYS}/${id}`));
  });

  it('are expired from their expiry on, to the millisecond, recorded or not', async () => {
    const expiresAt = new Date(Date.now() + 1_500).toISOString();
    const { id } = await server.api.generateKey({ expiresAt }, 'ours');
    await eventually('its time is over', 5_000, () => Date.now() > Date.parse(expiresAt) + TICK_MS);
    const justBefore = new Date(Date.parse(expiresAt) - 1).toISOString();
    expect([(await shown(id, justBefore)).status, (await shown(id, expiresAt)).status]).toEqual([
      'active',
      'expired',
    ]);
    const ids = async (at: string, status: string) =>
      (await listed(at, `&status=${status}`)).map((key) => key.id);
    expect(await ids(justBefore, 'active')).toContain(id);
    expect(await ids(expiresAt, 'active')).not.toContain(id);
    expect(await ids(expiresAt, 'expired')).toEqual([id]);
  });

  it('are the same at any offset of time, and when the tables are built anew', async () => {
    const { id } = await server.api.generateKey({ name: 'kept' }, 'ours');
    const then = await moment();
    await send(id, 'POST', '/revoke');
    const before = [await listed(then), await shown(id, then)];
    const offset = new Date(Date.parse(then) + 3_600_000).toISOString().replace('Z', '%2B01:00');
    expect([await listed(offset), await shown(id, offset)]).toEqual(before);
    await server.stop();
    const folder = join(installation.dataDir, 'read-models');
    for (const file of readdirSync(folder)) rmSync(join(folder, file));
    server = await installation.start();
    const port = /:\d+$/;
    const withoutPort = (key: object) => ({
      ...key,
      dockerLogin: (key as { dockerLogin: string }).dockerLogin.replace(port, ''),
    });
    const [list, one] = before as [Key[], Key];
    expect((await listed(then)).map(withoutPort)).toEqual(list.map(withoutPort));
    expect(withoutPort(await shown(id, then))).toEqual(withoutPort(one));
  }, 40_000);

  it('have cursors of their own', async () => {
    const [then, now] = [generated, await moment()];
    const page = (path: string) => server.api.get<{ items: Key[]; next: string }>(path);
    const { next } = await page(`${KEYS}?asOf=${then}&limit=1`);
    expect(await page(`${KEYS}?asOf=${then}&limit=1&after=${next}`)).toMatchObject({
      items: [{ name: 'own' }],
    });
    for (const query of [`asOf=${now}&`, '', `asOf=${then}&sort=name&`])
      expect(await refusal(server.api, `${KEYS}?${query}limit=1&after=${next}`)).toBe(
        '400 invalid-parameter',
      );
  });

  it('are not known of a moment that has not come, and of nothing that is no moment', async () => {
    const future = new Date(Date.now() + 60_000).toISOString();
    for (const path of [KEYS, `${KEYS}/${own.id}`]) {
      expect(await refusal(server.api, `${path}?asOf=${future}`)).toBe('422 as-of-in-future');
      for (const text of ['now', '2026-13-01T00:00:00Z', '2026-01-01', '2026-01-01T00:00:00', ''])
        expect(await refusal(server.api, `${path}?asOf=${text}`)).toBe('400 invalid-parameter');
    }
    expect(await listed('0000-01-01T00:00:00Z')).toEqual([]);
  });
});

describe('looking back', () => {
  const right = (name: string): 'all' | 'own' | 'none' => {
    if (ROLES_WITH['audit']!.includes(name)) return 'all';
    return ROLES_WITH['audit-own']!.includes(name) ? 'own' : 'none';
  };

  it.each(ROLES)('a member with the role %s sees what its history shows', async (role) => {
    const api = apiOf(role);
    const at = `asOf=${generated}`;
    const list = async (query = '') => {
      const { status, text } = await api.call(`${KEYS}?${at}${query}`);
      return status === 200 ? (JSON.parse(text) as { items: Key[] }).items.map(({ name }) => name) : status;
    };
    const one = async ({ id }: GeneratedKey) => (await api.call(`${KEYS}/${id}?${at}`)).status;
    const { createdBy } = await server.api.get<{ createdBy: string }>(`${KEYS}/${other.id}`);
    const found = [await list(), await list(`&createdBy=${createdBy}`), await one(own), await one(other)];
    const expected = {
      all: [['other', 'own'], ['other'], 200, 200],
      own: [['own'], [], 200, 403],
      none: [403, 403, 403, 403],
    };
    expect(found).toEqual(expected[right(role)]);
  });

  it('is not for those who do not see the registry, and no key of another one is found', async () => {
    const at = `asOf=${generated}`;
    for (const registry of ['ours', 'missing'])
      expect(await refusal(apiOf('nobody'), `/v1/registries/${registry}/keys?${at}`)).toBe('404 not-found');
    expect(await refusal(server.api, `/v1/registries/theirs/keys/${own.id}?${at}`)).toBe('404 not-found');
    expect(await refusal(apiOf('auditor'), `${KEYS}/drk_0000000000000000?${at}`)).toBe('404 not-found');
    const asViewer = new Api(server.apiPort, await narrowed(server.api, { role: 'viewer' }), 0);
    expect(await refusal(asViewer, `${KEYS}?${at}`)).toBe('403 not-permitted');
  });
});
