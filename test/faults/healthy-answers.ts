import { Agent } from 'node:http';
import { Api, type GeneratedKey } from '../e2e/api.js';
import { Cluster } from '../e2e/cluster.js';
import { GateSlot } from './gate-slot.js';
import { PullLoad } from './pull-load.js';

const GATES = 3;
/** Over all gates. So few that this process, which stands for all callers and relays all bytes, is idle most of the time. */
const REQUESTS_PER_SECOND = 100;

/** One API node and three gates under a modest load: how long a revocation takes. */
export class HealthyAnswers {
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(
    readonly cluster: Cluster,
    readonly client: Api,
    readonly slots: readonly GateSlot[],
    readonly loads: readonly PullLoad[],
  ) {}

  static async start(): Promise<HealthyAnswers> {
    const cluster = await Cluster.start();
    try {
      const api = await cluster.node('api');
      await api.start();
      const slots = await Promise.all(Array.from({ length: GATES }, () => GateSlot.start(cluster)));
      const client = new Api(api.server.apiPort, cluster.token, slots[0]!.port);
      const key = await client.generateKey();
      const loads = slots.map(({ port }) => PullLoad.with(port, key, REQUESTS_PER_SECOND / GATES));
      await Promise.all(loads.map((load) => load.first(0, ({ status }) => status === 200)));
      return new HealthyAnswers(cluster, client, slots, loads);
    } catch (error) {
      await cluster.remove();
      throw error;
    }
  }

  /** Milliseconds from the request to the answer, of `count` revocations one after the other. */
  async revoke(count: number): Promise<number[]> {
    const keys: GeneratedKey[] = [];
    while (keys.length < count) keys.push(await this.client.generateKey());
    const durations: number[] = [];
    for (const { id } of keys) {
      const sentAt = performance.now();
      await this.client.revoke(id, 'myapp', this.#agent);
      durations.push(performance.now() - sentAt);
    }
    return durations;
  }

  async remove(): Promise<void> {
    await Promise.all(this.loads.map((load) => load.stop()));
    this.#agent.destroy();
    await this.cluster.remove();
  }
}
