import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf } from './api.js';
import { exchange } from './http-exchange.js';
import { Installation, type ServerProcess } from './server-process.js';

const PASSWORD = 'correct horse battery';
const BEN = { email: 'ben@example.com', name: 'Ben' };

interface Session {
  readonly id: string;
  readonly current: boolean;
}

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
beforeAll(async () => {
  server = await installation.start();
}, 40_000);
afterAll(() => installation.remove(), 20_000);

const ask = (path: string, options: { method?: string; body?: unknown; headers?: Record<string, string> }) =>
  exchange(server.apiPort, { path, ...options });

/** The headers of a browser that has signed in. */
async function signIn(email: string, password: string): Promise<Record<string, string>> {
  const answer = await ask('/v1/session', { body: { email, password } });
  bodyOf(answer, 200);
  const cookie = answer.headers['set-cookie']![0]!.split(';')[0]!;
  return { cookie, origin: `http://127.0.0.1:${server.apiPort}` };
}

describe('whoever is signed in twice', () => {
  it('sees both sessions, and ends one or all others', async () => {
    const here = await signIn('admin@localhost', installation.password);
    const there = await signIn('admin@localhost', installation.password);
    const sessions = async () =>
      bodyOf<{ items: Session[] }>(await ask('/v1/sessions', { headers: here }), 200).items;
    const other = (await sessions()).find(({ current }) => !current)!;
    const ended = await ask(`/v1/sessions/${other.id}`, { method: 'DELETE', headers: here });
    expect(ended.status).toBe(204);
    expect((await ask('/v1/session', { headers: there })).status).toBe(401);
    await signIn('admin@localhost', installation.password);
    expect((await ask('/v1/sessions', { method: 'DELETE', headers: here })).status).toBe(204);
    expect(await sessions()).toMatchObject([{ current: true }]);
  });
});

describe('an administrator', () => {
  it('invites anew whoever has no password yet: the earlier invitation no longer holds', async () => {
    type Invited = { id: string; invitation: { secret: string } };
    const created = bodyOf<Invited>(await server.api.call('/v1/users', { body: BEN }), 201);
    const again = await server.api.call(`/v1/users/${created.id}/invite`, { method: 'POST' });
    const { secret } = bodyOf<{ secret: string }>(again, 200);
    const accept = (invitation: string) =>
      ask('/v1/invitations/accept', { body: { invitation, password: PASSWORD } });
    expect((await accept(created.invitation.secret)).status).toBe(422);
    expect((await accept(secret)).status).toBe(204);
    await signIn(BEN.email, PASSWORD);
  });

  it('disables a user, enables the user again, and makes the user an administrator', async () => {
    const { items } = await server.api.get<{ items: { id: string; email: string }[] }>('/v1/users');
    const { id } = items.find(({ email }) => email === BEN.email)!;
    const act = (path: string, options = {}) =>
      server.api.call(`/v1/users/${id}${path}`, { method: 'POST', ...options });
    expect(bodyOf(await act('/disable'), 200)).toMatchObject({ status: 'disabled' });
    expect(bodyOf(await act('/enable'), 200)).toMatchObject({ status: 'active' });
    const named = await act('/administrator', { method: 'PUT', body: { administrator: true } });
    expect(bodyOf(named, 200)).toMatchObject({ administrator: true });
  });

  it('renames a registry, and sets its policy as a whole', async () => {
    const call = (path: string, method: string, body: object) =>
      server.api.call(`/v1/registries/myapp${path}`, { method, body });
    expect(bodyOf(await call('', 'PATCH', { name: 'Mine' }), 200)).toMatchObject({ name: 'Mine' });
    const policy = { serveReadsFor: 'PT1M' };
    expect(bodyOf(await call('/policy', 'PUT', policy), 200)).toMatchObject(policy);
    expect(await server.api.get('/v1/registries/myapp/policy')).toMatchObject(policy);
  });
});
