import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AwsServer } from '../support/rotation-targets/aws-server.js';
import { GithubServer } from '../support/rotation-targets/github-server.js';
import type { TargetServer } from '../support/rotation-targets/target-server.js';
import { VaultServer } from '../support/rotation-targets/vault-server.js';
import { WebhookServer } from '../support/rotation-targets/webhook-server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { bodyOf, type GeneratedKey, type KeyEvent } from './api.js';
import type { Answer } from './http-exchange.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

const KEYS = '/v1/registries/myapp/keys';
const DAY_MS = 86_400_000;
/** A sweep of the queue and one of the reconciler: what became due since is found within it. */
const FOUND_WITHIN_MS = 45_000;

const files = temporaryDirectory();
const [webhook, vault, aws, github] = [
  new WebhookServer(),
  new VaultServer(),
  new AwsServer(),
  new GithubServer(),
];
const servers: TargetServer[] = [webhook, vault, aws, github];
const installation = new Installation({
  REGISTRY_UPSTREAM: 'none',
  ALLOW_PRIVATE_TARGETS: 'true',
  ROTATION_FILES_DIR: files.path,
});
let server: ServerProcess;
let keys: Record<'webhook' | 'vault' | 'aws' | 'github' | 'file', Scheduled>;
let failing: Scheduled;
let ended: Scheduled;
/** What a channel of the registry is told. */
const told: string[] = [];
const channel = createServer((request, response) => {
  void text(request).then((body) => {
    told.push(body);
    response.writeHead(204).end();
  });
});

beforeAll(async () => {
  await Promise.all(servers.map((each) => each.listen()));
  channel.listen(0, '127.0.0.1');
  await once(channel, 'listening');
  server = await installation.start();
  const url = `http://127.0.0.1:${(channel.address() as AddressInfo).port}/`;
  const body = { kind: 'webhook', name: 'On-call', url, events: ['key.rotation-failed'] };
  bodyOf(await server.api.call('/v1/registries/myapp/channels', { body }), 201);
  // At once, so that one round of the worker finds them all.
  failing = await scheduled({ ...targets.vault(), token: 'hvs.revoked' }, {}, 'failing');
  ended = await scheduled(targets.vault(), { firstAt: null });
  await server.api.revoke(ended.id);
  keys = {
    webhook: await scheduled(targets.webhook()),
    vault: await scheduled(targets.vault()),
    aws: await scheduled(targets.aws()),
    github: await scheduled(targets.github()),
    file: await scheduled(targets.file()),
  };
  webhook.secrets = [keys.webhook.schedule.secret!];
}, 60_000);
afterAll(async () => {
  await installation.remove();
  for (const each of servers) each.close();
  channel.closeAllConnections();
  channel.close();
  files.remove();
}, 30_000);

type Scheduled = GeneratedKey & { readonly schedule: Schedule };

interface Schedule {
  readonly key: string;
  readonly dueAt: string;
  readonly target: object;
  readonly failures: number;
  readonly lastFailure: { readonly error: string } | null;
  readonly secret?: string;
}

const put = (id: string, body: object): Promise<Answer> =>
  server.api.call(`${KEYS}/${id}/rotation`, { method: 'PUT', body });
const scheduleOf = (id: string) => server.api.get<Schedule>(`${KEYS}/${id}/rotation`);
const targets = {
  webhook: () => ({ kind: 'webhook', url: `${webhook.url}/hook` }),
  vault: () => ({ kind: 'vault', url: vault.url, path: 'ci/registry', token: vault.token }),
  aws: () => {
    const { region, secretId, url, accessKeyId, secretAccessKey } = aws;
    return { kind: 'aws-secrets-manager', region, secretId, url, accessKeyId, secretAccessKey };
  },
  github: () => {
    const { url, repository, token } = github;
    return { kind: 'github-actions', url, repository, secretName: 'REGISTRY_KEY', token };
  },
  file: () => ({ kind: 'file', path: 'ci/registry-key' }),
};
const opening = (): string[] => [
  vault.token,
  aws.secretAccessKey,
  aws.accessKeyId,
  github.token,
  ...webhook.secrets,
];

/** A key that is rotated by itself from now on; `target` as the body has it. */
async function scheduled(target: object, more: object = {}, name = 'deploy'): Promise<Scheduled> {
  const key = await server.api.generateKey({ name, expiresIn: 'P90D' });
  const firstAt = new Date().toISOString();
  const answer = await put(key.id, { every: 'P30D', gracePeriod: 'PT1H', firstAt, target, ...more });
  return { ...key, schedule: bodyOf<Schedule>(answer, 200) };
}

const fact = (id: string, type: string): Promise<KeyEvent> =>
  eventually(`${type} of ${id}`, FOUND_WITHIN_MS, async () =>
    (await server.api.events(id)).find((event) => event.type === type),
  );
const typesOf = (id: string) => server.api.typesOf(id);
const works = async (key: string) => (await server.api.v2(key)).status === 200;

describe('a key with a schedule', () => {
  it('is rotated when that is due, and each kind of target has a secret that works, before the grace begins', async () => {
    const rotated = await Promise.all(Object.values(keys).map(({ id }) => fact(id, 'KeyRotated')));
    const has = {
      webhook: webhook.taken.at(-1)!.data.key.secret,
      vault: vault.versions.get('secret/data/ci/registry')!.at(-1)!['password']!,
      aws: (JSON.parse(aws.current!.text) as { password: string }).password,
      github: github.secrets.get('REGISTRY_KEY')!,
      file: readFileSync(join(files.path, 'myapp', 'ci', 'registry-key'), 'utf8'),
    };
    for (const [kind, key] of Object.entries(has)) {
      expect([kind, await works(key)]).toEqual([kind, true]);
      expect([kind, await works(keys[kind as keyof typeof keys].key)]).toEqual([kind, true]);
    }
    for (const [index, { id }] of Object.values(keys).entries()) {
      expect(await typesOf(id)).toEqual([
        'KeyGenerated',
        'KeyRotationScheduled',
        'RotationDelivered',
        'KeyRotated',
      ]);
      const { successor } = rotated[index]!.data as { successor: string };
      expect(Object.values(has)[index]).toContain(successor);
      expect(await typesOf(successor)).toEqual(['KeyGenerated', 'KeyRotationScheduled']);
      const next = await scheduleOf(successor);
      expect(next).toMatchObject({ key: successor, failures: 0 });
      expect(Date.parse(next.dueAt) - Date.now()).toBeGreaterThan(29 * DAY_MS);
      expect((await server.api.call(`${KEYS}/${id}/rotation`)).status).toBe(404);
    }
    expect(server.output).not.toMatch(new RegExp(Object.values(has).join('|')));
  }, 60_000);

  it('goes on where the target refuses: no successor is left, and the owners hear why and when it is tried again', async () => {
    const key = failing;
    const { data, actor } = await fact(key.id, 'RotationFailed');
    expect(actor).toEqual({ type: 'system', id: 'rotate-keys' });
    expect(data).toMatchObject({ kind: 'vault', error: 'the target answered 403' });
    const wait = Date.parse(data['nextAttemptAt'] as string) - Date.now();
    expect(wait).toBeGreaterThan(13 * 60_000);
    expect(wait).toBeLessThan(16 * 60_000);
    expect(await works(key.key)).toBe(true);
    expect(await typesOf(key.id)).toEqual(['KeyGenerated', 'KeyRotationScheduled', 'RotationFailed']);
    const heirs = (await server.api.list()).filter(
      ({ name, status }) => name === 'failing' && status === 'revoked',
    );
    expect(heirs).toHaveLength(1);
    expect(await server.api.get(`${KEYS}/${heirs[0]!.id}`)).toMatchObject({
      revocation: { cause: 'discarded' },
    });
    expect(await scheduleOf(key.id)).toMatchObject({
      failures: 1,
      lastFailure: { error: 'the target answered 403' },
    });
    const message = await eventually('the owners hear of it', 20_000, () =>
      told.find((body) => body.includes(key.id)),
    );
    expect(JSON.parse(message)).toMatchObject({
      type: 'key.rotation-failed',
      data: { key: { id: key.id }, error: 'the target answered 403', nextAttemptAt: data['nextAttemptAt'] },
    });
  }, 120_000);

  it('shows where its secrets go, and nothing that opens it, in no answer, history, feed or log', async () => {
    const texts: string[] = [];
    const position = await server.api.position();
    for (const target of [targets.vault(), targets.aws(), targets.github()]) {
      const key = await scheduled(target, { firstAt: null });
      const { text: shown } = await server.api.call(`${KEYS}/${key.id}/rotation`);
      const { token: _, accessKeyId: __, secretAccessKey: ___, ...open } = target as Record<string, unknown>;
      expect(JSON.parse(shown)).toMatchObject({ target: open });
      texts.push(shown, JSON.stringify(key.schedule), JSON.stringify(await server.api.events(key.id)));
    }
    texts.push((await server.api.call(`/v1/changes?after=${position}`)).text, server.output);
    for (const secret of opening()) for (const each of texts) expect(each).not.toContain(secret);
    for (const each of texts.slice(0, -1)) expect(each).not.toContain('ciphertext');
  });

  it('is first rotated so long after its birth as the schedule says, unless its owner names a time', async () => {
    const key = await server.api.generateKey();
    const { createdAt } = await server.api.get<{ createdAt: string }>(`${KEYS}/${key.id}`);
    const byBirth = bodyOf<Schedule>(await put(key.id, { every: 'P30D', target: targets.vault() }), 200);
    expect(Date.parse(byBirth.dueAt) - Date.parse(createdAt)).toBe(30 * DAY_MS);
    const firstAt = '2090-01-05T09:30:00.000Z';
    const named = bodyOf<Schedule>(
      await put(key.id, { every: 'P30D', firstAt, target: targets.vault() }),
      200,
    );
    expect(named.dueAt).toBe(firstAt);
  });

  it('is rotated by itself no more once that is asked for, and what opened the target is destroyed', async () => {
    const key = await scheduled(targets.vault(), { firstAt: null });
    expect((await server.api.call(`${KEYS}/${key.id}/rotation`, { method: 'DELETE' })).status).toBe(204);
    expect((await server.api.call(`${KEYS}/${key.id}/rotation`)).status).toBe(404);
    expect((await server.api.call(`${KEYS}/${key.id}/rotation`, { method: 'DELETE' })).status).toBe(404);
    expect(await typesOf(key.id)).toEqual(['KeyGenerated', 'KeyRotationScheduled', 'KeyRotationUnscheduled']);
    expect(
      bodyOf<Schedule>(await put(key.id, { every: 'P30D', target: targets.vault() }), 200),
    ).toBeDefined();
  });

  it('loses the schedule with its end, and the schedule what opened its target', async () => {
    await fact(ended.id, 'KeyRotationUnscheduled');
    expect((await server.api.call(`${KEYS}/${ended.id}/rotation`)).status).toBe(404);
  }, 60_000);

  it('gives the schedule to the successor that is made by hand, too', async () => {
    const key = await scheduled(targets.vault(), { firstAt: null });
    const successor = bodyOf<GeneratedKey>(
      await server.api.call(`${KEYS}/${key.id}/rotate`, { body: {} }),
      201,
    );
    expect(await scheduleOf(successor.id)).toMatchObject({ key: successor.id, every: 'P30D' });
    expect((await server.api.call(`${KEYS}/${key.id}/rotation`)).status).toBe(404);
  });
});

describe('a schedule', () => {
  it('needs the plan enterprise, and says how to get it; it can be removed without', async () => {
    const key = await scheduled(targets.vault(), { firstAt: null });
    const plan = (name: string) =>
      server.api.call('/v1/registries/myapp/plan', { method: 'PUT', body: { plan: name } });
    await plan('team');
    const { status, text: body } = await put(key.id, { every: 'P30D', target: targets.vault() });
    expect({ status, body: JSON.parse(body) as unknown }).toMatchObject({
      status: 403,
      body: { code: 'plan-required', detail: expect.stringContaining('PUT /v1/registries/myapp/plan') },
    });
    expect((await server.api.call(`${KEYS}/${key.id}/rotation`, { method: 'DELETE' })).status).toBe(204);
    await plan('enterprise');
  });

  it('is changed only in the version that the caller has seen', async () => {
    const key = await scheduled(targets.vault(), { firstAt: null });
    const { headers } = await server.api.call(`${KEYS}/${key.id}/rotation`);
    const change = (tag: string) =>
      server.api.call(`${KEYS}/${key.id}/rotation`, {
        method: 'PUT',
        body: { every: 'P31D', target: targets.vault() },
        headers: { 'if-match': tag },
      });
    expect((await change(String(headers.etag))).status).toBe(200);
    expect((await change(String(headers.etag))).status).toBe(412);
  });

  const vaultTarget = { kind: 'vault', url: 'https://vault.example.com', path: 'a', token: 't' };
  it.each([
    ['more often than every hour', { every: 'PT59M', target: vaultTarget }, 422, 'invalid-value'],
    ['less often than once a year', { every: 'P400D', target: vaultTarget }, 422, 'invalid-value'],
    ['a grace beyond the next rotation', { every: 'PT2H', gracePeriod: 'PT3H', target: vaultTarget }, 422, 'invalid-value'],
    ['a first rotation after the expiry', { every: 'P91D', target: vaultTarget }, 422, 'invalid-value'],
    ['no target', { every: 'P30D' }, 400, 'invalid-request'],
    ['a target of no kind', { every: 'P30D', target: { kind: 'ftp' } }, 400, 'invalid-request'],
    ['a field of another kind', { every: 'P30D', target: { ...vaultTarget, region: 'eu-central-1' } }, 400, 'invalid-request'],
    ['a field that is missing', { every: 'P30D', target: { kind: 'vault', url: 'https://v.example.com' } }, 400, 'invalid-request'],
    ['a path that climbs', { every: 'P30D', target: { kind: 'file', path: '../key' } }, 400, 'invalid-request'],
    ['a hidden file', { every: 'P30D', target: { kind: 'file', path: 'a/.ssh' } }, 400, 'invalid-request'],
    ['a URL with a password', { every: 'P30D', target: { kind: 'webhook', url: 'https://a:b@example.com/' } }, 400, 'invalid-request'],
    ['a token with a line end', { every: 'P30D', target: { ...vaultTarget, token: 'hvs.x\n' } }, 400, 'invalid-request'],
    ['an unknown field', { every: 'P30D', target: { ...vaultTarget, name: 'x' } }, 400, 'unknown-field'],
  ])('with %s is refused', async (_, body, status, code) => {
    const key = await server.api.generateKey({ expiresIn: 'P90D' });
    const answer = await put(key.id, body);
    expect({ status: answer.status, body: JSON.parse(answer.text) as unknown }).toMatchObject({ status, body: { code } });
    expect(await typesOf(key.id)).toEqual(['KeyGenerated']);
  }); // prettier-ignore
});
