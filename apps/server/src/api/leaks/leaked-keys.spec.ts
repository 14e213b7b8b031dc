import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { IdentityModel, users, type UserFact } from '#libs/identity';
import { formatKey, hashSecret, parseKey, type RecordedFact } from '#libs/kernel';
import { generateKey, keys, revokeKey } from '#libs/keys';
import { parseMasterKey, SubjectKeys } from '#libs/personal-data';
import { mintId, mintSecret, now } from '#libs/platform';
import { keyTable, memberTable, ReadModels, registryTable } from '#libs/read-models';
import { createRegistry, registries, type LeakAction } from '#libs/registries';
import { temporaryDirectory } from '../../../../../test/support/temporary-directory.js';
import { ProveRevocation } from '../../membership/prove-revocation.js';
import { answeringMembership } from '../../membership/testing/answering-membership.js';
import { Narrowed } from '../http/narrowed.js';
import { LeakedKeys } from './leaked-keys.js';
import type { LeakPolicy } from './leak-policy.js';

const REGISTRY = 'reg_0000000000000001';

describe('a report of a leaked key', () => {
  const directory = temporaryDirectory();
  let store: EmbeddedStore;
  let log: EventLog;
  let readModels: ReadModels;
  let subjectKeys: SubjectKeys;
  let waits = 0;
  const identity = new IdentityModel();

  beforeAll(async () => {
    store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
    log = new EventLog(store.connectionString, catalogue);
    subjectKeys = new SubjectKeys(log, parseMasterKey(Buffer.alloc(32, 7).toString('base64')), now);
    readModels = await ReadModels.open({
      file: join(directory.path, 'models.sqlite'),
      logId: 'log',
      log,
      projections: [registryTable, memberTable, keyTable],
      load: () => undefined,
      onEvents: () => undefined,
      onFailure: (error) => {
        throw error;
      },
    });
    await readModels.follow();
    const data = { at: now(), slug: 'myapp', name: 'My app', plan: 'free', createdBy: 'usr_a' } as const;
    const created = createRegistry(data, [], null, 'usr_owner');
    const { position } = await log.create(registries, REGISTRY, created, contextOf());
    await readModels.waitFor(position, 5_000);
  }, 20_000);
  afterAll(async () => {
    readModels.close();
    await log.close();
    await store.close();
    directory.remove();
  });

  const contextOf = () => ({
    commandId: randomUUID(),
    actor: { type: 'system', id: 'leak-reports' } as const,
    correlationId: 'test',
  });
  const acting = (action: LeakAction): LeakedKeys => {
    const membership = answeringMembership();
    const narrowed = membership.narrowed.bind(membership);
    membership.narrowed = (position) => {
      waits++;
      return narrowed(position);
    };
    return new LeakedKeys(
      log,
      readModels,
      identity,
      subjectKeys,
      { actionOf: () => Promise.resolve(action) } as unknown as LeakPolicy,
      new Narrowed(membership, readModels),
      new ProveRevocation(log, membership),
    );
  };
  const generate = async (): Promise<{ id: string; key: string; forged: string }> => {
    const [id, secret] = [mintId('drk'), mintSecret()];
    const data = {
      at: now(), registry: REGISTRY, registryRevision: '0', createdBy: 'usr_a', name: 'CI', permission: 'read',
      secretHash: hashSecret(secret), expiresAt: null, description: null, labels: {}, repositories: [], networks: [],
      expectedCountries: [],
    } as const; // prettier-ignore
    await log.create(keys, id, generateKey(data), contextOf());
    return { id, key: formatKey(id, secret), forged: formatKey(id, mintSecret()) };
  };
  const report = (leakedKeys: LeakedKeys, key: string, url: string | null = null) =>
    leakedKeys.report(parseKey(key)!, { source: 'content', url }, contextOf());
  const historyOf = (id: string) => log.readStream(`key-${id}`);
  const typesOf = (facts: readonly RecordedFact[]) => facts.map(({ type }) => type);

  it('is recorded with its place encrypted, and without the key that stood in its URL', async () => {
    const { id, key } = await generate();
    expect(await report(acting('notify'), key, `https://example.com/?key=${key}`)).toBe(true);
    const facts = await historyOf(id);
    expect(typesOf(facts)).toEqual(['KeyGenerated', 'KeyLeakReported']);
    const { url, ...rest } = facts[1]!.data as { url: Parameters<SubjectKeys['open']>[0] };
    expect(rest).toEqual({
      at: expect.any(String),
      registry: REGISTRY,
      source: 'content',
      proven: true,
      done: 'nothing',
      recipients: ['usr_a', 'usr_owner'],
    });
    expect(await subjectKeys.open(url)).toBe('https://example.com/?key=[key]');
  });

  it.each([
    ['notify', 'nothing', ['KeyLeakReported']],
    ['suspend', 'suspended', ['KeyLeakReported', 'KeySuspended']],
    ['revoke', 'revoked', ['KeyLeakReported', 'KeyRevoked', 'KeyRevocationProven']],
  ] as const)('with the true secret does what the policy says: %s', async (action, done, expected) => {
    const { id, key } = await generate();
    waits = 0;
    expect(await report(acting(action), key)).toBe(true);
    const [, reported, acted, proof] = await historyOf(id);
    expect(typesOf(await historyOf(id)).slice(1)).toEqual(expected);
    expect(reported!.data).toMatchObject({ done, recipients: ['usr_a', 'usr_owner'] });
    // One commit: no crash comes between what is said and what is done.
    if (acted) expect(acted.metadata.causationId).toBe(reported!.metadata.causationId);
    if (proof) expect(proof.data).toMatchObject({ position: acted!.position.toString() });
    expect(waits).toBe(action === 'notify' ? 0 : 1);
  });

  it('with a wrong secret touches nothing, whatever the policy says', async () => {
    const { id, forged } = await generate();
    expect(await report(acting('revoke'), forged)).toBe(false);
    const facts = await historyOf(id);
    expect(typesOf(facts)).toEqual(['KeyGenerated', 'KeyLeakReported']);
    expect(facts[1]!.data).toMatchObject({ proven: false, url: null, done: 'nothing', recipients: [] });
  });

  it('of a key that there is not writes nothing', async () => {
    const key = formatKey(mintId('drk'), mintSecret());
    expect(await report(acting('revoke'), key)).toBe(false);
    expect(await historyOf(key.slice(0, 20))).toEqual([]);
  });

  it('that comes again within the hour adds nothing, unless it proves more', async () => {
    const { id, key, forged } = await generate();
    for (const each of [forged, forged, key, key, forged]) await report(acting('notify'), each);
    const reports = (await historyOf(id)).slice(1);
    expect(reports.map(({ data }) => (data as { proven: boolean }).proven)).toEqual([false, true]);
  });

  it('tells nobody again of a leak that was told of, nor of a key that had ended', async () => {
    const { id, key } = await generate();
    await report(acting('notify'), key);
    await report(acting('revoke'), key);
    const [, ...facts] = await historyOf(id);
    expect(typesOf(facts)).toEqual(['KeyLeakReported', 'KeyRevoked', 'KeyRevocationProven']);
    const ended = await generate();
    await log.transact(keys, ended.id, revokeKey({ registry: REGISTRY, at: now() }), contextOf());
    await report(acting('notify'), ended.key);
    const last = (await historyOf(ended.id)).at(-1)!;
    expect(last.data).toMatchObject({ proven: true, done: 'nothing', recipients: [] });
  });

  it('of a key that is revoked or suspended already is recorded, and what was begun is finished', async () => {
    const { id, key } = await generate();
    await report(acting('suspend'), key);
    await report(acting('suspend'), key);
    await log.transact(keys, id, revokeKey({ registry: REGISTRY, at: now() }), contextOf());
    expect(await report(acting('suspend'), key)).toBe(true);
    expect(await report(acting('revoke'), key)).toBe(true);
    expect(typesOf(await historyOf(id)).slice(1)).toEqual([
      'KeyLeakReported', 'KeySuspended', 'KeyRevoked', 'KeyRevocationProven',
    ]); // prettier-ignore
  });

  it('of an access token ends it and waits for that, also when it had ended, and whatever the policy says', async () => {
    const [user, id, secret] = ['usr_0000000000000001', mintId('drm'), mintSecret()];
    const sealed = { subject: user, iv: 'iv', ciphertext: 'c', commitment: 'c' };
    const registered = { at: now(), email: sealed, name: sealed, emailIndex: 'ab', createdBy: 'usr_a' };
    const issued = { at: now(), token: id, name: 'CI', role: null, registry: null, expiresAt: null };
    const facts: readonly UserFact[] = [
      { type: 'UserRegistered', data: registered },
      { type: 'AccessTokenIssued', data: { ...issued, secretHash: hashSecret(secret) } },
    ];
    await log.create(users, user, () => facts, contextOf());
    const follow = async () => {
      for (const fact of await log.readStream(`user-${user}`)) identity.apply(fact);
    };
    await follow();
    waits = 0;
    expect(await report(acting('notify'), formatKey(id, mintSecret()))).toBe(false);
    expect(waits).toBe(0);
    for (const time of [1, 2]) {
      expect(await report(acting('notify'), formatKey(id, secret))).toBe(true);
      expect(waits).toBe(time);
      await follow();
    }
    const ended = (await log.readStream(`user-${user}`)).slice(2);
    expect(ended).toMatchObject([{ type: 'AccessTokenRevoked', data: { token: id } }]);
  });
});
