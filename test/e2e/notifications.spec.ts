import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { connectRedis } from '#libs/redis';
import { Api, bodyOf } from './api.js';
import { Cluster, type ClusterNode } from './cluster.js';
import { eventually } from './server-process.js';

interface Listed {
  readonly items: readonly { readonly status: string; readonly attempts: number }[];
}

const CHANNELS = '/v1/registries/myapp/channels';
const mails: string[] = [];
const mailServer = new SMTPServer({
  disabledCommands: ['STARTTLS', 'AUTH'],
  disableReverseLookup: true,
  onData: (stream, _session, callback) => {
    stream.once('end', () => callback());
    void text(stream).then((mail) => mails.push(mail));
  },
});
/** Requests that wait for their answer, by the id of their delivery. */
const held: { id: string; response: ServerResponse }[] = [];
const hook = createServer((request, response) => {
  held.push({ id: String(request.headers['webhook-id']), response });
});
let cluster: Cluster;
let settings: Record<string, string>;
let api: Api;

beforeAll(async () => {
  const mailPort = mailServer.listen(0, '127.0.0.1');
  hook.listen(0, '127.0.0.1');
  await Promise.all([once(mailPort, 'listening'), once(hook, 'listening')]);
  settings = {
    MASTER_KEY: randomBytes(32).toString('base64'),
    SMTP_URL: `smtp://127.0.0.1:${(mailPort.address() as AddressInfo).port}`,
    MAIL_FROM: 'keys@registry.example.com',
    ALLOW_PRIVATE_TARGETS: 'true',
  };
  cluster = await Cluster.start();
  const node = await cluster.node('api', settings);
  await node.start();
  api = new Api(node.server.apiPort, cluster.token, 0);
}, 60_000);
afterAll(async () => {
  await cluster.remove();
  hook.closeAllConnections();
  hook.close();
  await new Promise((closed) => mailServer.close(() => closed(undefined)));
}, 30_000);

async function worker(more: Record<string, string> = {}): Promise<ClusterNode> {
  const node = await cluster.node('worker', { ...settings, ...more });
  await node.start();
  return node;
}

describe('a worker without an API', () => {
  it('makes an attempt again that a worker died in, under the same id, although Redis forgot it', async () => {
    const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
    const body = { kind: 'webhook', name: 'On-call', url, events: ['key.revoked'] };
    const { id } = bodyOf<{ id: string }>(await api.call(CHANNELS, { body }), 201);
    const first = await worker();
    await api.revoke((await api.generateKey()).id);
    await eventually('the first attempt', 20_000, () => held.length === 1);
    await first.server.stop('SIGKILL');
    const redis = connectRedis(`redis://127.0.0.1:${first.redis.port}`);
    await redis.flushall();
    redis.disconnect();
    const second = await worker();
    await eventually('the second attempt', 20_000, () => held.length === 2);
    expect(held[0]!.id).toBe(held[1]!.id);
    held[1]!.response.writeHead(204).end();
    const deliveries = await eventually('the outcome', 20_000, async () => {
      const { items } = await api.get<Listed>(`${CHANNELS}/${id}/deliveries`);
      return items[0]?.status === 'delivered' && items;
    });
    expect(deliveries).toMatchObject([{ attempts: 1 }]);
    await second.server.stop();
  }, 90_000);

  it('sends mail through the mail server of its settings', async () => {
    const mailing = await worker();
    const body = { kind: 'email', name: 'Team', address: 'team@example.com' };
    const { id } = bodyOf<{ id: string }>(await api.call(CHANNELS, { body }), 201);
    bodyOf(await api.call(`${CHANNELS}/${id}/test`, { method: 'POST' }), 201);
    await eventually('the mail', 20_000, () => mails.length === 1);
    expect(mails[0]).toMatch(/^To: team@example\.com\r$/m);
    expect(mails[0]).toMatch(/^Subject: Test of a notification channel in registry myapp \(myapp\)\r$/m);
    await mailing.server.stop();
  }, 60_000);

  it('delivers nothing without the master key, loses nothing, and goes on with it', async () => {
    const without = await worker({ MASTER_KEY: '' });
    const body = { kind: 'email', name: 'Team', address: 'late@example.com' };
    const { id } = bodyOf<{ id: string }>(await api.call(CHANNELS, { body }), 201);
    bodyOf(await api.call(`${CHANNELS}/${id}/test`, { method: 'POST' }), 201);
    await eventually('a failed job', 60_000, () =>
      /deliver-notifications.*the master key is missing/.test(without.server.output),
    );
    const { items } = await api.get<Listed>(`${CHANNELS}/${id}/deliveries`);
    expect(items).toMatchObject([{ status: 'pending', attempts: 0 }]);
    await without.server.stop();
    await worker();
    await eventually('the mail', 60_000, () => mails.some((mail) => mail.includes('late@example.com')));
  }, 180_000);
});
