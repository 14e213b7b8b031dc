import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf, type Api } from './api.js';
import { sightingsBelow } from './canary.js';
import { addMember, register, type Person } from './people.js';
import { Installation, randomSecret, type ServerProcess } from './server-process.js';

interface Shown {
  readonly status: string;
  readonly revocation: { readonly cause: string; readonly reason?: string | null } | null;
}

const KEYS = '/v1/registries/myapp/keys';
const installation = new Installation({ REGISTRY_UPSTREAM: 'none', LOG_LEVEL: 'debug' });
let server: ServerProcess;
let owner: Person;
let viewer: Person;
let developer: Person;
beforeAll(async () => {
  server = await installation.start();
  const member = async (role: string): Promise<Person> => {
    const person = await register(server.api, role);
    await addMember(server.api, 'myapp', person.userId, role);
    return person;
  };
  [owner, viewer, developer] = [await member('owner'), await member('viewer'), await member('developer')];
}, 60_000);
afterAll(() => installation.remove(), 20_000);

const revoke = (api: Api, id: string, body: unknown) => api.call(`${KEYS}/${id}/revoke`, { body });
const shown = (api: Api, id: string) => api.get<Shown>(`${KEYS}/${id}`);
const revokedBy = async (api: Api, reason: string): Promise<string> => {
  const { id } = await server.api.generateKey();
  bodyOf(await revoke(api, id, { reason }), 200);
  return id;
};
const reasonInHistory = async (api: Api, id: string): Promise<unknown> => {
  const { items } = await api.get<{ items: { type: string; data: Record<string, unknown> }[] }>(
    `${KEYS}/${id}/events`,
  );
  return items.find(({ type }) => type === 'KeyRevoked')!.data;
};

describe('the reason of a revocation', () => {
  it('is told to whoever may read the history of the key, and to nobody else', async () => {
    const reason = 'Anna left the team — 😀';
    const id = await revokedBy(owner.api, reason);
    const full = { cause: 'requested', reason };
    expect((await shown(server.api, id)).revocation).toEqual(full);
    expect((await shown(owner.api, id)).revocation).toEqual(full);
    expect(await reasonInHistory(owner.api, id)).toMatchObject(full);
    for (const { api } of [viewer, developer]) {
      expect((await shown(api, id)).revocation).toEqual({ cause: 'requested' });
      expect((await api.call(`${KEYS}/${id}/events`)).status).toBe(403);
    }
    const { text } = await owner.api.call(`${KEYS}?status=revoked&limit=200`);
    expect(text).toContain(id);
    expect(text).not.toContain('Anna');
  });

  it('is told to a developer about the own key', async () => {
    const { id } = await developer.api.generateKey();
    bodyOf(await revoke(developer.api, id, { reason: 'mine' }), 200);
    expect((await shown(developer.api, id)).revocation).toEqual({ cause: 'requested', reason: 'mine' });
  });

  it('is null when none was given, and stays the first one when a key is revoked again', async () => {
    const { id } = await server.api.generateKey();
    expect((await shown(server.api, id)).revocation).toBeNull();
    await server.api.revoke(id);
    const first = { cause: 'requested', reason: null };
    expect((await shown(server.api, id)).revocation).toEqual(first);
    bodyOf(await revoke(server.api, id, { reason: 'too late' }), 200);
    expect((await shown(server.api, id)).revocation).toEqual(first);
    expect(await reasonInHistory(server.api, id)).toMatchObject(first);
  });

  it('of many keys is that of each of them', async () => {
    const labels = { team: 'gone' };
    const keys = [await server.api.generateKey({ labels }), await server.api.generateKey({ labels })];
    const body = { filter: { label: 'team:gone' }, reason: 'team dissolved' };
    expect(bodyOf(await owner.api.call(`${KEYS}/revoke`, { body }), 200)).toMatchObject({ revoked: 2 });
    for (const { id } of keys) {
      expect((await shown(owner.api, id)).revocation).toMatchObject({ reason: 'team dissolved' });
    }
  });

  it.each([
    ['empty', ''],
    ['blank', '  '],
    ['of 501 characters', 'x'.repeat(501)],
    ['with a line end', 'one\ntwo'],
    ['with a NUL', 'a\u0000b'],
    ['that is no text', { why: 'so' }],
  ])('%s is refused, and the key goes on', async (_, reason) => {
    const { id, key } = await server.api.generateKey();
    expect((await revoke(server.api, id, { reason })).status).toBe(400);
    expect((await server.api.v2(key)).status).toBe(200);
  });

  it('may have 500 characters of any kind', async () => {
    const reason = '😀'.repeat(500);
    const id = await revokedBy(server.api, reason);
    expect((await shown(server.api, id)).revocation).toMatchObject({ reason });
  });

  it('is gone once its author is erased, for every reader, and stands in no file before that either', async () => {
    const reason = `because of ${randomSecret()}`;
    const author = await register(server.api, 'author');
    await addMember(server.api, 'myapp', author.userId, 'admin');
    const id = await revokedBy(author.api, reason);
    expect((await shown(server.api, id)).revocation).toMatchObject({ reason });
    const canaries = [{ name: 'reason', secret: reason }];
    const { sightings, files } = sightingsBelow(installation.folder, canaries, []);
    expect(sightings).toEqual([]);
    expect(files).toEqual(expect.arrayContaining([join('data', 'read-models', 'server.sqlite')]));

    bodyOf(await server.api.call(`/v1/users/${author.userId}/erase`, { method: 'POST' }), 200);
    expect((await shown(server.api, id)).revocation).toEqual({ cause: 'requested', reason: null });
    expect(await reasonInHistory(server.api, id)).toMatchObject({ cause: 'requested', reason: null });
  });
});
