import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { bodyOf } from './api.js';
import { sightingsBelow } from './canary.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

interface Channel {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly url: string | null;
  readonly events: readonly string[];
  readonly disabled: string | null;
  readonly secret?: string;
}
interface Delivery {
  readonly id: string;
  readonly event: string;
  readonly status: string;
  readonly attempts: number;
  readonly httpStatus: number | null;
  readonly durationMs: number | null;
  readonly error: string | null;
}
interface Listed<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

const CHANNELS = '/v1/registries/myapp/channels';
const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
let hook: Server;
let hookUrl: string;
const received: { headers: IncomingHttpHeaders; body: string }[] = [];

beforeAll(async () => {
  hook = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ headers: request.headers, body });
      response.writeHead(204).end();
    });
  });
  hook.listen(0, '127.0.0.1');
  await once(hook, 'listening');
  hookUrl = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hooks/a-secret-part-of-the-path?token=hidden`;
  server = await installation.start({ ALLOW_PRIVATE_TARGETS: 'true' });
}, 60_000);
afterAll(async () => {
  hook.closeAllConnections();
  hook.close();
  await installation.remove();
}, 20_000);

const add = async (body: object) => bodyOf<Channel>(await server.api.call(CHANNELS, { body }), 201);
const webhook = (more: object = {}) => add({ kind: 'webhook', name: 'On-call', url: hookUrl, ...more });
const deliveriesOf = ({ id }: Channel) =>
  server.api.get<Listed<Delivery>>(`${CHANNELS}/${id}/deliveries`).then(({ items }) => items);
const delivered = (channel: Channel, count: number) =>
  eventually('deliveries', 20_000, async () => {
    const all = await deliveriesOf(channel);
    return all.length >= count && all.every(({ status }) => status === 'delivered') && all;
  });
const act = (path: string, method = 'POST', body?: object) =>
  server.api.call(`${CHANNELS}/${path}`, { method, ...(body && { body }) });

describe('a webhook channel', () => {
  it('is told what happens to keys, and its deliveries say so', async () => {
    const channel = await webhook({ events: ['key.revoked', 'key.generated'] });
    const key = await server.api.generateKey({ name: 'CI' });
    await server.api.revoke(key.id);
    const all = await delivered(channel, 2);
    expect(all.map(({ event }) => event)).toEqual(['key.revoked', 'key.generated']);
    expect(all[0]).toMatchObject({
      attempts: 1,
      httpStatus: 204,
      error: null,
      durationMs: expect.any(Number),
    });
    for (const { headers, body } of received.filter((one) =>
      all.some(({ id }) => one.headers['webhook-id'] === id),
    )) {
      const payload = new Webhook(channel.secret!).verify(body, headers as Record<string, string>);
      expect(payload).toMatchObject({ data: { key: { id: key.id, name: 'CI' } } });
      expect(body).not.toContain(key.key.slice(21, 64));
    }
    const canaries = [
      { name: 'signing secret', secret: channel.secret! },
      { name: 'token in the URL', secret: 'token=hidden' },
      { name: 'path of the URL', secret: 'a-secret-part-of-the-path' },
    ];
    expect(sightingsBelow(installation.folder, canaries, []).sightings).toEqual([]);
  }, 40_000);

  it('shows its secret once, and its URL without what may be secret in it', async () => {
    const { secret, ...channel } = await webhook();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(channel.url).toBe(`${new URL(hookUrl).origin}/hooks/a-se…?…`);
    expect(await server.api.get(`${CHANNELS}/${channel.id}`)).toEqual(channel);
    const { items } = await server.api.get<Listed<Channel>>(CHANNELS);
    expect(items.find(({ id }) => id === channel.id)).toEqual(channel);
    const slack = await add({
      kind: 'slack',
      name: 'Team',
      url: 'https://hooks.example.com/services/T0/B0/s3cr3t',
    });
    expect([slack.url, slack.secret]).toEqual(['https://hooks.example.com/services/…', undefined]);
  });

  it('is tested on demand, and what was delivered is delivered once more under the same id', async () => {
    const channel = await webhook({ events: [] });
    const test = bodyOf<Delivery>(await act(`${channel.id}/test`), 201);
    await delivered(channel, 1);
    const again = await server.api.call(`/v1/registries/myapp/deliveries/${test.id}/redeliver`, {
      method: 'POST',
    });
    expect(bodyOf<Delivery>(again, 200)).toMatchObject({ id: test.id, event: 'channel.test' });
    await eventually('the second delivery', 20_000, () => {
      return received.filter(({ headers }) => headers['webhook-id'] === test.id).length === 2;
    });
  }, 40_000);

  it('signs with both secrets after a rotation', async () => {
    const channel = await webhook({ events: [] });
    const { secret } = bodyOf<{ secret: string }>(await act(`${channel.id}/rotate-secret`), 200);
    expect(secret).not.toBe(channel.secret);
    const test = bodyOf<Delivery>(await act(`${channel.id}/test`), 201);
    await delivered(channel, 1);
    const { headers, body } = received.find((one) => one.headers['webhook-id'] === test.id)!;
    for (const each of [secret, channel.secret!])
      expect(new Webhook(each).verify(body, headers as Record<string, string>)).toBeDefined();
  }, 40_000);

  it('is made once by calls with one Idempotency-Key, and its secret is shown once', async () => {
    const headers = { 'idempotency-key': 'channel-1' };
    const body = { kind: 'webhook', name: 'Once', url: hookUrl };
    const call = (more: object = {}) => server.api.call(CHANNELS, { headers, body: { ...body, ...more } });
    const rivals = await Promise.all([call(), call(), call()]);
    const later = await call();
    const [made, ...again] = [...rivals, later].sort((a, b) => b.status - a.status);
    const { secret, ...channel } = bodyOf<Channel>(made!, 201);
    expect(secret).toMatch(/^whsec_/);
    for (const answer of again)
      expect(bodyOf(answer, 200)).toEqual({ ...channel, secret: null, code: 'secret-already-shown' });
    expect((await call({ name: 'Other' })).status).toBe(422);
    expect((await call({ url: 'http://127.0.0.1:1/' })).status).toBe(422);
  });

  it('has a version, and is changed only in the version that is named', async () => {
    const channel = await webhook();
    const shown = await server.api.call(`${CHANNELS}/${channel.id}`);
    const headers = { 'if-match': shown.headers.etag };
    const change = (name: string) =>
      server.api.call(`${CHANNELS}/${channel.id}`, { method: 'PATCH', headers, body: { name } });
    await webhook();
    const changed = await change('First');
    expect(changed.status).toBe(200);
    expect((await change('Second')).status).toBe(412);
    expect((await server.api.call(`${CHANNELS}/${channel.id}`)).headers.etag).toBe(changed.headers.etag);
  });

  it('can be changed, switched off, and removed', async () => {
    const channel = await webhook();
    const changed = await act(channel.id, 'PATCH', {
      name: 'Night',
      events: ['key.expired'],
      enabled: false,
    });
    expect(bodyOf(changed, 200)).toMatchObject({
      name: 'Night',
      events: ['key.expired'],
      disabled: 'by-owner',
    });
    expect((await act(channel.id, 'DELETE')).status).toBe(204);
    for (const path of [channel.id, `${channel.id}/deliveries`])
      expect((await server.api.call(`${CHANNELS}/${path}`)).status).toBe(404);
    expect((await act(`${channel.id}/test`)).status).toBe(404);
    expect((await act(channel.id, 'DELETE')).status).toBe(404);
  });
});

describe('what is no channel', () => {
  it.each([
    ['a scheme that is not http', { kind: 'webhook', url: 'ftp://example.com/' }, 400, '/url'],
    ['a password in the URL', { kind: 'webhook', url: 'https://a:b@example.com/' }, 400, '/url'],
    ['no URL', { kind: 'webhook' }, 400, '/url'],
    ['an address for a webhook', { kind: 'webhook', url: 'https://example.com', address: 'a@example.com' }, 400, '/address'],
    ['an event that there is not', { kind: 'webhook', url: 'https://example.com', events: ['key.lost'] }, 400, '/events/0'],
    ['two mail addresses', { kind: 'email', address: 'a@example.com,b@example.com' }, 400, '/address'],
  ])('is refused: %s', async (_, body, status, pointer) => {
    const answer = await server.api.call(CHANNELS, { body: { name: 'x', ...body } });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ pointer }] });
  }); // prettier-ignore

  it('is refused: mail without a mail server', async () => {
    const body = { kind: 'email', name: 'x', address: 'a@example.com' };
    const answer = await server.api.call(CHANNELS, { body });
    expect([answer.status, (JSON.parse(answer.text) as { code: string }).code]).toEqual([
      422,
      'mail-not-configured',
    ]);
  });

  it('a channel of another registry is not found, whatever is asked of it', async () => {
    const channel = await webhook({ events: [] });
    const test = bodyOf<Delivery>(await act(`${channel.id}/test`), 201);
    await server.api.createRegistry('other');
    const of = (path: string, method: string) => server.api.call(`/v1/registries/other/${path}`, { method });
    for (const [path, method] of [
      [`channels/${channel.id}`, 'GET'],
      [`channels/${channel.id}`, 'PATCH'],
      [`channels/${channel.id}`, 'DELETE'],
      [`channels/${channel.id}/test`, 'POST'],
      [`channels/${channel.id}/rotate-secret`, 'POST'],
      [`channels/${channel.id}/deliveries`, 'GET'],
      [`deliveries/${test.id}/redeliver`, 'POST'],
    ] as const)
      expect({ path, status: (await of(path, method)).status }).toEqual({ path, status: 404 });
    expect(bodyOf<Channel>(await server.api.call(`${CHANNELS}/${channel.id}`), 200).url).not.toBeNull();
  });
});

describe('an installation that does not allow private targets', () => {
  const closed = new Installation({ REGISTRY_UPSTREAM: 'none' });
  afterAll(() => closed.remove(), 20_000);

  it('refuses a private address at once, and a name that leads to one when it is used', async () => {
    const { api } = await closed.start();
    const create = (url: string) => api.call(CHANNELS, { body: { kind: 'webhook', name: 'x', url } });
    for (const url of [
      hookUrl,
      'http://2130706433/',
      'http://[::ffff:169.254.169.254]/latest',
      'http://0x7f.1/',
    ])
      expect((await create(url)).status).toBe(422);
    const channel = bodyOf<Channel>(await create(hookUrl.replace('127.0.0.1', 'localhost')), 201);
    const before = received.length;
    bodyOf(await api.call(`${CHANNELS}/${channel.id}/test`, { method: 'POST' }), 201);
    const [failed] = await eventually('the refusal', 20_000, async () => {
      const { items } = await api.get<Listed<Delivery>>(`${CHANNELS}/${channel.id}/deliveries`);
      return items[0]?.status === 'failed' && items;
    });
    expect(failed!.error).toMatch(/address that is not public/);
    expect(received).toHaveLength(before);
  }, 60_000);
});

describe('the queues', () => {
  it('stand in the status and in the metrics', async () => {
    const status = await eventually('counted queues', 30_000, async () => {
      const { jobs } = await server.api.get<{ jobs: Record<string, object> }>('/v1/status');
      return jobs['deliver-notifications'] && jobs;
    });
    expect(status['deliver-notifications']).toMatchObject({
      waiting: expect.any(Number),
      dead: 0,
      failedAttempts: 0,
    });
    const { text: metrics } = await server.api.call('/metrics');
    for (const name of ['waiting', 'failed', 'dead'])
      expect(metrics).toMatch(
        new RegExp(`^dockreg_jobs_${name}\\{queue="deliver-notifications"\\} \\d+$`, 'm'),
      );
  }, 40_000);
});
