import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatKey } from '#libs/kernel';
import { bodyOf, type GeneratedKey } from './api.js';
import { exchange } from './http-exchange.js';
import { addMember, register } from './people.js';
import { Installation, randomSecret, type ServerProcess } from './server-process.js';

const pair = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const [ours, theirs] = [pair(), pair()];
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' });
const LEAK_REPORT_KEYS = JSON.stringify({
  public_keys: [{ key_identifier: 'key-1', key: pem(ours.publicKey), is_current: true }],
});
const installation = new Installation({ REGISTRY_UPSTREAM: 'none', LEAK_REPORT_KEYS });
let server: ServerProcess;
let key: GeneratedKey;

beforeAll(async () => {
  server = await installation.start();
  key = await server.api.generateKey({ name: 'leaked' });
}, 60_000);
afterAll(() => installation.remove(), 20_000);

function send(body: unknown, { by = ours, identifier = 'key-1', signed = body }: {
  by?: typeof ours; identifier?: string; signed?: unknown;
} = {}) {
  const signature = createSign('SHA256').update(JSON.stringify(signed)).sign(by.privateKey, 'base64');
  const headers = { 'GITHUB-PUBLIC-KEY-IDENTIFIER': identifier, 'GITHUB-PUBLIC-KEY-SIGNATURE': signature };
  return exchange(server.apiPort, { path: '/v1/leaks', headers, body });
} // prettier-ignore
const finding = (token: string) => ({
  token,
  type: 'dockreg_key',
  url: 'https://git.example.com/someone/repository/blob/main/ci.yml',
  source: 'content',
});
const issueToken = async (name: string) =>
  bodyOf<{ id: string; token: string }>(await server.api.call('/v1/access-tokens', { body: { name } }), 201);
const whoAmI = async (token: string) => {
  const headers = { authorization: `Bearer ${token}` };
  return (await exchange(server.apiPort, { path: '/v1/session', method: 'GET', headers })).status;
};
const hashOf = (token: string) => createHash('sha256').update(token).digest('hex');
const forged = () => formatKey(key.id, randomSecret());

describe('a report of leaks in the format of the secret scanning partners', () => {
  it('answers a label for each token, and its history shows who leaked what, without place and secret', async () => {
    const lookAlike = `${key.key.slice(0, -1)}${key.key.endsWith('0') ? '1' : '0'}`;
    const unknown = formatKey(`drk_${randomSecret().slice(0, 16)}`, randomSecret());
    const { token } = await issueToken('leaked');
    const tokens = [key.key, forged(), lookAlike, unknown, token, 'nonsense'];
    const answer = bodyOf<{ token_hash: string; token_type: string; label: string }[]>(
      await send(tokens.map(finding)),
      200,
    );
    const trueOnes = [key.key, token];
    expect(answer).toEqual(
      tokens.map((token) => ({
        token_hash: hashOf(token),
        token_type: 'dockreg_key',
        label: trueOnes.includes(token) ? 'true_positive' : 'false_positive',
      })),
    );
    const { items } = await server.api.get<{ items: { type: string; actor: object; data: object }[] }>(
      `/v1/registries/myapp/keys/${key.id}/events`,
    );
    expect(
      items.filter(({ type, data }) => type === 'KeyLeakReported' && 'proven' in data && data.proven),
    ).toEqual([
      expect.objectContaining({
        actor: { type: 'system', id: 'leak-reports' },
        data: {
          registry: expect.any(String),
          source: 'content',
          proven: true,
          done: 'nothing',
          recipients: [expect.stringMatching(/^usr_/)],
        },
      }),
    ]);
    expect(
      bodyOf<{ status: string }>(await server.api.call(`/v1/registries/myapp/keys/${key.id}`), 200).status,
    ).toBe('active');
  });

  it('does what the policy of the registry says', async () => {
    await server.api.createRegistry('strict');
    const leaked = await server.api.generateKey({}, 'strict');
    const put = (onLeak: string) =>
      server.api.call('/v1/registries/strict/policy', { method: 'PUT', body: { onLeak } });
    const statusOf = async () =>
      (await server.api.get<{ status: string }>(`/v1/registries/strict/keys/${leaked.id}`)).status;
    expect((await put('explode')).status).toBe(400);
    for (const [onLeak, status] of [
      ['suspend', 'suspended'],
      ['revoke', 'revoked'],
    ] as const) {
      expect(bodyOf(await put(onLeak), 200)).toMatchObject({ onLeak });
      bodyOf(await send([finding(leaked.key)]), 200);
      expect(await statusOf()).toBe(status);
    }
    const { items } = await server.api.get<{ items: { type: string; data: object }[] }>(
      `/v1/registries/strict/keys/${leaked.id}/events`,
    );
    expect(items.find(({ type }) => type === 'KeyRevoked')!.data).toMatchObject({ cause: 'leaked' });
  });

  it('ends an access token whose true secret was found: once answered, no request is accepted with it', async () => {
    const { id, token } = await issueToken('pipeline');
    const other = await issueToken('not leaked');
    const labels = async (...reported: string[]) =>
      bodyOf<{ label: string }[]>(await send(reported.map(finding)), 200).map(({ label }) => label);
    const { found } = bodyOf<{ found: { secretMatches: boolean }[] }>(
      await server.api.call('/v1/leaks/check', { body: { text: token } }),
      200,
    );
    expect(found).toMatchObject([{ secretMatches: true }]);
    expect(await labels(formatKey(id, randomSecret()))).toEqual(['false_positive']);
    expect([await whoAmI(token), await whoAmI(other.token)]).toEqual([200, 200]);
    expect(await labels(token)).toEqual(['true_positive']);
    expect([await whoAmI(token), await whoAmI(other.token)]).toEqual([401, 200]);
    // The partner that had no answer repeats its report.
    expect(await labels(token, token)).toEqual(['true_positive', 'true_positive']);
    const { items } = await server.api.get<{ items: { id: string }[] }>('/v1/access-tokens');
    expect(items.map((one) => one.id)).toEqual(expect.not.arrayContaining([id]));
  });

  it('is refused when it is not signed by a known key over these very bytes', async () => {
    const body = [finding(key.key)];
    const refused = [
      await send(body, { by: theirs }),
      await send(body, { identifier: 'key-2' }),
      await send(body, { signed: [finding(forged())] }),
      await exchange(server.apiPort, { path: '/v1/leaks', body }),
      await exchange(server.apiPort, {
        path: '/v1/leaks',
        headers: { 'github-public-key-identifier': 'key-1', 'github-public-key-signature': '%%%' },
        body,
      }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
  });

  it('is refused when it is no list of findings', async () => {
    for (const body of [{ token: 'x' }, ['x'], [{}]]) expect((await send(body)).status).toBe(400);
  });

  it('may be as large as reports are', async () => {
    const many = Array.from({ length: 900 }, () => finding('drk_x'));
    expect(bodyOf<unknown[]>(await send(many), 200)).toHaveLength(900);
  });

  it('is accepted by no installation without keys', async () => {
    const closed = new Installation({ REGISTRY_UPSTREAM: 'none' });
    try {
      const { apiPort } = await closed.start();
      const answer = await exchange(apiPort, { path: '/v1/leaks', body: [finding(key.key)] });
      expect(answer.status).toBe(403);
      expect(answer.text).toContain('LEAK_REPORT_KEYS is not set');
    } finally {
      await closed.remove();
    }
  }, 40_000);

  it('stops the start when its keys cannot be used', async () => {
    const broken = new Installation({ LEAK_REPORT_KEYS: '/does/not/exist' });
    try {
      const { code, output } = await broken.startToEnd({}, 30_000);
      expect(code).toBe(1);
      expect(output).toContain('LEAK_REPORT_KEYS cannot be used');
    } finally {
      await broken.remove();
    }
  }, 40_000);
});

describe('a check of a text', () => {
  const check = async (api: ServerProcess['api'], text: string) =>
    bodyOf<{ found: { id: string; secretMatches: boolean; registry: { slug: string } | null }[] }>(
      await api.call('/v1/leaks/check', { body: { text } }),
      200,
    ).found;

  it('finds whole keys in it, and tells those with the true secret from those without', async () => {
    const other = forged();
    const text = `a\n"DOCKER_PASSWORD=${key.key}", ${key.key}\n${other} drk_0000000000000000_short ${key.key.slice(0, -1)}!`;
    const known = {
      id: key.id,
      kind: 'key',
      registry: { id: expect.any(String), slug: 'myapp' },
      name: 'leaked',
      status: 'active',
    };
    expect(await check(server.api, text)).toEqual([
      { ...known, secretMatches: true },
      { ...known, secretMatches: false },
    ]);
    expect(await check(server.api, 'nothing here')).toEqual([]);
  });

  it('says nothing of a key of a registry that the caller does not see', async () => {
    const stranger = await register(server.api, 'stranger');
    const missing = formatKey(`drk_${randomSecret().slice(0, 16)}`, randomSecret());
    const nothing = { kind: 'key', registry: null, name: null, status: null, secretMatches: false };
    expect(await check(stranger.api, `${key.key} ${missing}`)).toEqual([
      { ...nothing, id: key.id },
      { ...nothing, id: missing.slice(0, 20) },
    ]);
    await addMember(server.api, 'myapp', stranger.userId, 'viewer');
    expect(await check(stranger.api, key.key)).toMatchObject([
      { registry: { slug: 'myapp' }, secretMatches: true },
    ]);
  });

  it('is throttled for each user alone', async () => {
    const eager = await register(server.api, 'eager');
    const one = () => eager.api.call('/v1/leaks/check', { body: { text: 'x' } });
    const statuses = (await Promise.all(Array.from({ length: 61 }, one))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(1);
    const refused = await one();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(await check(server.api, 'x')).toEqual([]);
  });

  it('needs a caller', async () => {
    const answer = await exchange(server.apiPort, { path: '/v1/leaks/check', body: { text: 'x' } });
    expect(answer.status).toBe(401);
  });
});
