import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { formatKey } from '#libs/kernel';
import { FAILURES_BURST } from './failure-limit.js';
import { basic, GateFixture, OTHER_REGISTRY, type Answer, type TestKey } from './testing/gate-fixture.js';

const SECRET = 'X'.repeat(43);
const HERE = '198.51.100.7';
const NEIGHBOUR = '198.51.100.200';
const ELSEWHERE = '203.0.113.7';

let gate: GateFixture;
let reader: TestKey;
let steady: number;

beforeEach(async () => {
  steady = 0;
  gate = await GateFixture.start({ trustedProxies: ['127.0.0.1'], steadyNow: () => steady });
  reader = gate.generateKey('read');
});
afterEach(() => gate.gate.close());

/** One request of the client at `address`, behind a trusted proxy. */
function ask(address: string, authorization?: string | string[], path = '/v2/'): Promise<Answer> {
  const headers = { 'x-forwarded-for': address, connection: 'close' };
  if (authorization === undefined) return gate.ask(path, { headers });
  return gate.ask(path, { headers: { ...headers, authorization: authorization as string } });
}

async function statusOf(address: string, authorization?: string | string[], path?: string): Promise<number> {
  return (await ask(address, authorization, path)).status;
}

const wrongSecret = (id: string) => basic(`${id}:${formatKey(id, SECRET)}`);

/** Lets the network of `address` fail until nothing is left of its burst. */
async function exhaust(address: string, authorization = wrongSecret('drk_unknownunknown00')): Promise<void> {
  for (let failures = 0; failures < FAILURES_BURST; failures++) {
    expect(await statusOf(address, authorization)).toBe(401);
  }
}

describe('failures without a proven secret', () => {
  it('are answered 100 times, then 429 in the shape of the registry API with the time to wait', async () => {
    await exhaust(HERE);
    const answer = await ask(HERE, wrongSecret('drk_unknownunknown00'));
    expect(answer.status).toBe(429);
    expect(answer.headers).toMatchObject({
      'retry-after': '1',
      ratelimit: '"failures";r=0;t=1',
      'ratelimit-policy': '"failures";q=100;w=100',
      'content-type': 'application/json; charset=utf-8',
      'docker-distribution-api-version': 'registry/2.0',
    });
    expect(answer.headers['www-authenticate']).toBeUndefined();
    expect(JSON.parse(answer.body)).toEqual({
      errors: [{ code: 'TOOMANYREQUESTS', message: expect.any(String), detail: null }],
    });
    expect(gate.decisions.at(-1)).toEqual({ outcome: 'throttled', action: 'login' });
  });

  it('are answered once more for each second that passes', async () => {
    await exhaust(HERE);
    steady += 2_500;
    const bad = wrongSecret(reader.id);
    const statuses = [];
    for (let failure = 0; failure < 4; failure++) statuses.push(await statusOf(HERE, bad));
    expect(statuses).toEqual([401, 401, 429, 429]);
    steady += 500;
    expect(await statusOf(HERE, bad)).toBe(401);
  });

  it('count for the network of the client, and for no other', async () => {
    await exhaust(HERE);
    const bad = wrongSecret(reader.id);
    expect(await statusOf(NEIGHBOUR, bad)).toBe(429);
    expect(await statusOf(ELSEWHERE, bad)).toBe(401);
    expect(await statusOf('2001:db8::7', bad)).toBe(401);
  });

  it('are whatever is no key in force: two headers, a malformed one, a fake, an unknown key, a wrong secret', async () => {
    const kinds = [
      [reader.authorization, reader.authorization],
      'Bearer x',
      'Basic !!',
      basic('admin:admin'),
      basic(`${reader.id}:${reader.key.slice(0, -1)}`),
      basic(`admin:${reader.key}`),
      wrongSecret('drk_unknownunknown00'),
      wrongSecret(reader.id),
    ];
    for (const [index, kind] of kinds.entries()) {
      const address = `192.0.${index}.1`;
      for (let failures = 0; failures < FAILURES_BURST; failures++) await ask(address, kind);
      expect(await statusOf(address, kind)).toBe(429);
    }
  }, 60_000);

  it('are not the challenges that every sign-in begins with, nor do these stop', async () => {
    for (let asked = 0; asked < FAILURES_BURST + 10; asked++) expect(await statusOf(HERE)).toBe(401);
    await exhaust(HERE);
    expect(await statusOf(HERE)).toBe(401);
  });

  it('are not the refusals of a holder, who is told the reason each time', async () => {
    const revoked = gate.generateKey('read');
    gate.revoke(revoked);
    const foreign = gate.generateKey('read', { registry: OTHER_REGISTRY });
    for (let asked = 0; asked < FAILURES_BURST + 10; asked++) {
      expect(await statusOf(HERE, revoked.authorization)).toBe(401);
      expect(await statusOf(HERE, foreign.authorization)).toBe(401);
    }
    await exhaust(HERE);
    expect((await ask(HERE, revoked.authorization)).body).toContain('revoked');
    expect((await ask(HERE, foreign.authorization)).body).toContain('another registry');
  });

  it('are not requests to a host that is no registry', async () => {
    const headers = { host: 'unknown.example', 'x-forwarded-for': HERE, authorization: 'Basic !!' };
    for (let asked = 0; asked < FAILURES_BURST + 10; asked++) {
      expect((await gate.ask('/v2/', { headers })).status).toBe(404);
    }
    expect(await statusOf(HERE, 'Basic !!')).toBe(401);
  });

  it('take nothing from a good key: in its network and under its id it works as before', async () => {
    await exhaust(HERE, wrongSecret(reader.id));
    await exhaust(ELSEWHERE, wrongSecret(reader.id));
    for (const address of [HERE, ELSEWHERE]) {
      expect(await statusOf(address, wrongSecret(reader.id))).toBe(429);
      expect(await statusOf(address, reader.authorization)).toBe(200);
    }
  });

  it('of strangers that only name another network in a header count for the network that they are in', async () => {
    const direct = await GateFixture.start({ steadyNow: () => steady });
    const headers = { authorization: 'Basic !!', connection: 'close' };
    for (let failures = 0; failures < FAILURES_BURST; failures++) {
      const spoofed = {
        ...headers,
        'x-forwarded-for': `192.0.${failures}.1`,
        forwarded: `for=192.0.${failures}.1`,
      };
      expect((await direct.ask('/v2/', { headers: spoofed })).status).toBe(401);
    }
    expect((await direct.ask('/v2/', { headers })).status).toBe(429);
    await direct.gate.close();
  });
});
