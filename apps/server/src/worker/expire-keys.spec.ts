import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import type { RecordedFact } from '#libs/kernel';
import { generateKey, keys, suspendKey } from '#libs/keys';
import { createLog, mintId, startPrivateRedis, type PrivateRedis } from '#libs/platform';
import { keyTable, ReadModels } from '#libs/read-models';
import { connectRedisForQueues, type Redis } from '#libs/redis';
import { temporaryDirectory } from '../../../../test/support/temporary-directory.js';
import { ExpireKeys } from './expire-keys.js';

const processLog = createLog('fatal');

describe('the worker that records expiries', () => {
  const directory = temporaryDirectory();
  let redisServer: PrivateRedis;
  let store: EmbeddedStore;
  let log: EventLog;
  let readModels: ReadModels;
  let connections: Redis[] = [];
  let workers: ExpireKeys[] = [];
  let seen: RecordedFact[] = [];
  let changed = (): void => undefined;

  beforeAll(async () => {
    redisServer = await startPrivateRedis({ directory: join(directory.path, 'redis'), log: processLog });
    store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
    log = new EventLog(store.connectionString, catalogue);
    readModels = await ReadModels.open({
      file: join(directory.path, 'models.sqlite'),
      logId: 'log',
      log,
      projections: [keyTable],
      load: () => undefined,
      onEvents: (events) => {
        seen.push(...events);
        setImmediate(() => changed());
      },
      onFailure: (error) => {
        throw error;
      },
    });
    await readModels.follow();
  });
  afterEach(async () => {
    for (const worker of workers) await worker.close();
    connections.forEach((redis) => redis.disconnect());
    [connections, workers, seen] = [[], [], []];
  });
  afterAll(async () => {
    readModels.close();
    await log.close();
    await store.close();
    await redisServer.stop();
    directory.remove();
  });

  const connect = (): Redis => {
    const redis = connectRedisForQueues(redisServer.connection);
    connections.push(redis);
    return redis;
  };
  const worker = (prefix: string): ExpireKeys => {
    const started = new ExpireKeys(
      log,
      readModels,
      { prefix, connection: connect(), workerConnection: connect() },
      processLog,
    );
    workers.push(started);
    return started;
  };
  const contextOf = () => ({
    commandId: randomUUID(),
    actor: { type: 'user', id: 'usr_a' } as const,
    correlationId: 'test',
  });
  /** A key that expires `inMs` from now. */
  const key = async (inMs: number): Promise<string> => {
    const id = mintId('drk');
    const data = {
      at: new Date(Date.now() - 3_600_000).toISOString(),
      registry: 'reg_0000000000000001',
      registryRevision: '0',
      createdBy: 'usr_a',
      name: 'CI',
      permission: 'read',
      secretHash: 'ab'.repeat(32),
      expiresAt: new Date(Date.now() + inMs).toISOString(),
      description: null,
      labels: {},
      repositories: [],
      networks: [],
      expectedCountries: [],
    } as const;
    const { position } = await log.create(keys, id, generateKey(data), contextOf());
    await readModels.waitFor(position, 5_000);
    return id;
  };
  /** Resolves when the read model has seen the end of all these keys. */
  const ended = (ids: readonly string[]): Promise<void> =>
    new Promise((resolve) => {
      const all = (): boolean =>
        ids.every((id) => seen.some((event) => event.id === id && event.type === 'KeyExpired'));
      changed = () => all() && resolve();
      changed();
    });
  const endsOf = async (id: string): Promise<RecordedFact[]> =>
    (await log.readStream(`key-${id}`)).filter((event) => event.type === 'KeyExpired');

  it('records each expiry once, at the moment of the expiry, however many workers there are', async () => {
    const ids = [await key(-1_000), await key(-1), await key(300)];
    const both = [worker('two'), worker('two')];
    for (let round = 0; round < 3; round++) await Promise.all(both.map((each) => each.reconcile()));
    await ended(ids);
    for (const id of ids) {
      const { state, events } = await log.read(keys, id);
      expect(state).toMatchObject({ status: 'expired' });
      expect(events).toHaveLength(2);
      expect(events[1]!.data).toMatchObject({ at: state.status !== 'none' && state.expiresAt });
      expect(events[1]!.metadata).toMatchObject({
        actor: { type: 'system', id: 'expire-keys' },
        critical: true,
      });
    }
  }, 20_000);

  it('loses nothing when Redis forgets everything while jobs wait', async () => {
    const waiting = await key(1_000);
    const expiring = worker('flushed');
    await expiring.reconcile();
    const redis = connect();
    expect(await redis.keys('flushed:*')).not.toEqual([]);
    await redis.flushall();
    await expiring.reconcile();
    await ended([waiting]);
    await expiring.reconcile();
    expect(await endsOf(waiting)).toHaveLength(1);
  }, 20_000);

  it('records the end of a suspended key too', async () => {
    const id = await key(1_500);
    const suspend = suspendKey({ registry: 'reg_0000000000000001', at: new Date().toISOString() });
    const { position } = await log.transact(keys, id, suspend, contextOf());
    await readModels.waitFor(position, 5_000);
    await worker('suspended').reconcile();
    await ended([id]);
    expect(await endsOf(id)).toHaveLength(1);
  }, 20_000);

  it('leaves a key alone whose time is not over', async () => {
    const later = await key(3_600_000);
    const due = await key(-1);
    await worker('later').reconcile();
    await ended([due]);
    expect(await endsOf(later)).toEqual([]);
  }, 20_000);
});
