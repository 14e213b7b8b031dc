import { expect } from '@jest/globals';
import { Api, type GeneratedKey } from '../e2e/api.js';
import { CommandLine } from '../e2e/cli-process.js';
import { Cluster, type ClusterNode } from '../e2e/cluster.js';
import { countedInAll, describeRounds, usageRound, type Round } from './usage-drill.js';

const KEYS = 3;

/** An API, a gate and a worker in processes of their own, and keys that are used at the gate. */
export class UsageCluster {
  private constructor(
    private readonly cluster: Cluster,
    private readonly parts: {
      readonly api: Api;
      readonly gate: ClusterNode;
      readonly worker: ClusterNode;
      readonly keys: readonly GeneratedKey[];
    },
  ) {}

  static async start(): Promise<UsageCluster> {
    const cluster = await Cluster.start();
    const node = await cluster.node('api');
    const [gate, worker] = [await cluster.node('gate'), await cluster.node('worker')];
    await node.start();
    await Promise.all([gate.start(), worker.start()]);
    const api = new Api(node.server.apiPort, cluster.token, gate.server.gatePort);
    const keys: GeneratedKey[] = [];
    while (keys.length < KEYS) keys.push(await api.generateKey());
    return new UsageCluster(cluster, { api, gate, worker, keys });
  }

  /**
   * Kills gate and worker so many times in the middle of traffic, then ends the gate as it is meant to end. `whole`: once
   * more, when a minute has ended meanwhile: of that one nothing may be lost.
   */
  async expectNothingDoubled(kills: number, answers: number, whole = false): Promise<void> {
    const { api, worker } = this.parts;
    const rounds: Round[] = [];
    for (let kill = 0; kill < kills; kill++) rounds.push(await usageRound(this.parts, 'SIGKILL', answers));
    if (whole) rounds.push(await usageRound(this.parts, 'SIGKILL', answers, true));
    rounds.push(await usageRound(this.parts, 'SIGTERM', answers));
    process.stdout.write(describeRounds(rounds));
    for (const { end, started, accepted, counted, ofWholeMinutes } of rounds) {
      expect(counted).toBeGreaterThan(0);
      expect(counted).toBeLessThanOrEqual(started);
      expect(counted).toBeGreaterThanOrEqual(ofWholeMinutes);
      if (end === 'SIGTERM') expect(counted).toBeGreaterThanOrEqual(accepted);
    }
    // What was told when the gate had gone is what stays, and what a replay of the log gives, also at the killed worker.
    const sum = rounds.reduce((total, { counted }) => total + counted, 0);
    expect(await countedInAll(api)).toBe(sum);
    await worker.server.stop();
    const commands = new CommandLine(worker.dataDir, {
      DATA_DIR: worker.dataDir,
      EVENTSTORE_URL: worker.eventStoreUrl,
    });
    const { code, out, err } = await commands.run(['projections', 'verify']);
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(out).toContain('usage_counts');
  }

  remove(): Promise<void> {
    return this.cluster.remove();
  }
}
