import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebhookServer } from '../support/rotation-targets/webhook-server.js';
import { bodyOf } from './api.js';
import { Installation, type ServerProcess } from './server-process.js';

const KEYS = '/v1/registries/myapp/keys';
interface Schedule {
  readonly dueAt: string;
  readonly suspended: boolean;
}

/** The target: no rotation falls due here. */
const webhook = new WebhookServer();
const installation = new Installation({ REGISTRY_UPSTREAM: 'none', ALLOW_PRIVATE_TARGETS: 'true' });
let server: ServerProcess;

beforeAll(async () => {
  await webhook.listen();
  server = await installation.start();
}, 60_000);
afterAll(async () => {
  await installation.remove();
  webhook.close();
}, 30_000);

const scheduled = async (): Promise<string> => {
  const { id } = await server.api.generateKey({ expiresIn: 'P90D' });
  const body = { every: 'P30D', target: { kind: 'webhook', url: `${webhook.url}/hook` } };
  bodyOf(await server.api.call(`${KEYS}/${id}/rotation`, { method: 'PUT', body }), 200);
  return id;
};
const change = async (id: string, expiresAt: string) =>
  bodyOf(await server.api.call(`${KEYS}/${id}`, { method: 'PATCH', body: { expiresAt } }), 200);
const scheduleOf = (id: string) => server.api.get<Schedule>(`${KEYS}/${id}/rotation`);
const inMs = (milliseconds: number) => new Date(Date.now() + milliseconds).toISOString();

describe('a schedule', () => {
  it('becomes due earlier with an earlier expiry of its key, which its history says', async () => {
    const id = await scheduled();
    const expiresAt = inMs(10 * 86_400_000);
    await change(id, expiresAt);
    const { dueAt } = await scheduleOf(id);
    expect(Date.parse(expiresAt) - Date.parse(dueAt)).toBe(86_400_000);
    const events = await server.api.events(id);
    expect(events.slice(-2)).toMatchObject([
      { type: 'KeyChanged', actor: { type: 'access-token' } },
      { type: 'KeyRotationScheduled', actor: { type: 'access-token' }, data: { dueAt } },
    ]);
  });

  it('is shown to stand still while its key is suspended', async () => {
    const id = await scheduled();
    expect((await scheduleOf(id)).suspended).toBe(false);
    await server.api.call(`${KEYS}/${id}/suspend`, { method: 'POST' });
    expect((await scheduleOf(id)).suspended).toBe(true);
    await server.api.call(`${KEYS}/${id}/resume`, { method: 'POST' });
    expect((await scheduleOf(id)).suspended).toBe(false);
  });
});
