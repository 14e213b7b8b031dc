import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf } from './api.js';
import { exchange, type Answer } from './http-exchange.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

interface UsageAnswer {
  readonly total: object;
  readonly series: readonly object[];
  readonly repositories: readonly object[];
  readonly networks: readonly object[];
  readonly clients: readonly object[];
}

const R = '/v1/registries/myapp';
const V2_EVENTS = 'application/vnd.docker.distribution.events.v2+json';

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;

beforeAll(async () => {
  server = await installation.start();
  await server.api.createRegistry('second');
}, 40_000);
afterAll(() => installation.remove(), 20_000);

describe('notifications of a registry', () => {
  const event = (actor: string, changes: object = {}) => ({
    id: randomUUID(),
    timestamp: new Date().toISOString(),
    action: 'push',
    target: {
      repository: 'myapp/team/told',
      digest: `sha256:${'0'.repeat(64)}`,
      size: 700,
      length: 700,
      tag: 'v1',
    },
    request: {
      addr: '192.0.2.7:45678',
      host: 'registry',
      method: 'PUT',
      useragent: 'docker/27.1.1 go/go1.21',
    },
    actor: { name: actor },
    source: { addr: 'registry:5000', instanceID: randomUUID() },
    ...changes,
  });
  const send = (secret: string, events: unknown, registry = 'myapp', type = V2_EVENTS): Promise<Answer> =>
    exchange(server.apiPort, {
      path: `/v1/registries/${registry}/notifications`,
      headers: { authorization: `Bearer ${secret}`, 'content-type': type },
      body: { events },
    });
  const issue = async (registry = 'myapp') => {
    const path = `/v1/registries/${registry}/notifications/secret`;
    return bodyOf<{ secret: string }>(await server.api.call(path, { method: 'POST' }), 200).secret;
  };

  it('count for the key that is their actor, once however often they are sent', async () => {
    const secret = await issue();
    const key = await server.api.generateKey();
    const foreign = await server.api.generateKey({}, 'second');
    const told = event(key.id);
    const head = event(key.id, { action: 'pull', request: { ...told.request, method: 'HEAD' } });
    const events = [told, told, head, event(foreign.id), event(''), { id: 1 }, null];
    expect((await send(secret, events)).status).toBe(204);
    expect((await send(secret, [told], 'myapp', 'application/json')).status).toBe(204);
    const usage = await eventually('the notification', 2_500, async () => {
      const answer = await server.api.get<UsageAnswer>(`${R}/keys/${key.id}/usage?interval=PT1M`);
      return answer.series.length > 0 && answer;
    });
    expect(usage.total).toMatchObject({ actions: { push: { accepted: 1 } }, bytesUp: 700, bytesDown: 0 });
    expect(usage.repositories).toMatchObject([{ name: 'team/told', pushes: 1 }]);
    expect(usage.networks).toMatchObject([{ network: '192.0.2.0/24' }]);
    expect(usage.clients).toMatchObject([{ client: 'docker', count: 1 }]);
    expect((await server.api.get<{ lastUsed: object }>(`${R}/keys/${key.id}`)).lastUsed).toMatchObject({
      network: '192.0.2.0/24',
      repository: 'team/told',
    });
    const ofRegistry = await server.api.get<UsageAnswer>(`${R}/usage?interval=PT1M`);
    expect(ofRegistry.total).toMatchObject({ actions: { push: { accepted: 1 } }, bytesUp: 700 });
    const others = await server.api.get<UsageAnswer>('/v1/registries/second/usage');
    expect(others.series).toEqual([]);
  });

  it('are refused alike with a wrong secret, at a registry without one and at one that is not there', async () => {
    const secret = await issue();
    const answers = [
      await send(`${secret}x`, []),
      await send(secret, [], 'second'),
      await send(secret, [], 'nobody'),
      await exchange(server.apiPort, { path: `${R}/notifications`, body: { events: [] } }),
    ];
    const texts = answers.map(({ status, text }) => {
      const { requestId: _, ...problem } = JSON.parse(text) as Record<string, unknown>;
      return { status, problem };
    });
    expect(texts).toEqual(texts.map(() => texts[0]));
    expect(texts[0]).toMatchObject({ status: 401, problem: { code: 'not-authenticated' } });
    expect((await send(secret, 'all')).status).toBe(400);
    expect((await send(secret, [])).status).toBe(204);
  });

  it('are taken with the newest secret alone, and with none once it is removed', async () => {
    const [first, second] = [await issue(), await issue()];
    expect((await send(first, [])).status).toBe(401);
    expect((await send(second, [])).status).toBe(204);
    await server.api.call(`${R}/notifications/secret`, { method: 'DELETE' });
    expect((await send(second, [])).status).toBe(401);
  });
});
