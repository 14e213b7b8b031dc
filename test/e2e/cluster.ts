import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { formatKey } from '#libs/kernel';
import { findProgram, tiedTo } from '#libs/platform';
import { Relay } from '../support/relay.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually, Installation, randomSecret, type ServerProcess } from './server-process.js';

/** A process of the cluster, with ways to store and Redis of its own that can be cut. */
export class ClusterNode {
  server!: ServerProcess;

  constructor(
    private readonly installation: Installation,
    readonly store: Relay,
    readonly redis: Relay,
    /** Of the store, through the node's own way. */
    readonly eventStoreUrl: string,
  ) {}

  /** Starts the process, again on the same data directory after it ended. A second one beside it needs another node. */
  async start(settings: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
    this.server = await this.installation.start(settings);
    return this.server;
  }

  /** Runs the process, which is expected to refuse its start; kills it after `limitMs`. */
  startToEnd(limitMs: number): ReturnType<Installation['startToEnd']> {
    return this.installation.startToEnd({}, limitMs);
  }

  get dataDir(): string {
    return this.installation.dataDir;
  }

  async remove(): Promise<void> {
    await this.installation.remove();
    await Promise.all([this.store.close(), this.redis.close()]);
  }
}

/** One event store and one Redis, and processes with roles of their own on them. `remove` must be called in `afterAll`. */
export class Cluster {
  readonly token = formatKey(`drm_${randomSecret().slice(0, 16)}`, randomSecret());
  private readonly folder = temporaryDirectory();
  private readonly nodes: ClusterNode[] = [];
  private store!: EmbeddedStore;
  private redis!: ChildProcess;

  static async start(): Promise<Cluster> {
    const cluster = new Cluster();
    cluster.store = await startEmbeddedStore({ directory: join(cluster.folder.path, 'events') });
    cluster.redis = await startRedis(cluster.redisSocket);
    return cluster;
  }

  /** A node that is not started yet; its name is for the reader of the test alone. */
  async node(roles: string, settings: Readonly<Record<string, string>> = {}): Promise<ClusterNode> {
    const store = await Relay.to(this.store.port);
    const redis = await Relay.to(this.redisSocket);
    const eventStoreUrl = this.store.connectionString.replace(`:${this.store.port}`, `:${store.port}`);
    const installation = new Installation({
      ROLES: roles,
      EVENTSTORE_URL: eventStoreUrl,
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      REGISTRY_UPSTREAM: 'none',
      BOOTSTRAP_ADMIN_TOKEN: this.token,
      BOOTSTRAP_ADMIN_PASSWORD: 'the same on every node',
      ...settings,
    });
    const node = new ClusterNode(installation, store, redis, eventStoreUrl);
    this.nodes.push(node);
    return node;
  }

  async remove(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.remove()));
    await this.store.close();
    const ended = once(this.redis, 'exit');
    this.redis.kill('SIGKILL');
    await ended;
    this.folder.remove();
  }

  private get redisSocket(): string {
    return join(this.folder.path, 'redis.sock');
  }
}

async function startRedis(socket: string): Promise<ChildProcess> {
  const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no'];
  const [command, ...args] = tiedTo(process.pid, findProgram('redis-server', 'redis-server'), options);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await eventually('redis-server listens', 10_000, () => output.includes('ready to accept connections'));
  return child;
}
