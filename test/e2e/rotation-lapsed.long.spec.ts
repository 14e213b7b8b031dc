import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebhookServer } from '../support/rotation-targets/webhook-server.js';
import { bodyOf } from './api.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

const KEYS = '/v1/registries/myapp/keys';
/** The expiry is recorded, then a round of the reconciler ends the schedule. */
const FOUND_WITHIN_MS = 75_000;

/** Target and channel: it refuses all, and keeps what it was asked. */
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
const inMs = (milliseconds: number) => new Date(Date.now() + milliseconds).toISOString();

describe('a schedule', () => {
  it('does not end unheard with a key that expires while it is suspended: a channel is told', async () => {
    const channel = {
      kind: 'webhook',
      name: 'On-call',
      url: `${webhook.url}/told`,
      events: ['key.rotation-failed'],
    };
    bodyOf(await server.api.call('/v1/registries/myapp/channels', { body: channel }), 201);
    const id = await scheduled();
    await server.api.call(`${KEYS}/${id}/suspend`, { method: 'POST' });
    await change(id, inMs(2_000));
    const { data } = await eventually('it lapses', FOUND_WITHIN_MS, async () =>
      (await server.api.events(id)).find(({ type }) => type === 'KeyRotationLapsed'),
    );
    expect(data).toMatchObject({ kind: 'webhook', error: null });
    const told = await eventually('the channel is told', 20_000, () =>
      webhook.asked.find(({ body }) => body.includes('key.rotation-lapsed')),
    );
    expect(JSON.parse(told.body)).toMatchObject({ type: 'key.rotation-lapsed', data: { key: { id } } });
    expect((await server.api.call(`${KEYS}/${id}/rotation`)).status).toBe(404);
  }, 120_000);
});
