import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { Receiver } from '../support/webhook-receiver.js';
import { bodyOf } from './api.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

interface Channel {
  readonly id: string;
  readonly secret?: string;
}

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
let hook: Receiver;
beforeAll(async () => {
  hook = await Receiver.start();
  server = await installation.start({ ALLOW_PRIVATE_TARGETS: 'true' });
}, 60_000);
afterAll(async () => {
  hook.close();
  await installation.remove();
}, 20_000);

const webhook = async (registry = 'myapp') => {
  const body = { kind: 'webhook', name: 'On-call', url: hook.url, events: [] };
  return bodyOf<Channel>(await server.api.call(`/v1/registries/${registry}/channels`, { body }), 201);
};
const test = ({ id }: Channel) =>
  server.api.call(`/v1/registries/myapp/channels/${id}/test`, { method: 'POST' });

describe('a webhook channel', () => {
  it('is rotated once by calls with one Idempotency-Key: the secret that receivers hold goes on', async () => {
    const channel = await webhook();
    const rotate = (key: string) =>
      server.api.call(`/v1/registries/myapp/channels/${channel.id}/rotate-secret`, {
        method: 'POST',
        headers: { 'idempotency-key': key },
      });
    const answers = [await rotate('lost'), ...(await Promise.all([rotate('lost'), rotate('lost')]))];
    const [first, ...again] = answers.map((answer) => bodyOf<{ secret: string | null }>(answer, 200));
    expect(first!.secret).toMatch(/^whsec_/);
    for (const one of again) expect(one).toEqual({ ...first, secret: null, code: 'secret-already-shown' });
    const signedWith = async (secrets: readonly string[]) => {
      const { id } = bodyOf<{ id: string }>(await test(channel), 201);
      const { headers, body } = await eventually('the test', 20_000, () =>
        hook.received.find((one) => one.headers['webhook-id'] === id),
      );
      for (const each of secrets)
        expect(new Webhook(each).verify(body, headers as Record<string, string>)).toBeDefined();
    };
    await signedWith([first!.secret!, channel.secret!]);
    const other = bodyOf<{ secret: string | null }>(await rotate('meant'), 200);
    expect(bodyOf(await rotate('lost'), 200)).toEqual(again[0]);
    await signedWith([other.secret!, first!.secret!]);
  }, 40_000);

  it('is sent no more tests and repetitions than a registry may ask for', async () => {
    await server.api.createRegistry('eager');
    const of = (path: string) => server.api.call(`/v1/registries/eager/${path}`, { method: 'POST' });
    const [one, two] = [await webhook('eager'), await webhook('eager')];
    const tests = await Promise.all(
      Array.from({ length: 60 }, (_, index) => of(`channels/${index % 2 ? one.id : two.id}/test`)),
    );
    const [{ id }] = tests.map((answer) => bodyOf<{ id: string }>(answer, 201)) as [{ id: string }];
    for (const path of [`channels/${one.id}/test`, `deliveries/${id}/redeliver`]) {
      const refused = await of(path);
      expect([refused.status, (JSON.parse(refused.text) as { code: string }).code]).toEqual([
        429,
        'too-many-requests',
      ]);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expect(refused.headers['ratelimit-policy']).toBe('"requested-deliveries";q=60;w=60');
      expect(refused.headers['ratelimit']).toMatch(/^"requested-deliveries";r=0;t=\d+$/);
    }
    const channel = await webhook();
    expect((await test(channel)).status).toBe(201);
  }, 40_000);
});
