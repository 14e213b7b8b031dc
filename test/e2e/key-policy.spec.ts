import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf } from './api.js';
import type { Answer } from './http-exchange.js';
import { Installation, type ServerProcess } from './server-process.js';

const POLICY = '/v1/registries/myapp/policy';
const KEYS = '/v1/registries/myapp/keys';
/** Each round closes and opens the registry, and asks the gate at once. */
const ROUNDS = 20;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
beforeAll(async () => {
  server = await installation.start();
}, 40_000);
afterAll(() => installation.remove(), 20_000);

const setPolicy = async (body: object) =>
  bodyOf<object>(await server.api.call(POLICY, { method: 'PUT', body }), 200);
const generate = (body: object) =>
  server.api.call(KEYS, { body: { name: 'ci-1', permission: 'read', ...body } });
const change = (id: string, body: object) => server.api.call(`${KEYS}/${id}`, { method: 'PATCH', body });

function expectAgainst({ status, text }: Answer, ...fields: string[]): void {
  expect({ status, body: JSON.parse(text) as unknown }).toMatchObject({
    status: 422,
    body: { code: 'policy-violated', errors: fields.map((field) => ({ pointer: `/${field}` })) },
  });
}

describe('a key that is against the policy of its registry', () => {
  it('is not generated: an expiry that is demanded is never put in', async () => {
    await setPolicy({ maxLifetime: 'P30D', namePattern: '^ci-', allowedNetworks: ['127.0.0.0/8'] });
    expectAgainst(await generate({}), 'expiresAt');
    expectAgainst(await generate({ expiresIn: 'P31D' }), 'expiresAt');
    expectAgainst(await generate({ expiresIn: 'P1D', name: 'laptop' }), 'name');
    expectAgainst(await generate({ expiresIn: 'P1D', networks: ['192.0.2.0/24'] }), 'networks');
    expectAgainst(await generate({ name: 'x', networks: ['::1'] }), 'expiresAt', 'name', 'networks');
    expect((await generate({ expiresIn: 'P30D', networks: ['127.0.0.1'] })).status).toBe(201);
  });

  it('does not come to be by a change; what it had before stays, and other changes are free', async () => {
    await setPolicy({});
    const key = await server.api.generateKey({ name: 'laptop' });
    await setPolicy({ requireExpiry: true, maxLifetime: 'P30D', namePattern: '^ci-' });
    expect((await change(key.id, { description: 'old, and fine' })).status).toBe(200);
    expectAgainst(await change(key.id, { name: 'desktop' }), 'name');
    expect((await change(key.id, { name: 'ci-2' })).status).toBe(200);
    const late = new Date(Date.now() + 31 * 86_400_000).toISOString();
    expectAgainst(await change(key.id, { expiresAt: late }), 'expiresAt');
    const soon = new Date(Date.now() + 86_400_000).toISOString();
    expect((await change(key.id, { expiresAt: soon })).status).toBe(200);
    expectAgainst(await change(key.id, { expiresAt: null }), 'expiresAt');
  });

  it('is one too many: those that have ended do not count', async () => {
    await setPolicy({});
    await server.api.createRegistry('few');
    const path = '/v1/registries/few';
    await server.api.call(`${path}/policy`, { method: 'PUT', body: { maxKeys: 1 } });
    const key = await server.api.generateKey({}, 'few');
    const body = { name: 'second', permission: 'read' };
    expect((await server.api.call(`${path}/keys`, { body })).status).toBe(422);
    await server.api.revoke(key.id, 'few');
    expect((await server.api.call(`${path}/keys`, { body })).status).toBe(201);
  });
});

describe('the networks of a registry', () => {
  it('hold at the next request for all its keys, those generated before too, beside their own', async () => {
    await setPolicy({});
    const free = await server.api.generateKey({ name: 'free' });
    const bound = await server.api.generateKey({ name: 'bound', networks: ['127.0.0.0/8'] });
    const asked = async () => [
      (await server.api.v2(free.key)).status,
      (await server.api.v2(bound.key)).status,
    ];
    for (let round = 0; round < ROUNDS; round++) {
      await setPolicy({ allowedNetworks: ['192.0.2.0/24'] });
      expect(await asked()).toEqual([403, 403]);
      await setPolicy({ allowedNetworks: ['192.0.2.0/24', '127.0.0.1'] });
      expect(await asked()).toEqual([200, 200]);
    }
  }, 30_000);

  it('are there after a restart', async () => {
    await setPolicy({ allowedNetworks: ['192.0.2.0/24'] });
    const { key } = await server.api.generateKey({ name: 'shut out' });
    await server.stop();
    server = await installation.start();
    expect((await server.api.v2(key)).status).toBe(403);
    await setPolicy({});
    expect((await server.api.v2(key)).status).toBe(200);
  }, 30_000);
});

describe('the date by which a key should be rotated', () => {
  it('follows from the policy of now', async () => {
    await setPolicy({});
    const key = await server.api.generateKey({ name: 'dated' });
    const shown = () => server.api.get<{ createdAt: string; rotateBy: string | null }>(`${KEYS}/${key.id}`);
    for (const [rotationPeriod, days] of [
      ['P90D', 90],
      ['P30D', 30],
    ] as const) {
      await setPolicy({ rotationPeriod });
      const { createdAt, rotateBy } = await shown();
      expect(Date.parse(rotateBy!) - Date.parse(createdAt)).toBe(days * 86_400_000);
    }
    await setPolicy({ rotationPeriod: null });
    expect((await shown()).rotateBy).toBeNull();
  });
});
