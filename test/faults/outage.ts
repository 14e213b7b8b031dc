import { setTimeout as delay } from 'node:timers/promises';
import { Api } from '../e2e/api.js';
import { Cluster, type ClusterNode } from '../e2e/cluster.js';
import { eventually } from '../e2e/server-process.js';
import { exchange } from '../e2e/http-exchange.js';
import { PullLoad, type Pulled } from './pull-load.js';

const LEASE_MS = 3_000;
/** A third of the lease, and what the clocks of two processes and a busy machine add to it. */
const JUST_BEFORE_RENEWAL_MS = (2 * LEASE_MS) / 3 + 60;
const REQUESTS_PER_SECOND = 200;
/** For how long after the outage the load goes on: it must hold again for good. */
const LATER_MS = 3_000;
/** A request that begins so late in the outage may be held beyond its end, and then be served. */
const HOLD_MS = 1_000;
/** What a busy machine adds to a limit. */
const SLACK_MS = 150;

/** `cut`: connections break and new ones are refused. `freeze`: everything stays open and nothing comes through. */
export type Outage = 'cut' | 'freeze';

/** What callers saw of one outage of the event store. */
export interface OutageReport {
  /** By status, of all requests from before the outage until LATER_MS after it. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly refusalsWithoutRetryAfter: number;
  /** Not 200, though begun while the lease certainly held: none may be. */
  readonly failedUnderLease: number;
  /** Begun while there was neither a lease nor the store: how many, and how many of them were not refused with 503. */
  readonly withoutLease: number;
  readonly servedWithoutLease: number;
  /** Not 200, though begun a second or more after the return. */
  readonly failedLater: number;
  /** From the return of the store to the first request that began after it and was served. */
  readonly firstServedMs: number;
  /** From the return to the beginning of the last request that failed; negative: before it. */
  readonly lastFailureMs: number;
  /** The longest that a request took that was served. */
  readonly heldMs: number;
}

/** A gate that has an API node's keys and a way of its own to the store. */
export class GateUnderLoad {
  private constructor(
    private readonly cluster: Cluster,
    private readonly gate: ClusterNode,
    private readonly load: PullLoad,
  ) {}

  static async start(): Promise<GateUnderLoad> {
    const cluster = await Cluster.start();
    try {
      const [api, gate] = await Promise.all([cluster.node('api'), cluster.node('gate')]);
      await api.start();
      await gate.start();
      const { gatePort } = gate.server;
      const key = await new Api(api.server.apiPort, cluster.token, gatePort).generateKey();
      const load = PullLoad.with(gatePort, key, REQUESTS_PER_SECOND);
      await load.first(0, ({ status }) => status === 200);
      return new GateUnderLoad(cluster, gate, load);
    } catch (error) {
      await cluster.remove();
      throw error;
    }
  }

  /** The store is away for so long. It goes at the worst moment: just before the lease is renewed. */
  async suffer(outage: Outage, awayMs: number): Promise<OutageReport> {
    const { store } = this.gate;
    const startedAt = performance.now();
    await this.load.first(startedAt, ({ status }) => status === 200);
    await eventually('the lease is about to be renewed', 10_000, () => this.isRenewalNear());
    const goneAt = performance.now();
    store[outage]();
    await delay(awayMs);
    store.open();
    const backAt = performance.now();
    await this.load.past(backAt + LATER_MS);
    return report(
      this.load.all.filter((pulled) => pulled.startedAt >= startedAt),
      goneAt,
      backAt,
    );
  }

  async remove(): Promise<void> {
    await this.load.stop();
    await this.cluster.remove();
  }

  private async isRenewalNear(): Promise<boolean> {
    const answer = await exchange(this.gate.server.gatePort, { path: '/v1/status' });
    const { lease } = JSON.parse(answer.text) as { lease: { held: boolean; remainingMs: number } };
    return lease.held && lease.remainingMs < JUST_BEFORE_RENEWAL_MS;
  }
}

function report(all: readonly Pulled[], goneAt: number, backAt: number): OutageReport {
  const statuses: Record<number, number> = {};
  for (const { status } of all) statuses[status] = (statuses[status] ?? 0) + 1;
  const failed = all.filter(({ status }) => status !== 200);
  const served = all.filter(({ status }) => status === 200);
  const overAt = goneAt + LEASE_MS + SLACK_MS;
  const withoutLease = all.filter(
    ({ startedAt }) => startedAt > overAt && startedAt < backAt - HOLD_MS - SLACK_MS,
  );
  // Those that began while the lease held and were answered 503 would be in the first second of the outage here.
  const certainUntil = goneAt + (2 * LEASE_MS) / 3 - SLACK_MS;
  return {
    statuses,
    refusalsWithoutRetryAfter: failed.filter(({ status, retryAfter }) => status === 503 && !retryAfter)
      .length,
    failedUnderLease: failed.filter(({ startedAt }) => startedAt < certainUntil).length,
    withoutLease: withoutLease.length,
    servedWithoutLease: withoutLease.filter(({ status }) => status !== 503).length,
    failedLater: failed.filter(({ startedAt }) => startedAt >= backAt + HOLD_MS).length,
    firstServedMs:
      Math.min(...served.filter((one) => one.startedAt >= backAt).map((one) => one.endedAt)) - backAt,
    lastFailureMs: Math.max(-Infinity, ...failed.map((one) => one.startedAt)) - backAt,
    heldMs: Math.max(...served.map((one) => one.endedAt - one.startedAt)),
  };
}

/** One line for the reader of the test's output. */
export function describeOutage(outage: Outage, awayMs: number, seen: OutageReport): string {
  const statuses = Object.entries(seen.statuses).map(([status, count]) => `${count} × ${status}`);
  const times = `first served ${seen.firstServedMs.toFixed(0)} ms after the return, last failure began at ${seen.lastFailureMs.toFixed(0)} ms`;
  return `store away for ${awayMs / 1_000} s (${outage}): ${statuses.join(', ')}; longest held ${seen.heldMs.toFixed(0)} ms; ${times}\n`;
}
