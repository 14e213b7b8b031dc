import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Geography } from '#libs/geography';
import { formatKey } from '#libs/kernel';
import { UsageCounter, type KeyUsageRecorded, type KeyUseDenied, type UsageFact } from '#libs/usage';
import { CountUsage } from './count-usage.js';
import type { GateUsage } from './gate.js';
import { basic, GateFixture, OTHER_HOST, OTHER_REGISTRY, REGISTRY } from './testing/gate-fixture.js';
import { Upstream } from './testing/upstream.js';

const asnFile = fileURLToPath(new URL('../../../../dist/geography/asn.bin', import.meta.url));
const geography = await Geography.open({ countryFile: undefined, asnFile });
const PROXY = { trustedProxies: ['127.0.0.1'] };

let upstream: Upstream;
let fixture: GateFixture;
let counter: UsageCounter;
/** How many transfers have ended. */
let followed: number;
let ended: () => void;

beforeEach(async () => {
  upstream = await Upstream.start();
  counter = new UsageCounter();
  followed = 0;
  ended = () => undefined;
  const late: { counting?: CountUsage } = {};
  const usage: GateUsage = {
    accepted: (...use) => late.counting!.accepted(...use),
    denied: (...use) => late.counting!.denied(...use),
    follow(used, asked, request, response) {
      const over = late.counting!.follow(used, asked, request, response);
      return () => {
        over();
        followed++;
        ended();
      };
    },
  };
  fixture = await GateFixture.start({ usage, upstream: new URL(`http://${upstream.host}`), ...PROXY });
  late.counting = new CountUsage({ counter, geography, access: fixture.access, now: () => fixture.clock });
});
afterEach(async () => {
  await fixture.gate.close();
  await upstream.stop();
});

const taken = (): UsageFact[] => counter.take(fixture.clock, true).flatMap(({ facts }) => facts);
const used = (): KeyUsageRecorded['data'][] =>
  taken().flatMap((fact) => (fact.type === 'KeyUsageRecorded' ? [fact.data] : []));
const denials = (): KeyUseDenied['data'][] =>
  taken().flatMap((fact) => (fact.type === 'KeyUseDenied' ? [fact.data] : []));
const transfers = (count: number): Promise<void> =>
  new Promise((resolve) => {
    ended = () => followed >= count && resolve();
    ended();
  });

describe('what the gate lets through', () => {
  it('is counted for the key by action, repository, place and client', async () => {
    const { id, authorization } = fixture.generateKey('read-write');
    const headers = { authorization, 'x-forwarded-for': '193.0.6.139', 'user-agent': 'skopeo/1.9.3' };
    await fixture.ask('/v2/', { headers });
    await fixture.ask('/v2/team/app/manifests/latest', { headers });
    await fixture.ask('/v2/team/app/blobs/uploads/', { method: 'POST', headers });
    await fixture.ask('/v2/_catalog', { headers });
    await transfers(3);
    expect(used()).toEqual([
      expect.objectContaining({
        registry: REGISTRY,
        key: id,
        minute: '2026-01-01T00:00:00.000Z',
        actions: expect.objectContaining({
          login: { accepted: 1, failed: 0 },
          pull: { accepted: 1, failed: 0 },
          push: { accepted: 1, failed: 0 },
        }),
        repositories: [{ name: 'team/app', pulls: 1, pushes: 1, others: 0 }],
        places: [{ network: '193.0.6.0/24', country: 'NL', asn: 3333, pulls: 1, pushes: 1, others: 2 }],
        clients: [{ client: 'skopeo', count: 4 }],
        applied: fixture.access.position.toString(),
      }),
    ]);
  });

  it('is counted in bytes, both ways', async () => {
    const { authorization } = fixture.generateKey('read-write');
    const body = Buffer.alloc(300_000, 7);
    const headers = { authorization, 'content-length': body.length };
    await fixture.ask('/v2/team/app/blobs/uploads/1', { method: 'PATCH', headers, body });
    await transfers(1);
    const [data] = used();
    expect(data!.bytesUp).toBeGreaterThan(200_000);
    expect(data!.bytesUp).toBeLessThan(310_000);
    expect(data!.bytesDown).toBeGreaterThan(0);
  });

  it('counts as failed when the registry behind fails, and not when it has no such blob', async () => {
    const { authorization } = fixture.generateKey('read');
    const statuses = [503, 404];
    for (const status of statuses) {
      upstream.answer = (_, response) => response.writeHead(status).end();
      await fixture.ask('/v2/team/app/manifests/latest', { headers: { authorization } });
    }
    await transfers(2);
    expect(used()[0]!.actions.pull).toEqual({ accepted: 2, failed: 1 });
  });
});

describe('what the gate refuses', () => {
  it('is counted for the key of whoever proved its secret, with the reason', async () => {
    const { id, authorization } = fixture.generateKey('read');
    await fixture.ask('/v2/team/app/blobs/uploads/', { method: 'POST', headers: { authorization } });
    expect(denials()).toMatchObject([
      { registry: REGISTRY, key: id, reason: 'not_permitted', denied: 'permission', proven: true, action: 'push', repository: 'team/app', count: 1 },
    ]); // prettier-ignore
  });

  it('is told to the registry of the key when it was tried at another one, which learns nothing of it', async () => {
    const { id, authorization } = fixture.generateKey('read');
    await fixture.ask('/v2/', { headers: { authorization, host: OTHER_HOST } });
    await fixture.ask('/v2/', { headers: { authorization: basic(`${id}:${id}_wrong`), host: OTHER_HOST } });
    const [first, second] = denials();
    expect(first).toMatchObject({ registry: REGISTRY, key: id, reason: 'wrong_registry' });
    expect(second).toMatchObject({ registry: OTHER_REGISTRY, key: null });
  });

  it('names a canary to its registry, whoever presents it and wherever, and tells the caller what a stranger is told', async () => {
    const { id, authorization } = fixture.generateKey('read-write-delete', { canary: true });
    const wrong = formatKey(id, 'x'.repeat(43));
    const stranger = formatKey(id.replaceAll('k', 'z'), 'x'.repeat(43));
    const answers = [
      await fixture.ask('/v2/', { headers: { authorization } }),
      await fixture.ask('/v2/', { headers: { authorization, host: OTHER_HOST } }),
      await fixture.ask('/v2/', { headers: { authorization: basic(`${id}:${wrong}`) } }),
      await fixture.ask('/v2/', { headers: { authorization: basic(`${stranger}:${stranger}`) } }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    expect(answers[0]!.body).toEqual(answers[3]!.body);
    expect(denials().filter((denial) => denial.key === id)).toMatchObject([
      { registry: REGISTRY, reason: 'unknown', proven: false, count: 3 },
    ]);
  });

  it('names no key that does not exist, and no key with a wrong secret at a stranger’s host', async () => {
    const known = fixture.generateKey('read');
    const madeUp = fixture.generateKey('read');
    const unknown = { ...madeUp, id: madeUp.id.replaceAll('k', 'z') };
    const wrong = madeUp.key.replace(madeUp.id, known.id);
    await fixture.ask('/v2/', { headers: { authorization: basic(`${unknown.id}:x`) } });
    await fixture.ask('/v2/', { headers: { authorization: basic(`${known.id}:${wrong}`) } });
    const all = denials();
    expect(all.every(({ proven }) => !proven)).toBe(true);
    expect(JSON.stringify(all)).not.toContain(unknown.id);
    expect(all.reduce((sum, { count }) => sum + count, 0)).toBe(2);
  });

  it('is not counted when nothing was tried: each docker login begins without credentials', async () => {
    await fixture.ask('/v2/');
    expect(taken()).toEqual([]);
  });
});
