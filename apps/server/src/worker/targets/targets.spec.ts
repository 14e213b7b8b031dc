import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Outgoing } from '#libs/outgoing';
import { AwsServer } from '../../../../../test/support/rotation-targets/aws-server.js';
import { GithubServer } from '../../../../../test/support/rotation-targets/github-server.js';
import type { TargetServer } from '../../../../../test/support/rotation-targets/target-server.js';
import { VaultServer } from '../../../../../test/support/rotation-targets/vault-server.js';
import { WebhookServer } from '../../../../../test/support/rotation-targets/webhook-server.js';
import { temporaryDirectory } from '../../../../../test/support/temporary-directory.js';
import type { RotationTarget } from '../../rotation-target.js';
import { mintWebhookSecret } from '../../api/http/webhook-secret.js';
import { DeliverSecret } from './deliver-secret.js';
import { DeliveryFailed, type NewSecret } from './delivery.js';

/** A target that says nothing is given up after this. */
const TIMEOUT_MS = 300;
const PAUSES_MS = [5, 10];

const folder = temporaryDirectory();
const [webhook, vault, aws, github] = [
  new WebhookServer(),
  new VaultServer(),
  new AwsServer(),
  new GithubServer(),
];
const servers: TargetServer[] = [webhook, vault, aws, github];
const deliver = new DeliverSecret(new Outgoing(true, { timeoutMs: TIMEOUT_MS }), folder.path, PAUSES_MS);
const signingSecret = mintWebhookSecret();

beforeAll(async () => {
  webhook.secrets = [signingSecret];
  await Promise.all(servers.map((server) => server.listen()));
});
afterEach(() => {
  for (const server of servers) {
    server.faults = [];
    server.asked.length = 0;
  }
});
afterAll(() => {
  for (const server of servers) server.close();
  folder.remove();
});

let count = 0;
const secretOf = (more: Partial<NewSecret> = {}): NewSecret => ({
  id: `drk_${String(++count).padStart(16, '0')}`,
  key: `drk_the whole key ${count}`,
  name: 'CI',
  expiresAt: null,
  predecessor: { id: 'drk_0000000000000000', gracePeriod: 'PT24H' },
  registry: { id: 'reg_0000000000000001', slug: 'myapp' },
  deliveryId: randomUUID(),
  ...more,
});
const to = (target: RotationTarget, secret: NewSecret, age = () => 0) => deliver.to(target, secret, age);

const toWebhook = (): RotationTarget => ({ kind: 'webhook', url: `${webhook.url}/hook`, signingSecret });
const toVault = (): RotationTarget & { kind: 'vault' } => ({
  kind: 'vault', url: vault.url, mount: 'kv/team', path: 'ci/registry', token: vault.token,
}); // prettier-ignore
const toAws = (): RotationTarget & { kind: 'aws-secrets-manager' } => {
  const { region, secretId, url, accessKeyId, secretAccessKey } = aws;
  return { kind: 'aws-secrets-manager', region, secretId, url, accessKeyId, secretAccessKey };
};
const toGithub = (): RotationTarget & { kind: 'github-actions' } => {
  const { url, repository, token } = github;
  return { kind: 'github-actions', url, repository, secretName: 'REGISTRY_KEY', token };
};
const credentials = ({ id, key }: NewSecret) => ({ username: id, password: key });

const VAULT_PLACE = 'kv/team/data/ci/registry';

/** Every server that is asked over HTTP, and how it is reached. */
const OVER_HTTP: readonly [string, TargetServer, () => RotationTarget][] = [
  ['a webhook', webhook, toWebhook],
  ['Vault', vault, toVault],
  ['AWS Secrets Manager', aws, toAws],
  ['GitHub', github, toGithub],
];

describe('a new secret', () => {
  it('reaches a webhook signed, so that the reference library takes it', async () => {
    const secret = secretOf();
    expect(await to(toWebhook(), secret)).toBeNull();
    expect(webhook.taken.at(-1)).toMatchObject({
      type: 'key.rotated',
      data: {
        key: { id: secret.id, name: 'CI', secret: secret.key },
        predecessor: secret.predecessor,
        registry: secret.registry,
      },
    });
  });

  it('becomes the next version of a secret in Vault, by check-and-set', async () => {
    const [first, second] = [secretOf(), secretOf()];
    expect(await to(toVault(), first)).toBe('1');
    expect(await to(toVault(), second)).toBe('2');
    expect(vault.versions.get(VAULT_PLACE)).toEqual([credentials(first), credentials(second)]);
  });

  it('becomes the current version in AWS Secrets Manager, with a signature that holds', async () => {
    const [first, second] = [secretOf(), secretOf()];
    await to(toAws(), first);
    expect(await to(toAws(), second)).toBe(second.deliveryId);
    expect(JSON.parse(aws.current!.text)).toEqual(credentials(second));
    expect(aws.current!.id).toBe(second.deliveryId);
  });

  it('is sealed for the public key of a repository on GitHub, which opens it', async () => {
    const secret = secretOf();
    expect(await to(toGithub(), secret)).toBeNull();
    expect(github.secrets.get('REGISTRY_KEY')).toBe(secret.key);
    expect(github.asked.map(({ body }) => body).join('')).not.toContain(secret.key);
  });

  it('is the whole of a file that only its owner reads, in the folder of its registry', async () => {
    const [first, second] = [secretOf(), secretOf()];
    await to({ kind: 'file', path: 'ci/key' }, first);
    await to({ kind: 'file', path: 'ci/key' }, second);
    const file = join(folder.path, 'myapp', 'ci', 'key');
    expect(readFileSync(file, 'utf8')).toBe(second.key);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder.path, 'myapp', 'ci'))).toEqual(['key']);
  });
});

describe('a target that fails for a moment', () => {
  it.each(OVER_HTTP)('has the secret after another attempt: %s', async (_, server, target) => {
    server.faults = [{ status: 503 }, 'cut'];
    await to(target(), secretOf());
    expect(server.asked.length).toBeGreaterThan(2);
  });

  it.each([
    ['a webhook', webhook, toWebhook, ['lost answer']],
    ['Vault', vault, toVault, [undefined, 'lost answer']],
    ['AWS Secrets Manager', aws, toAws, ['lost answer']],
    ['GitHub', github, toGithub, [undefined, 'lost answer']],
  ] as const)(
    'has it once where it took it and the answer was lost: %s',
    async (_, server, target, faults) => {
      const versions = () => [vault.versions.get(VAULT_PLACE)?.length ?? 0, aws.versions.length];
      const before = versions();
      const secret = secretOf();
      server.faults = [...faults];
      await to(target(), secret);
      const [inVault, inAws] = versions().map((now, index) => now - before[index]!);
      if (server === vault) expect(inVault).toBe(1);
      if (server === aws) expect(inAws).toBe(1);
      if (server === webhook) expect(webhook.ids.slice(-2)).toEqual([secret.deliveryId, secret.deliveryId]);
      if (server === github) expect(github.secrets.get('REGISTRY_KEY')).toBe(secret.key);
    },
  );
});

describe('a target that does not take the secret', () => {
  const failure = async (target: RotationTarget, age?: () => number) => {
    const secret = secretOf();
    const error = await to(target, secret, age).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeliveryFailed);
    const { message } = error as DeliveryFailed;
    for (const part of [
      secret.key,
      signingSecret,
      vault.token,
      github.token,
      aws.secretAccessKey,
      '127.0.0.1',
    ])
      expect(message).not.toContain(part);
    return message;
  };

  it.each(OVER_HTTP)(
    'is asked three times in all, and its status is the reason: %s',
    async (_, server, target) => {
      server.faults = Array.from({ length: 9 }, () => ({ status: 500 }));
      expect(await failure(target())).toBe('the target answered 500');
      expect(server.asked).toHaveLength(3);
    },
  );

  it.each(OVER_HTTP)(
    'is no redirect, which would carry the secret elsewhere: %s',
    async (_, server, target) => {
      server.faults = [{ status: 307, headers: { location: `${github.url}/elsewhere` } }];
      expect(await failure(target())).toBe('the target answered 307');
      expect(server.asked).toHaveLength(1);
      expect(github.asked.filter(({ path }) => path === '/elsewhere')).toEqual([]);
    },
  );

  it.each(OVER_HTTP)('is not waited for longer than a request may take: %s', async (_, server, target) => {
    server.faults = ['silence', 'silence', 'silence'];
    expect(await failure(target())).toBe('there was no answer in time');
  });

  it.each(OVER_HTTP)('is not asked at all once there is no time left: %s', async (_, server, target) => {
    expect(await failure(target(), () => 20_000)).toBe('there was no time left to deliver it');
    expect(server.asked).toHaveLength(0);
  });

  it.each([
    [
      'a webhook with another secret',
      webhook,
      () => ({ ...toWebhook(), signingSecret: mintWebhookSecret() }),
      401,
    ],
    ['Vault with another token', vault, () => ({ ...toVault(), token: 'hvs.other' }), 403],
    ['AWS with another key', aws, () => ({ ...toAws(), secretAccessKey: 'other' }), 400],
    ['AWS in another region', aws, () => ({ ...toAws(), region: 'us-east-1' }), 400],
    ['a secret that AWS does not have', aws, () => ({ ...toAws(), secretId: 'other' }), 400],
    ['GitHub with another token', github, () => ({ ...toGithub(), token: 'other' }), 401],
    ['another repository on GitHub', github, () => ({ ...toGithub(), repository: 'acme/other' }), 404],
  ] as const)('is asked once where it refuses: %s', async (_, server, target, status) => {
    expect(await failure(target() as RotationTarget)).toBe(`the target answered ${status}`);
    expect(server.asked).toHaveLength(1);
  });

  it('is a failure, too, where no request can be made of it: nothing that opens it is said', async () => {
    const text = await failure({ ...toAws(), accessKeyId: 'AKID\nEXAMPLE' });
    expect(text).toBe('the request could not be made (TypeError)');
    expect(aws.asked).toHaveLength(0);
  });

  it('keeps what somebody else wrote into Vault between the reading and the writing', async () => {
    await to(toVault(), secretOf());
    const versions = vault.versions.get(VAULT_PLACE)!;
    const answer = vault.answerTo.bind(vault);
    let reads = 0;
    vault.answerTo = (asked) => {
      const given = answer(asked);
      if (asked.method === 'GET' && ++reads === 1) versions.push({ username: 'somebody', password: 'else' });
      return given;
    };
    try {
      expect(await failure(toVault())).toBe('the target answered 400');
      expect(versions.at(-1)).toEqual({ username: 'somebody', password: 'else' });
    } finally {
      vault.answerTo = answer;
    }
  });

  it('is no private address, unless the operator allows that', async () => {
    const strict = new DeliverSecret(new Outgoing(false), folder.path, PAUSES_MS);
    for (const [, server, target] of OVER_HTTP) {
      await expect(strict.to(target(), secretOf(), () => 0)).rejects.toThrow('not public');
      expect(server.asked).toHaveLength(0);
    }
  });

  it('is nothing outside the folder of the registry, whichever links somebody has made', async () => {
    const outside = join(folder.path, 'other');
    const own = join(folder.path, 'linked');
    for (const each of [outside, own]) mkdirSync(each);
    writeFileSync(join(outside, 'key'), 'as it was');
    symlinkSync(outside, join(own, 'ci'));
    symlinkSync(join(outside, 'key'), join(own, 'key'));
    const registry = { id: 'reg_0000000000000002', slug: 'linked' };
    const write = (path: string) => to({ kind: 'file', path }, secretOf({ registry }));
    for (const path of ['ci/key', 'ci/deep/key', '../other/key', 'a/../../other/key'])
      await expect(write(path)).rejects.toThrow(DeliveryFailed);
    // A link in the place of the file itself is replaced, and not followed.
    await write('key');
    expect(readFileSync(join(outside, 'key'), 'utf8')).toBe('as it was');
    expect(readdirSync(outside)).toEqual(['key']);
  });

  it('is a file only where the operator has set a folder', async () => {
    const without = new DeliverSecret(new Outgoing(true), undefined);
    await expect(without.to({ kind: 'file', path: 'key' }, secretOf(), () => 0)).rejects.toThrow(
      'writes no files',
    );
  });
});
