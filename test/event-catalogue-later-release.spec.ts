import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { Catalogue, EventLog, LaterRelease } from '#libs/event-store';
import { describeFacts, type Fact, type RecordedFact, type StreamKind } from '#libs/kernel';
import { generateKey, keys, revokeKey, type KeyRevoked } from '#libs/keys';
import { findKey, keyTable, ReadModels, registryTable } from '#libs/read-models';
import { exchange } from './e2e/http-exchange.js';
import { eventually, Installation } from './e2e/server-process.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const at = '2026-01-05T09:30:00.000Z';
const registry = 'reg_2Xb7Qm4TzR0aKd9P';

/** A later release: it may freeze keys, and its KeyRevoked has a third version. */
type KeyFrozen = Fact<'KeyFrozen', { readonly at: string }>;
type KeyPainted = Fact<'KeyPainted', { readonly at: string }>;
const why = { cause: 'requested', reason: null } as const;
type LaterFact = KeyFrozen | KeyPainted | KeyRevoked;
const laterKeys: StreamKind<null, LaterFact> = {
  category: 'key',
  initial: null,
  evolve: () => null,
  critical: new Set(['KeyFrozen', 'KeyRevoked']),
};
const time = {
  description: 'Of a later release.',
  fields: { at: ['time', 'When.'] },
  example: { at },
} as const;
const laterCatalogue = new Catalogue([
  ...catalogue.types.filter(({ type }) => type !== 'LogStarted' && type !== 'KeyRevoked'),
  ...describeFacts([laterKeys], {
    KeyFrozen: time,
    KeyPainted: time,
    KeyRevoked: {
      ...time,
      fields: {
        ...time.fields,
        registry: ['text', 'Of which.'],
        cause: ['text', 'Why.'],
        reason: ['object or null', 'Why.'],
      },
      example: { at, registry, ...why },
      upcasters: [(data) => ({ ...data, ...why }), (data) => ({ ...data })],
    },
  }),
]);

const context = () => ({
  commandId: randomUUID(),
  actor: { type: 'system', id: 'test' } as const,
  correlationId: 'test',
});

async function generate(log: EventLog, id: string): Promise<bigint> {
  const data = {
    at, registry, registryRevision: '0', createdBy: 'usr_a', name: 'CI', permission: 'read' as const,
    secretHash: 'ab'.repeat(32), expiresAt: null, description: null, labels: {},
    repositories: [], networks: [], expectedCountries: [],
  }; // prettier-ignore
  return (await log.create(keys, id, generateKey(data), context())).position;
}

const frozen = (): LaterFact[] => [{ type: 'KeyFrozen', data: { at } }];
const painted = (): LaterFact[] => [{ type: 'KeyPainted', data: { at } }];
const revoked = (): LaterFact[] => [{ type: 'KeyRevoked', data: { at, registry, ...why } }];

describe('a node that meets a fact of a later release', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let store: EmbeddedStore;
  let later: EventLog;
  let log: EventLog;
  let models: ReadModels;
  let failed: Promise<unknown>;

  /** A node with this release's catalogue, or the later one's; on the same file as the one before it. */
  const node = async (of: Catalogue = catalogue): Promise<void> => {
    let onFailure = (_error: unknown): void => undefined;
    failed = new Promise((resolve) => (onFailure = resolve));
    log = new EventLog(store.connectionString, of);
    const none = (): void => undefined;
    models = await ReadModels.open({
      file: join(directory.path, 'models.sqlite'),
      logId: 'log',
      log,
      projections: [registryTable, keyTable],
      load: none,
      onEvents: none,
      onFailure,
    });
  };
  const end = async (): Promise<void> => {
    models.close();
    await log.close();
  };
  const status = (id: string) => findKey(models.database, registry, id)?.status;

  beforeEach(async () => {
    directory = temporaryDirectory();
    store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
    later = new EventLog(store.connectionString, laterCatalogue);
  });
  afterEach(async () => {
    await end();
    await later.close();
    await store.close();
    directory.remove();
  });

  it.each([
    ['an unknown type that narrows access', frozen, 'event KeyFrozen v1'],
    ['a later version of a type that does', revoked, 'event KeyRevoked v3'],
  ])('ends at %s: live, after a restart, and until a release that knows it starts', async (_, fact, what) => {
    const [first, second] = [`drk_${randomUUID()}`, `drk_${randomUUID()}`];
    await generate(later, first);
    const start = await generate(later, second);
    await node();
    await models.follow();
    expect(log.laterRelease).toBeUndefined();
    const before = models.position!;
    expect(before).toBe(start);
    await later.transact(laterKeys, first, fact, context());
    const { position: after } = await later.transact(keys, second, revokeKey({ registry, at }), context());
    const obstacle = await failed;
    expect(obstacle).toBeInstanceOf(LaterRelease);
    expect(obstacle).toMatchObject({
      message: `${what} of a later release narrows access; upgrade this node`,
    });
    expect(log.laterRelease).toBe(obstacle);
    expect([models.position, status(second)]).toEqual([before, 'active']);
    await expect(log.transact(keys, first, revokeKey({ registry, at }), context())).rejects.toThrow(what);
    await end();

    await node();
    await expect(models.follow()).rejects.toThrow(`${what} of a later release`);
    expect(log.laterRelease).toMatchObject({ code: 'unavailable' });
    expect([models.isCaughtUp, models.position, status(second)]).toEqual([false, before, 'active']);
    await end();

    await node(laterCatalogue);
    await models.follow();
    expect(log.laterRelease).toBeUndefined();
    expect([models.position, status(second)]).toEqual([after, 'revoked']);
  });

  it('goes on past an unknown type that narrows nothing, also in the stream that it decides on', async () => {
    const seen: RecordedFact[] = [];
    const id = `drk_${randomUUID()}`;
    const begin = await generate(later, id);
    await later.transact(laterKeys, id, painted, context());
    await node();
    const { position } = await log.transact(keys, id, revokeKey({ registry, at }), context());
    await new Promise<void>((resolve, reject) => {
      const onEvents = (events: readonly RecordedFact[]): void => {
        seen.push(...events);
        if (seen.at(-1)!.position === position) resolve();
      };
      log.subscribe(begin, ['key'], { onEvents, onFailure: reject });
    });
    expect(seen.map(({ type }) => type)).toEqual(['KeyPainted', 'KeyRevoked']);
    expect(log.laterRelease).toBeUndefined();
  });
});

describe('the server that meets a fact of a later release', () => {
  const directory = temporaryDirectory();
  const installation = new Installation();
  let store: EmbeddedStore;
  let later: EventLog;

  beforeAll(async () => {
    store = await startEmbeddedStore({ directory: directory.path });
    later = new EventLog(store.connectionString, laterCatalogue);
  });
  afterAll(async () => {
    await installation.remove();
    await later.close();
    await store.close();
    directory.remove();
  }, 20_000);

  it('answers 503 at the gate and at the management API, says why, and does so after a restart', async () => {
    const settings = { EVENTSTORE_URL: store.connectionString, REGISTRY_UPSTREAM: 'none' };
    let server = await installation.start(settings);
    const key = await server.api.generateKey();
    expect(await server.api.v2(key.key)).toMatchObject({ status: 200 });
    await later.transact(laterKeys, key.id, frozen, context());

    const text = 'event KeyFrozen v1 of a later release narrows access; upgrade this node';
    const refused = async (): Promise<boolean> => {
      const ready = await exchange(server.apiPort, { path: '/readyz' });
      return ready.status === 503 && ready.text.includes(text);
    };
    const answers = async () => [
      (await server.api.v2(key.key)).status,
      (await server.api.call('/v1/registries')).status,
      (await exchange(server.gatePort, { path: '/livez' })).status,
    ];
    await eventually('not ready', 10_000, refused);
    expect(await answers()).toEqual([503, 503, 200]);
    expect((await server.api.call('/v1/registries')).text).toContain(text);
    await server.stop();

    server = await installation.start(settings, 503);
    expect(await refused()).toBe(true);
    expect(await answers()).toEqual([503, 503, 200]);
    expect(server.output).toContain(`is not ready: events: ${text}`);
  }, 60_000);
});
