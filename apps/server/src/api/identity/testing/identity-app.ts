import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ModuleMetadata } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { IdentityModel } from '#libs/identity';
import { generateGeneration, SubjectKeys } from '#libs/personal-data';
import { LOG, now, readSettings, Settings } from '#libs/platform';
import { memberTable, ReadModels, registryTable } from '#libs/read-models';
import { connectRedis, Redis } from '#libs/redis';
import { temporaryDirectory } from '../../../../../../test/support/temporary-directory.js';
import { Installation } from '../../../installation.js';
import { Membership } from '../../../membership/membership.js';
import { EdgeApp, type Answer } from '../../http/edge-app.js';
import { FirstAnswer } from '../../http/first-answer.js';
import { Narrowed } from '../../http/narrowed.js';
import { Widened } from '../../http/widened.js';
import { BootstrapAdministrator } from '../bootstrap-administrator.js';
import { CallerGuard } from '../caller-guard.js';
import { IDENTITY_CATEGORIES, IdentityFeed } from '../identity-feed.js';
import { IDENTITY_PROVIDERS, IDENTITY_ROUTES } from '../routes.js';
import { Users } from '../users.js';

const HOUR_MS = 3_600_000;

/** For specs only: the routes of identity over HTTP, on a log and a Redis of their own; this node alone is a member. */
export class IdentityApp {
  /** What reached the log of the program, one text an entry. */
  readonly logged: string[] = [];
  /** Whether the node has its lease. */
  lease = true;
  /** Positions that an answer has waited for. */
  readonly waitedFor: bigint[] = [];
  readonly installation = new Installation('test-log');
  readonly directory = temporaryDirectory();
  redis!: Redis;
  eventLog!: EventLog;
  users!: Users;
  subjectKeys!: SubjectKeys;
  settings!: Settings;
  feed!: IdentityFeed;
  private store!: EmbeddedStore;
  private readModels!: ReadModels;
  private redisServer!: ChildProcess;
  private edge!: EdgeApp;
  private readonly masterKey = { generations: [generateGeneration()] };

  static async start(
    environment: Record<string, string>,
    more: Pick<ModuleMetadata, 'controllers'> = {},
  ): Promise<IdentityApp> {
    const app = new IdentityApp();
    app.settings = readSettings({ DATA_DIR: app.directory.path, ...environment });
    app.store = await startEmbeddedStore({ directory: join(app.directory.path, 'events') });
    await app.startRedis();
    app.redis = connectRedis({ path: app.socket });
    app.eventLog = new EventLog(app.store.connectionString, catalogue);
    await app.follow();
    await app.listen(more);
    return app;
  }

  call(method: string, path: string, headers: Record<string, string> = {}, body?: unknown): Promise<Answer> {
    return this.edge.call(method, path, headers, body);
  }

  get port(): number {
    return this.edge.port;
  }

  /** What a browser sends with a write. */
  get origin(): { origin: string } {
    return { origin: `http://127.0.0.1:${this.port}` };
  }

  /** The session cookie of a sign-in, with which writes may come too. */
  async signIn(email: string, password: string): Promise<{ cookie: string; origin: string }> {
    const { status, headers, text } = await this.call('POST', '/v1/session', {}, { email, password });
    if (status !== 200) throw new Error(text);
    return { cookie: headers['set-cookie']![0]!.split(';')[0]!, ...this.origin };
  }

  /** The settings of a later start. */
  async bootstrap(environment: Record<string, string>): Promise<string | undefined> {
    const settings = readSettings({ DATA_DIR: this.directory.path, ...environment });
    const { eventLog, installation, users } = this;
    const log = { info: this.keep, warn: this.keep };
    const parts = { settings, eventLog, installation, users, log, isTerminal: true };
    const password = await new BootstrapAdministrator(parts).run();
    await this.settle();
    return password;
  }

  /** Resolves when this node knows all that is in the log. */
  async settle(): Promise<void> {
    const page = await this.eventLog.readAllAfter(this.feed.model.position, IDENTITY_CATEGORIES);
    if (page.length > 0) await this.readModels.waitFor(page.at(-1)!.position, 5_000);
  }

  async startRedis(): Promise<void> {
    const folder = this.directory.path;
    this.redisServer = spawn('redis-server', [
      '--port', '0', '--unixsocket', this.socket, '--save', '', '--dir', folder,
    ]); // prettier-ignore
    await new Promise<void>((ready, failed) => {
      this.redisServer.once('error', () =>
        failed(new Error('redis-server is missing: apt-get install redis-server')),
      );
      this.redisServer.stdout!.on(
        'data',
        (line: Buffer) => line.includes('ready to accept connections') && ready(),
      );
    });
  }

  async stopRedis(): Promise<void> {
    const ended = once(this.redisServer, 'exit');
    this.redisServer.kill('SIGKILL');
    await ended;
  }

  async close(): Promise<void> {
    await this.edge?.close();
    this.readModels?.close();
    await this.eventLog?.close();
    await this.store?.close();
    this.redis?.disconnect();
    if (this.redisServer?.exitCode === null && this.redisServer.signalCode === null) await this.stopRedis();
    this.directory.remove();
  }

  private get socket(): string {
    return join(this.directory.path, 'redis.sock');
  }

  private readonly keep = (...entry: unknown[]): void => void this.logged.push(JSON.stringify(entry));

  private async follow(): Promise<void> {
    const { eventLog: log, directory } = this;
    const feed = (this.feed = new IdentityFeed(log));
    this.readModels = await ReadModels.open({
      file: join(directory.path, 'models.sqlite'),
      logId: 'log',
      log,
      projections: [registryTable, memberTable],
      watched: IDENTITY_CATEGORIES,
      load: () => undefined,
      onEvents: (events) => events.forEach((event) => feed.apply(event)),
      onFailure: (error) => {
        throw error;
      },
    });
    const subjectKeys = (this.subjectKeys = new SubjectKeys(log, this.masterKey, now));
    feed.whenErased((user) => subjectKeys.forget(user));
    this.users = new Users(feed.model, subjectKeys);
    await this.readModels.follow();
    const parts = {
      settings: this.settings,
      eventLog: log,
      installation: this.installation,
      users: this.users,
    };
    await new BootstrapAdministrator({
      ...parts,
      log: { info: this.keep, warn: this.keep },
      isTerminal: false,
    }).run();
    await feed.fill();
  }

  private async listen({ controllers = [] }: Pick<ModuleMetadata, 'controllers'>): Promise<void> {
    this.edge = await EdgeApp.start({
      imports: [CqrsModule.forRoot()],
      controllers: [...IDENTITY_ROUTES, ...controllers],
      providers: [
        { provide: Settings, useValue: this.settings },
        { provide: Installation, useValue: this.installation },
        { provide: EventLog, useValue: this.eventLog },
        { provide: ReadModels, useValue: this.readModels },
        { provide: Redis, useValue: this.redis },
        { provide: IdentityModel, useValue: this.feed.model },
        { provide: Users, useValue: this.users },
        { provide: SubjectKeys, useValue: this.subjectKeys },
        { provide: LOG, useValue: { warn: this.keep } },
        { provide: Membership, useValue: this.membership() },
        { provide: APP_GUARD, useClass: CallerGuard },
        FirstAnswer,
        Narrowed,
        Widened,
        ...IDENTITY_PROVIDERS,
      ],
    });
  }

  /** Everything that reached a log, the edge's too. */
  get allLogged(): string {
    return [...this.logged, ...this.edge.logged].join('\n');
  }

  private membership(): Pick<Membership, 'ready' | 'waitReady' | 'narrowed' | 'widened'> {
    return {
      ready: () => this.lease || 'no lease: the event store has not confirmed this process',
      waitReady: () => Promise.resolve(),
      narrowed: async (position) => {
        await this.readModels.waitFor(position, HOUR_MS);
        this.waitedFor.push(position);
        return { position, members: [], durationMs: 0, complete: true };
      },
      widened: () => Promise.resolve(),
    };
  }
}
