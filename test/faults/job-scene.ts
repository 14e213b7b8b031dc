import { randomBytes } from 'node:crypto';
import { connectRedis, reachingRedis } from '#libs/redis';
import { expect } from '@jest/globals';
import { Api, bodyOf, type GeneratedKey } from '../e2e/api.js';
import { Cluster, type ClusterNode } from '../e2e/cluster.js';
import { eventually } from '../e2e/server-process.js';
import { WebhookServer } from '../support/rotation-targets/webhook-server.js';

const REGISTRY = '/v1/registries/myapp';
const HOUR_MS = 3_600_000;

/** What has to follow for a key, and what made it due: one key for each kind of job, and the delivery of one message. */
export interface Work {
  /** Unix milliseconds. */
  readonly dueAt: number;
  readonly expires: string;
  readonly reminded: string;
  readonly graced: string;
  readonly rotated: string;
}

/** By field: the fact of a worker that has to stand in the key's history once. */
const EFFECTS = {
  expires: 'KeyExpired',
  reminded: 'KeyExpiryReminded',
  graced: 'KeyRevoked',
  rotated: 'KeyRotated',
} as const;

/** One API node, one gate, a target of rotations that is also told what expires, and workers that come and go. */
export class JobScene {
  readonly target = new WebhookServer();
  readonly workers: ClusterNode[] = [];
  private readonly settings = {
    MASTER_KEY: randomBytes(32).toString('base64'),
    ALLOW_PRIVATE_TARGETS: 'true',
  };
  api!: Api;
  apiNode!: ClusterNode;
  gate!: ClusterNode;
  private cluster!: Cluster;

  static async start(gateSettings: Readonly<Record<string, string>> = {}): Promise<JobScene> {
    const scene = new JobScene();
    await scene.target.listen();
    const cluster = (scene.cluster = await Cluster.start());
    scene.apiNode = await cluster.node('api', scene.settings);
    scene.gate = await cluster.node('gate', gateSettings);
    await scene.apiNode.start();
    await scene.gate.start();
    scene.api = new Api(scene.apiNode.server.apiPort, cluster.token, scene.gate.server.gatePort);
    await scene.api.call(`${REGISTRY}/policy`, { method: 'PUT', body: { reminders: ['PT1H'] } });
    const url = `${scene.target.url}/channel`;
    const channel = { kind: 'webhook', name: 'On-call', url, events: ['key.expired'] };
    const { secret } = bodyOf<{ secret: string }>(
      await scene.api.call(`${REGISTRY}/channels`, { body: channel }),
      201,
    );
    scene.target.secrets = [secret];
    return scene;
  }

  /** A worker that looks for work as soon as it starts. */
  async worker(more: Readonly<Record<string, string>> = {}): Promise<ClusterNode> {
    const node = await this.cluster.node('worker', { ...this.settings, ...more });
    this.workers.push(node);
    await node.start();
    return node;
  }

  /** Work of every kind that is due in so many milliseconds. */
  async due(inMs: number): Promise<Work> {
    const { api } = this;
    const dueAt = Date.now() + inMs;
    const at = new Date(dueAt).toISOString();
    const reminded = await api.generateKey({ expiresAt: new Date(dueAt + HOUR_MS).toISOString() });
    const expires = await api.generateKey({ expiresAt: at });
    const graced = await api.generateKey();
    const gracePeriod = `PT${Math.max(1, Math.floor((dueAt - Date.now()) / 1_000))}S`;
    bodyOf(await api.call(`${REGISTRY}/keys/${graced.id}/rotate`, { body: { gracePeriod } }), 201);
    const rotated = await api.generateKey();
    const schedule = {
      every: 'P30D',
      firstAt: at,
      target: { kind: 'webhook', url: `${this.target.url}/rotated` },
    };
    const options = { method: 'PUT', body: schedule };
    const put = await api.call(`${REGISTRY}/keys/${rotated.id}/rotation`, options);
    this.target.secrets.push(bodyOf<{ secret: string }>(put, 200).secret);
    return { dueAt, expires: expires.id, reminded: reminded.id, graced: graced.id, rotated: rotated.id };
  }

  /** Waits until every effect is there, at most `withinMs` after it was due; expects each once, now and after all workers have looked. */
  async expectOnce(work: Work, withinMs: number): Promise<void> {
    for (const [field, type] of Object.entries(EFFECTS)) {
      const id = work[field as keyof typeof EFFECTS];
      const limit = Math.max(1, work.dueAt + withinMs - Date.now());
      await eventually(`${type} of ${id}`, limit, async () => (await this.count(id, type)) > 0);
    }
    const limit = Math.max(5_000, work.dueAt + withinMs - Date.now());
    await eventually('the channel is told', limit, () => this.toldOf(work.expires) > 0);
    await this.looked();
    for (const [field, type] of Object.entries(EFFECTS)) {
      expect([type, await this.count(work[field as keyof typeof EFFECTS], type)]).toEqual([type, 1]);
    }
    const events = await this.api.events(work.rotated);
    const { successor } = events.find(({ type }) => type === 'KeyRotated')!.data as { successor: string };
    const secrets = this.target.taken.filter(({ data }) => data.predecessor?.id === work.rotated);
    expect(secrets.at(-1)!.data.key.id).toBe(successor);
    expect((await this.api.v2(secrets.at(-1)!.data.key.secret)).status).toBe(200);
    expect(await this.deliveriesOf(work.expires)).toBe(1);
  }

  async flushRedis(): Promise<void> {
    const redis = connectRedis(`redis://127.0.0.1:${this.apiNode.redis.port}`);
    try {
      await reachingRedis(redis.flushall());
    } finally {
      redis.disconnect();
    }
  }

  /** Whether Redis holds a job of each kind that waits for its time. */
  async jobsWait({ expires, reminded, graced, rotated }: Work): Promise<boolean> {
    const redis = connectRedis(`redis://127.0.0.1:${this.apiNode.redis.port}`);
    try {
      const patterns = [`expire.${expires}`, `remind.${reminded}`, `grace.${graced}`, `rotate.${rotated}`];
      const found = await Promise.all(patterns.map((name) => redis.keys(`*:${name}.*`)));
      return found.every((names) => names.length > 0);
    } finally {
      redis.disconnect();
    }
  }

  /** A token caller and a registry client are served. */
  async serves(key: GeneratedKey): Promise<boolean> {
    const [list, login] = await Promise.all([this.api.call(`${REGISTRY}/keys`), this.api.v2(key.key)]);
    const generated = await this.api.call(`${REGISTRY}/keys`, {
      body: { name: 'meanwhile', permission: 'read' },
    });
    return list.status === 200 && login.status === 200 && generated.status === 201;
  }

  /** The workers of a test end with it: the next one has its own. */
  async stopWorkers(): Promise<void> {
    for (const { server } of this.workers.splice(0)) {
      server.signal('SIGCONT');
      await server.stop('SIGKILL');
    }
  }

  /** Every process at once loses Redis, or has it again. */
  redis(state: 'cut' | 'open'): void {
    for (const node of [this.apiNode, this.gate, ...this.workers]) node.redis[state]();
  }

  async remove(): Promise<void> {
    await this.cluster.remove();
    this.target.close();
  }

  async count(id: string, type: string): Promise<number> {
    return (await this.api.events(id)).filter((event) => event.type === type).length;
  }

  private toldOf(id: string): number {
    return this.target.taken.filter(({ type, data }) => type === 'key.expired' && data.key.id === id).length;
  }

  private async deliveriesOf(id: string): Promise<number> {
    const told = this.target.taken
      .map(({ type, data }, index) => ({ type, data, delivery: this.target.ids[index] }))
      .filter(({ type, data }) => type === 'key.expired' && data.key.id === id);
    return new Set(told.map(({ delivery }) => delivery)).size;
  }

  /** A worker that starts now looks at everything first: what it finds due it would do again. */
  async looked(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const marker = await this.api.generateKey({ expiresIn: 'PT1S' });
    const worker = await this.worker(settings);
    await eventually('a later job', 60_000, async () => (await this.count(marker.id, 'KeyExpired')) > 0);
    await worker.server.stop();
  }
}
