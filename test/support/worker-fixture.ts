import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog, type CommandContext } from '#libs/event-store';
import type { Decision, RecordedFact } from '#libs/kernel';
import { generateKey, keys, type KeyFact, type KeyState, type NewKey } from '#libs/keys';
import { createLog, mintId, startPrivateRedis, type PrivateRedis } from '#libs/platform';
import { API_PROJECTIONS, ReadModels } from '#libs/read-models';
import { connectRedisForQueues, type Redis } from '#libs/redis';
import { temporaryDirectory } from './temporary-directory.js';

export const REGISTRY = 'reg_0000000000000001';
const HOUR_MS = 3_600_000;

/** For specs only: the log, the tables and the Redis that workers stand on. */
export class WorkerFixture {
  private readonly connections: Redis[] = [];
  private readonly seen: RecordedFact[] = [];
  private changed = (): void => undefined;

  private constructor(
    private readonly directory: ReturnType<typeof temporaryDirectory>,
    private readonly redisServer: PrivateRedis,
    private readonly store: EmbeddedStore,
    readonly log: EventLog,
    readonly readModels: ReadModels,
  ) {}

  static async start(): Promise<WorkerFixture> {
    const directory = temporaryDirectory();
    const log = createLog('fatal');
    const redisServer = await startPrivateRedis({ directory: join(directory.path, 'redis'), log });
    const store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
    const eventLog = new EventLog(store.connectionString, catalogue);
    const following: { fixture?: WorkerFixture } = {};
    const readModels = await ReadModels.open({
      file: join(directory.path, 'models.sqlite'),
      logId: 'log',
      log: eventLog,
      projections: API_PROJECTIONS,
      load: () => undefined,
      onEvents: (events) => following.fixture?.saw(events),
      onFailure: (error) => {
        throw error;
      },
    });
    await readModels.follow();
    following.fixture = new WorkerFixture(directory, redisServer, store, eventLog, readModels);
    return following.fixture;
  }

  context(): CommandContext {
    return { commandId: randomUUID(), actor: { type: 'user', id: 'usr_a' }, correlationId: 'test' };
  }

  /** Connections of a worker of its own; those of one prefix share their queues. */
  queue(prefix: string) {
    return { prefix, connection: this.connect(), workerConnection: this.connect() };
  }

  connect(): Redis {
    const redis = connectRedisForQueues(this.redisServer.connection);
    this.connections.push(redis);
    return redis;
  }

  /** Generates a key that was born an hour ago, and waits until the tables have it; its id. */
  async key(more: Partial<NewKey> = {}): Promise<string> {
    const id = mintId('drk');
    const data = {
      at: this.ago(HOUR_MS), registry: REGISTRY, registryRevision: '0', createdBy: 'usr_a', name: 'CI', permission: 'read',
      secretHash: 'ab'.repeat(32), expiresAt: null, description: null, labels: {}, repositories: [], networks: [],
      expectedCountries: [], ...more,
    } as const; // prettier-ignore
    const { position } = await this.log.create(keys, id, generateKey(data), this.context());
    await this.readModels.waitFor(position, 5_000);
    return id;
  }

  /** Appends what is decided, and waits until the tables have it. */
  async decide(id: string, decision: Decision<KeyState, KeyFact>): Promise<void> {
    const { position } = await this.log.transact(keys, id, decision, this.context());
    await this.readModels.waitFor(position, 5_000);
  }

  ago(milliseconds: number): string {
    return new Date(Date.now() - milliseconds).toISOString();
  }

  async typesOf(id: string): Promise<string[]> {
    return (await this.log.readStream(`key-${id}`)).map(({ type }) => type);
  }

  /** Resolves when the tables have had a fact of this type of each of these keys. */
  happened(type: string, ids: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      this.changed = () => {
        if (ids.every((id) => this.seen.some((fact) => fact.id === id && fact.type === type))) resolve();
      };
      this.changed();
    });
  }

  async close(): Promise<void> {
    this.connections.forEach((redis) => redis.disconnect());
    this.readModels.close();
    await this.log.close();
    await this.store.close();
    await this.redisServer.stop();
    this.directory.remove();
  }

  private saw(events: readonly RecordedFact[]): void {
    this.seen.push(...events);
    setImmediate(() => this.changed());
  }
}
