import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf, type GeneratedKey } from './api.js';
import { basic, exchange } from './http-exchange.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

const KEYS = '/v1/registries/myapp/keys';
const PULLERS = 6;
/** Uses within a minute are recorded at its end. */
const RECORDED_WITHIN_MS = 100_000;
/** Both keys are in use for so many requests of each puller. */
const REQUESTS = 200;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
beforeAll(async () => {
  server = await installation.start();
}, 40_000);
afterAll(() => installation.remove(), 20_000);

interface Handover {
  readonly safeToRetire: boolean;
  readonly users: readonly { readonly client: string | null }[];
}

/** Pulls without a pause with whichever key it was told last. */
class Puller {
  readonly statuses = new Map<number, number>();
  requests = 0;
  private readonly agent = new Agent({ keepAlive: true });
  private running = true;
  private readonly ended: Promise<void>;

  constructor(
    private readonly port: number,
    private readonly client: string,
    public key: GeneratedKey,
  ) {
    this.ended = this.run();
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.ended;
    this.agent.destroy();
  }

  /** Resolves when a request that began after this call is answered. */
  async past(more = 2): Promise<void> {
    const from = this.requests;
    await eventually('requests', 30_000, () => this.requests >= from + more);
  }

  private async run(): Promise<void> {
    while (this.running) {
      const { id, key } = this.key;
      const headers = { authorization: basic(id, key), 'user-agent': this.client };
      const { status } = await exchange(this.port, { path: '/v2/', headers, agent: this.agent });
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
      this.requests++;
    }
  }
}

describe('a rotation under load', () => {
  it('refuses nobody while the grace runs, and is safe to end only after the last use of the old key', async () => {
    const old = await server.api.generateKey();
    const clients = ['docker/27.3.1', 'containerd/1.7.22', 'skopeo/1.16.1'];
    const pullers = Array.from(
      { length: PULLERS },
      (_, index) => new Puller(server.gatePort, clients[index % clients.length]!, old),
    );
    const handover = () => server.api.get<Handover>(`${KEYS}/${old.id}/handover`);
    try {
      await Promise.all(pullers.map((puller) => puller.past()));
      const body = { gracePeriod: 'PT1H' };
      const successor = bodyOf<GeneratedKey>(
        await server.api.call(`${KEYS}/${old.id}/rotate`, { body }),
        201,
      );
      // All but one change over: that one is seen to be left, however many others have moved.
      for (const puller of pullers.slice(1)) puller.key = successor;
      await Promise.all(pullers.map((puller) => puller.past(REQUESTS)));
      const left = await eventually('the last user is seen', RECORDED_WITHIN_MS, async () => {
        const { safeToRetire, users } = await handover();
        return !safeToRetire && users.length === 1 && users;
      });
      expect(left[0]!.client).toContain('docker');
      expect((await handover()).safeToRetire).toBe(false);
      pullers[0]!.key = successor;
      await pullers[0]!.past();
      await eventually('the verdict', RECORDED_WITHIN_MS, async () => (await handover()).safeToRetire);
      await server.api.revoke(old.id);
      await Promise.all(pullers.map((puller) => puller.past(REQUESTS)));
    } finally {
      for (const puller of pullers) await puller.stop();
    }
    expect(pullers.map(({ statuses }) => [...statuses.keys()])).toEqual(pullers.map(() => [200]));
    const requests = pullers.reduce((sum, puller) => sum + puller.requests, 0);
    process.stdout.write(`rotation under load: ${requests} requests, none refused\n`);
  }, 300_000);
});
