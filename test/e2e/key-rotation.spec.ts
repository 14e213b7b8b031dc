import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf, type GeneratedKey } from './api.js';
import { expectRefused } from './refusals.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

const KEYS = '/v1/registries/myapp/keys';
const DAY_MS = 86_400_000;
/** Rotations without a grace, each followed by the old key at once. */
const ROUNDS = 20;
const CALLERS = 8;
const RACERS = 6;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
beforeAll(async () => {
  server = await installation.start();
}, 40_000);
afterAll(() => installation.remove(), 20_000);

interface Rotated extends GeneratedKey {
  readonly status: string;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly lineage: { readonly predecessor: string | null; readonly successor: string | null };
  readonly graceEndsAt: string | null;
  readonly predecessor: { readonly id: string; readonly graceEndsAt: string };
  readonly code?: string;
}

const send = (id: string, path: string, body?: object, headers?: object) =>
  server.api.call(`${KEYS}/${id}${path}`, {
    method: 'POST',
    ...(body && { body }),
    ...(headers && { headers }),
  });
const rotate = async (id: string, body: object = {}) => bodyOf<Rotated>(await send(id, '/rotate', body), 201);
const shown = (id: string) => server.api.get<Rotated>(`${KEYS}/${id}`);
const accepted = async (...keys: GeneratedKey[]) => {
  const statuses: number[] = [];
  for (const { key } of keys) statuses.push((await server.api.v2(key)).status);
  return statuses;
};

describe('a key that is rotated', () => {
  const traits = {
    name: 'deploy', permission: 'read', labels: { env: 'prod' }, description: 'of the pipeline', repositories: ['team/*'],
    networks: ['127.0.0.0/8'],
  }; // prettier-ignore

  it('has a successor with the same traits, and works beside it', async () => {
    const old = await server.api.generateKey({ ...traits, expiresIn: 'P90D' });
    const successor = await rotate(old.id);
    expect(successor).toMatchObject({
      ...traits,
      status: 'active',
      key: expect.stringMatching(/^drk_/),
      lineage: { predecessor: old.id, successor: null },
      predecessor: { id: old.id },
    });
    expect(successor.key).not.toBe(old.key);
    expect(Date.parse(successor.expiresAt!) - Date.parse(successor.createdAt)).toBe(90 * DAY_MS);
    expect(Date.parse(successor.predecessor.graceEndsAt) - Date.parse(successor.createdAt)).toBe(DAY_MS);
    expect(await accepted(old, successor)).toEqual([200, 200]);
    expect(await shown(old.id)).toMatchObject({
      status: 'rotating',
      lineage: { predecessor: null, successor: successor.id },
      graceEndsAt: successor.predecessor.graceEndsAt,
    });
    expect((await server.api.list()).find(({ id }) => id === old.id)).toMatchObject({ status: 'rotating' });
    expect(await server.api.typesOf(old.id)).toEqual(['KeyGenerated', 'KeyRotated']);
    expect(await server.api.events(successor.id)).toMatchObject([{ data: { rotates: old.id } }]);
  });

  it('is refused by the gate from the end of its grace on, and shown as rotated, before that is recorded', async () => {
    const old = await server.api.generateKey();
    const successor = await rotate(old.id, { gracePeriod: 'PT2S' });
    const end = Date.parse(successor.predecessor.graceEndsAt);
    for (;;) {
      const sentAt = Date.now();
      const { status, text } = await server.api.v2(old.key);
      if (Date.now() < end) expect(status).toBe(200);
      if (sentAt < end) continue;
      expect([status, text]).toEqual([401, expect.stringContaining('revoked')]);
      break;
    }
    expect(await shown(old.id)).toMatchObject({
      status: 'revoked',
      revokedAt: successor.predecessor.graceEndsAt,
      revocation: { cause: 'rotated' },
    });
    expect((await server.api.v2(successor.key)).status).toBe(200);
    expectRefused(await send(old.id, '/rotate'), 409, 'key-revoked');
  }, 20_000);

  it('without a grace is refused at the next request, everywhere at once', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const old = await server.api.generateKey({ name: `round ${round}` });
      const successor = await rotate(old.id, { gracePeriod: 'PT0S' });
      expect(await accepted(old, successor)).toEqual([401, 200]);
      expect(await server.api.typesOf(old.id)).toEqual([
        'KeyGenerated',
        'KeyRotated',
        'KeyRevoked',
        'KeyRevocationProven',
      ]);
    }
  }, 30_000);

  it('is retired early by revoking it', async () => {
    const old = await server.api.generateKey();
    const successor = await rotate(old.id);
    await server.api.revoke(old.id);
    expect(await accepted(old, successor)).toEqual([401, 200]);
    expect(await shown(old.id)).toMatchObject({ status: 'revoked', revocation: { cause: 'requested' } });
  });

  it('ends as it was to end after a restart in its grace, which is recorded with a proof', async () => {
    const old = await server.api.generateKey();
    const successor = await rotate(old.id, { gracePeriod: 'PT4S' });
    await server.stop();
    server = await installation.start();
    expect(await shown(old.id)).toMatchObject({ graceEndsAt: successor.predecessor.graceEndsAt });
    while (Date.now() < Date.parse(successor.predecessor.graceEndsAt)) await server.api.v2(successor.key);
    expect(await accepted(old, successor)).toEqual([401, 200]);
    await eventually('the proof', 10_000, async () => (await server.api.typesOf(old.id)).length === 4);
    expect(await server.api.typesOf(old.id)).toEqual([
      'KeyGenerated',
      'KeyRotated',
      'KeyRevoked',
      'KeyRevocationProven',
    ]);
  }, 40_000);
});

describe('a rotation', () => {
  it('gives the successor the lifetime that is asked for, within the policy', async () => {
    const old = await server.api.generateKey({ expiresIn: 'P60D' });
    const policy = (body: object) => server.api.call('/v1/registries/myapp/policy', { method: 'PUT', body });
    await policy({ maxLifetime: 'P30D', namePattern: '^never$' });
    expectRefused(await send(old.id, '/rotate', {}), 422, 'policy-violated');
    expectRefused(await send(old.id, '/rotate', { expiresIn: 'P31D' }), 422, 'policy-violated');
    const successor = await rotate(old.id, { expiresIn: 'P30D' });
    expect(Date.parse(successor.expiresAt!) - Date.parse(successor.createdAt)).toBe(30 * DAY_MS);
    await policy({});
  });

  it.each([
    ['a grace beyond 30 days', { gracePeriod: 'P31D' }, 422, 'invalid-value'],
    ['a grace that is no duration', { gracePeriod: 'P1M' }, 400, 'invalid-request'],
    ['no lifetime', { expiresIn: 'PT0S' }, 400, 'invalid-request'],
    ['another name', { name: 'x' }, 400, 'unknown-field'],
  ])('with %s is refused, and makes nothing', async (_, body, status, code) => {
    const old = await server.api.generateKey();
    const before = (await server.api.list()).length;
    expectRefused(await send(old.id, '/rotate', body), status, code);
    expect((await server.api.list()).length).toBe(before);
  });

  it('of a key that is suspended, revoked or not there is refused, and makes nothing', async () => {
    const [suspended, revoked] = [await server.api.generateKey(), await server.api.generateKey()];
    await send(suspended.id, '/suspend');
    await server.api.revoke(revoked.id);
    const before = (await server.api.list()).length;
    expectRefused(await send(suspended.id, '/rotate'), 409, 'key-suspended');
    expectRefused(await send(revoked.id, '/rotate'), 409, 'key-revoked');
    expectRefused(await send('drk_0000000000000000', '/rotate'), 404, 'not-found');
    expect((await server.api.list()).length).toBe(before);
  });

  it('wins over all others at the same time, whose successors are discarded', async () => {
    const old = await server.api.generateKey({ name: 'raced' });
    const answers = await Promise.all(Array.from({ length: RACERS }, () => send(old.id, '/rotate', {})));
    const won = answers.filter(({ status }) => status === 201);
    expect(won).toHaveLength(1);
    for (const answer of answers) if (answer.status !== 201) expectRefused(answer, 409, 'key-rotating');
    const successor = JSON.parse(won[0]!.text) as Rotated;
    expect((await shown(old.id)).lineage.successor).toBe(successor.id);
    const others = (await server.api.list()).filter(
      ({ name, id }) => name === 'raced' && id !== old.id && id !== successor.id,
    );
    for (const { id } of others) {
      expect(await shown(id)).toMatchObject({ status: 'revoked', revocation: { cause: 'discarded' } });
    }
    expect((await server.api.v2(successor.key)).status).toBe(200);
  });

  it('with an Idempotency-Key is made once, and its key is shown once', async () => {
    const old = await server.api.generateKey();
    const again = (body: object = {}) => send(old.id, '/rotate', body, { 'idempotency-key': 'rotate-once' });
    const both = await Promise.all([again(), again()]);
    const first = bodyOf<Rotated>(
      both.find(({ status }) => status === 201)!,
      201,
    );
    const repeated = bodyOf<Rotated>(await again(), 200);
    expect(repeated).toMatchObject({
      id: first.id, key: null, code: 'key-already-shown', predecessor: first.predecessor,
    }); // prettier-ignore
    expectRefused(await again({ gracePeriod: 'PT1H' }), 422, 'idempotency-key-reused');
    const heirs = (await server.api.list()).length;
    await again();
    expect((await server.api.list()).length).toBe(heirs);
  });

  it('of a successor makes a chain', async () => {
    const first = await server.api.generateKey();
    const second = await rotate(first.id);
    const third = await rotate(second.id);
    expect((await shown(second.id)).lineage).toEqual({ predecessor: first.id, successor: third.id });
    expect(await accepted(first, second, third)).toEqual([200, 200, 200]);
  });
});

describe('the handover of a key', () => {
  it('is safe where neither key was ever used, and never where the successor is refused', async () => {
    const old = await server.api.generateKey();
    const handover = () => server.api.get<object>(`${KEYS}/${old.id}/handover`);
    expect(await handover()).toMatchObject({ key: old.id, successor: null, safeToRetire: false });
    const ended = await server.api.generateKey();
    await server.api.revoke(ended.id);
    expect(await server.api.get(`${KEYS}/${ended.id}/handover`)).toMatchObject({
      safeToRetire: false,
      verdict: 'The key is revoked, and has no successor: there is nothing to hand over.',
    });
    const successor = await rotate(old.id);
    expect(await handover()).toEqual({
      key: old.id,
      successor: successor.id,
      graceEndsAt: successor.predecessor.graceEndsAt,
      safeToRetire: true,
      verdict: expect.stringContaining('nobody uses the old key'),
      lastUsed: { key: null, successor: null },
      users: [],
    });
    await server.api.revoke(successor.id);
    expect(await handover()).toMatchObject({
      safeToRetire: false,
      verdict: expect.stringContaining('revoked'),
    });
  });
});

describe('a grace that is longer than what is left of the old key', () => {
  it('is answered with the moment from which the key is refused', async () => {
    const old = await server.api.generateKey({ expiresIn: 'PT1H' });
    const headers = { 'idempotency-key': 'longer-than-the-key' };
    const successor = bodyOf<Rotated>(await send(old.id, '/rotate', {}, headers), 201);
    const { expiresAt } = await shown(old.id);
    expect(successor.predecessor).toEqual({ id: old.id, graceEndsAt: expiresAt });
    const again = bodyOf<Rotated>(await send(old.id, '/rotate', {}, headers), 200);
    expect(again.predecessor).toEqual(successor.predecessor);
    expect(await server.api.get(`${KEYS}/${old.id}/handover`)).toMatchObject({ graceEndsAt: expiresAt });
  });
});

describe('pullers on both keys of a rotation', () => {
  it('are never refused while the grace runs', async () => {
    const old = await server.api.generateKey();
    const successor = await rotate(old.id);
    const statuses = new Set<number>();
    const caller = async (key: string) => {
      for (let request = 0; request < 50; request++) statuses.add((await server.api.v2(key)).status);
    };
    await Promise.all(
      Array.from({ length: CALLERS }, (_, index) => caller(index % 2 ? old.key : successor.key)),
    );
    expect([...statuses]).toEqual([200]);
  }, 20_000);
});
