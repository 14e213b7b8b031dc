import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyReceipt } from '#libs/audit';
import { bodyOf, type GeneratedKey } from './api.js';
import { Installation, type ServerProcess } from './server-process.js';

interface Revoked {
  readonly id: string;
}
interface Answer {
  readonly matched: number;
  readonly revoked: number;
  readonly failed: number;
  readonly receipt: { readonly position: string } | null;
  readonly keys: readonly Revoked[];
  readonly ids: readonly string[];
}

const KEYS = '/v1/registries/myapp/keys';
const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
let verifierKey: string;
beforeAll(async () => {
  server = await installation.start();
  ({ key: verifierKey } = await server.api.get<{ key: string }>('/v1/audit-log/key'));
}, 40_000);
afterAll(() => installation.remove(), 20_000);

const revoke = (body: object) => server.api.call(`${KEYS}/revoke`, { body });
const chosen = async (body: object): Promise<Answer> => bodyOf<Answer>(await revoke(body), 200);
const statusesOf = async (keys: readonly GeneratedKey[]): Promise<number[]> =>
  (await Promise.all(keys.map(({ key }) => server.api.v2(key)))).map(({ status }) => status);

describe('the receipt of a revocation', () => {
  it('is valid, is the same for everyone who asks, and names the gate', async () => {
    const { id } = await server.api.generateKey();
    const first = await server.api.revoke(id);
    expect(verifyReceipt(first, verifierKey)).toMatchObject({ ok: true, proven: { key: id, members: [{}] } });
    expect(await server.api.revoke(id)).toEqual(first);
    expect(verifyReceipt({ ...first, id: `${id.slice(0, -1)}x` }, verifierKey).ok).toBe(false);
  });
});

describe('revoking many keys', () => {
  it('refuses all that the filter chooses and no other, each with a receipt that is valid', async () => {
    const team = (name: string) => ({ labels: { team: name } });
    const ours = await Promise.all(Array.from({ length: 20 }, () => server.api.generateKey(team('edge'))));
    const others = [await server.api.generateKey(team('core')), await server.api.generateKey()];
    await server.api.revoke(ours[0]!.id);

    const filter = { label: 'team:edge' };
    const dry = await chosen({ filter, dryRun: true });
    expect(dry).toMatchObject({ matched: 19, revoked: 0, receipt: null, keys: [] });
    expect(await statusesOf(ours.slice(1))).toEqual(Array.from({ length: 19 }, () => 200));

    const done = await chosen({ filter });
    expect(done).toMatchObject({ matched: 19, revoked: 19, failed: 0 });
    expect([...done.ids].sort()).toEqual(ours.slice(1).map(({ id }) => id).sort()); // prettier-ignore
    expect(await statusesOf(ours)).toEqual(ours.map(() => 401));
    expect(await statusesOf(others)).toEqual([200, 200]);
    for (const key of done.keys) expect(verifyReceipt(key, verifierKey).ok).toBe(true);
    expect(await server.api.revoke(done.keys[3]!.id)).toEqual(done.keys[3]);
    expect(await chosen({ filter })).toMatchObject({ matched: 0, revoked: 0, receipt: null });
  });

  it.each([
    ['no filter', {}, 400],
    ['an empty filter: it would choose every key', { filter: {} }, 400],
    ['a filter that is none', { filter: [] }, 400],
    ['an unknown field in the filter', { filter: { name: 'x' } }, 400],
    ['an unknown status', { filter: { status: 'nope' } }, 400],
    ['a flag that is none', { filter: { q: 'x' }, dryRun: 'yes' }, 400],
    ['a reason that is none', { filter: { q: 'x' }, reason: '' }, 400],
  ])('with %s is refused, and revokes nothing', async (_, body, status) => {
    const key = await server.api.generateKey();
    expect((await revoke(body)).status).toBe(status);
    expect((await server.api.v2(key.key)).status).toBe(200);
  });
});
