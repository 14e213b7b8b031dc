import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog, RawEvents } from '#libs/event-store';
import { users } from '#libs/identity';
import type { RecordedFact } from '#libs/kernel';
import { generateKey, keys } from '#libs/keys';
import { Outgoing } from '#libs/outgoing';
import { parseMasterKey, SubjectKeys } from '#libs/personal-data';
import { createLog, mintId, now, randomBase62, startPrivateRedis, type PrivateRedis } from '#libs/platform';
import { keyTable, notificationTable, ReadModels, registryTable } from '#libs/read-models';
import { connectRedisForQueues, type Redis } from '#libs/redis';
import { Database } from '#libs/sqlite';
import { addChannel, createRegistry, registries, type Channel, type ChannelKind } from '#libs/registries';
import { temporaryDirectory } from '../../../../../test/support/temporary-directory.js';
import { DeliverNotifications } from '../deliver-notifications.js';
import type { Mailer } from '../mailer.js';
import { SendNotification } from '../send-notification.js';

export const REGISTRY = 'reg_0000000000000001';
const processLog = createLog('fatal');
const PROJECTIONS = [registryTable, keyTable, notificationTable];

export const contextOf = () => ({
  commandId: randomUUID(),
  actor: { type: 'user', id: 'usr_a' } as const,
  correlationId: 'test',
});

/** For specs only: a log, Redis and tables of their own, with one registry. Whatever it waits for is an event of the log. */
export class NotificationFixture {
  readonly #directory = temporaryDirectory();
  readonly seen: RecordedFact[] = [];
  private watchers = new Set<() => void>();
  private connections: Redis[] = [];
  private workers: DeliverNotifications[] = [];
  log!: EventLog;
  readModels!: ReadModels;
  subjectKeys!: SubjectKeys;
  private redisServer!: PrivateRedis;
  private store!: EmbeddedStore;

  static async start(): Promise<NotificationFixture> {
    const fixture = new NotificationFixture();
    const { path } = fixture.#directory;
    fixture.redisServer = await startPrivateRedis({ directory: join(path, 'redis'), log: processLog });
    fixture.store = await startEmbeddedStore({ directory: join(path, 'events') });
    fixture.log = new EventLog(fixture.store.connectionString, catalogue);
    fixture.subjectKeys = new SubjectKeys(
      fixture.log,
      parseMasterKey(Buffer.alloc(32, 7).toString('base64')),
      now,
    );
    fixture.readModels = await fixture.models('models.sqlite');
    await fixture.registry(REGISTRY, 'myapp');
    return fixture;
  }

  async registry(id: string, slug: string): Promise<void> {
    const data = { at: now(), slug, name: 'My app', plan: 'free', createdBy: 'usr_a' } as const;
    await this.applied(this.log.create(registries, id, createRegistry(data, []), contextOf()));
  }

  /** Tables in another file, built from the log. */
  async models(name: string): Promise<ReadModels> {
    const models = await ReadModels.open({
      file: join(this.#directory.path, name),
      logId: 'log',
      log: this.log,
      projections: PROJECTIONS,
      load: () => undefined,
      onEvents: (events) => {
        this.seen.push(...events);
        setImmediate(() => this.watchers.forEach((watcher) => watcher()));
      },
      onFailure: (error) => {
        throw error;
      },
    });
    await models.follow();
    return models;
  }

  /** Tables as they are now, which nothing follows: of a node that is behind from now on. */
  async frozen(): Promise<ReadModels> {
    const database = new Database(':memory:');
    for (const { schema } of PROJECTIONS) database.exec(schema);
    const categories = new Set(PROJECTIONS.flatMap((projection) => projection.categories));
    for (const fact of await this.log.readAllAfter(undefined, [...categories]))
      for (const { categories: wanted, apply } of PROJECTIONS)
        if (wanted.includes(fact.category)) apply(database, fact);
    return { database } as ReadModels;
  }

  connect(): Redis {
    const redis = connectRedisForQueues(this.redisServer.connection);
    this.connections.push(redis);
    return redis;
  }

  worker(prefix: string, mailer?: Mailer, readModels = this.readModels): DeliverNotifications {
    const keys = () => Promise.resolve(this.subjectKeys);
    const send = new SendNotification(this.log, readModels, keys, new Outgoing(true), mailer, undefined);
    const place = { prefix, connection: this.connect(), workerConnection: this.connect() };
    const worker = new DeliverNotifications(this.log, readModels, send, place, processLog);
    this.workers.push(worker);
    return worker;
  }

  async stopWorkers(): Promise<void> {
    for (const worker of this.workers) await worker.close();
    this.connections.forEach((redis) => redis.disconnect());
    [this.workers, this.connections] = [[], []];
  }

  async channel(
    kind: ChannelKind,
    target: string,
    {
      events = ['key.revoked'],
      secret,
      registry = REGISTRY,
      subjectKeys = this.subjectKeys,
    }: { events?: string[]; secret?: string; registry?: string; subjectKeys?: SubjectKeys } = {},
  ): Promise<string> {
    const id = mintId('chn');
    const seal = (text: string) => subjectKeys.seal(id, text, contextOf());
    const channel: Channel = {
      at: now(),
      channel: id,
      kind,
      name: 'On-call',
      target: await seal(target),
      secret: secret === undefined ? null : await seal(secret),
      previousSecret: null,
      events,
      disabled: null,
    };
    await this.applied(this.log.transact(registries, registry, addChannel(channel), contextOf()));
    return id;
  }

  async key(name = 'CI', registry = REGISTRY): Promise<string> {
    const id = mintId('drk');
    const data = {
      at: now(),
      registry,
      registryRevision: '0',
      createdBy: 'usr_a',
      name,
      permission: 'read',
      secretHash: 'ab'.repeat(32),
      expiresAt: null,
      description: null,
      labels: {},
      repositories: [],
      networks: [],
      expectedCountries: [],
    } as const;
    await this.applied(this.log.create(keys, id, generateKey(data), contextOf()));
    return id;
  }

  /** A fact of a key of any type, as another release may have written it. */
  async happens(key: string, type: string, data: object): Promise<void> {
    const raw = new RawEvents(this.store.connectionString);
    const { revision } = await this.log.read(keys, key);
    const { actor, correlationId, commandId: id } = contextOf();
    const metadata = { schemaVersion: 1, actor, correlationId, causationId: id };
    const [bytes, about] = [data, metadata].map((part) => Buffer.from(JSON.stringify(part)));
    await raw.append(`key-${key}`, revision + 1n, [
      { id, type, isJson: true, data: bytes!, metadata: about! },
    ]);
    await raw.close();
  }

  async user(email: string): Promise<string> {
    const id = `usr_${randomBase62(16)}`;
    const seal = (text: string) => this.subjectKeys.seal(id, text, contextOf());
    const sealed = { email: await seal(email), name: await seal('Anna') };
    const data = { at: now(), ...sealed, emailIndex: 'ab'.repeat(32), createdBy: 'usr_a' };
    await this.log.create(users, id, () => [{ type: 'UserRegistered' as const, data }], contextOf());
    return id;
  }

  async applied<T extends { position: bigint }>(written: Promise<T>): Promise<T> {
    const done = await written;
    await this.readModels.waitFor(done.position, 5_000);
    return done;
  }

  /** Resolves with the first fact seen, past or coming, for which `wanted` holds. */
  fact(wanted: (fact: RecordedFact) => boolean): Promise<RecordedFact> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.seen.find(wanted);
        if (!found) return;
        this.watchers.delete(look);
        resolve(found);
      };
      this.watchers.add(look);
      look();
    });
  }

  /** The outcome of this type of a delivery to this target. */
  outcome(type: string, target: string): Promise<RecordedFact> {
    return this.fact((fact) => fact.type === type && (fact.data as { channel?: string }).channel === target);
  }

  async close(): Promise<void> {
    await this.stopWorkers();
    this.readModels.close();
    await this.log.close();
    await this.store.close();
    await this.redisServer.stop();
    this.#directory.remove();
  }
}
