import { Agent } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Api, type GeneratedKey } from '../e2e/api.js';
import { Cluster, type ClusterNode } from '../e2e/cluster.js';
import { exchange } from '../e2e/http-exchange.js';
import { eventually } from '../e2e/server-process.js';
import { GateCallers } from './gate-callers.js';
import { MovedClock } from './moved-clock.js';

const HOUR = 3_600;
const CALLERS = 4;
const REVOCATIONS = 24;
/** Before every third revocation the gate's clock is set: to each of these in turn. */
const OFFSETS = [HOUR, 0, -HOUR, 0] as const;
const SET_EVERY = 3;

let cluster: Cluster;
let gate: ClusterNode;
let client: Api;
let callers: GateCallers | undefined;
const agent = new Agent({ keepAlive: true });
const gateClock = new MovedClock();
const apiClock = new MovedClock();

beforeAll(async () => {
  cluster = await Cluster.start();
  const api = await cluster.node('api', apiClock.settings);
  gate = await cluster.node('gate', gateClock.settings);
  await api.start();
  await gate.start();
  client = new Api(api.server.apiPort, cluster.token, gate.server.gatePort);
}, 60_000);
afterEach(async () => {
  gate.store.open();
  gateClock.set(0);
  apiClock.set(0);
  await callers?.stop();
  callers = undefined;
});
afterAll(async () => {
  agent.destroy();
  await cluster.remove();
  gateClock.remove();
  apiClock.remove();
}, 30_000);

const droppedLeases = async (): Promise<number> => {
  const { text } = await exchange(gate.server.gatePort, { path: '/v1/status' });
  return (JSON.parse(text) as { lease: { dropped: number } }).lease.dropped;
};

async function generateKeys(count: number): Promise<GeneratedKey[]> {
  const keys: GeneratedKey[] = [];
  while (keys.length < count) keys.push(await client.generateKey());
  return keys;
}

/** Sets the gate's clock; ms until a request that begins then is served. */
async function setClock(seconds: number, key: string): Promise<number> {
  gateClock.set(seconds);
  const setAt = performance.now();
  await eventually('the gate serves again', 10_000, async () => (await client.v2(key)).status === 200);
  return performance.now() - setAt;
}

describe('a gate whose wall clock is moved by an hour, forward and back', () => {
  it('accepts nothing after the answer, drops its lease each time and serves again within moments', async () => {
    const [unrevoked, ...keys] = await generateKeys(REVOCATIONS + 1);
    callers = new GateCallers(keys);
    callers.call(() => gate.server.gatePort, CALLERS);
    const before = await droppedLeases();
    const again: number[] = [];
    for (const [index, { id }] of keys.entries()) {
      callers.target = index;
      await callers.accepted(index);
      const answer = client.revoke(id, 'myapp', agent);
      const turn = index / SET_EVERY;
      if (Number.isInteger(turn)) again.push(await setClock(OFFSETS[turn % OFFSETS.length]!, unrevoked!.key));
      await answer;
      callers.revokedAt[index] = performance.now();
    }
    await callers.answers(60);
    const figures = await callers.stop();
    const slowest = Math.max(...again);
    process.stdout.write(
      `clock set ${again.length} times: served again after ${slowest.toFixed(0)} ms at most, ${figures.refusedLater} refused after the answer, ${figures.acceptedLater} accepted, ${figures.unavailable} told to come back\n`,
    );
    expect(figures).toMatchObject({ acceptedLater: 0, broken: 0 });
    expect(figures.refusedLater).toBeGreaterThan(REVOCATIONS);
    expect(await droppedLeases()).toBe(before + again.length);
  }, 60_000);

  it('does not go on under an old lease when it was stopped and its clock set back by as long', async () => {
    const [revoked] = await generateKeys(1);
    expect((await client.v2(revoked!.key)).status).toBe(200);
    gate.store.freeze();
    gate.server.signal('SIGSTOP');
    const stoppedAt = performance.now();
    await client.revoke(revoked!.id, 'myapp', agent);
    const later = client.v2(revoked!.key);
    gateClock.set(-(performance.now() - stoppedAt) / 1_000);
    gate.server.signal('SIGCONT');
    expect((await later).status).toBe(503);
    gate.store.open();
    expect((await client.v2(revoked!.key)).status).toBe(401);
  }, 30_000);
});

describe('an API node whose wall clock is moved by an hour while a revocation waits', () => {
  it.each([HOUR, -HOUR])(
    'waits by its other clock (%i s)',
    async (seconds) => {
      const [revoked, unrevoked] = await generateKeys(2);
      expect((await client.v2(unrevoked!.key)).status).toBe(200);
      callers = new GateCallers([revoked!]);
      callers.call(() => gate.server.gatePort, CALLERS);
      await callers.accepted(0);
      gate.store.freeze();
      const answer = client.revoke(revoked!.id, 'myapp', agent);
      apiClock.set(seconds);
      await answer;
      callers.revokedAt[0] = performance.now();
      await callers.answers(CALLERS);
      gate.store.open();
      apiClock.set(0);
      await callers.answers(CALLERS * 2);
      const figures = await callers.stop();
      expect(figures.acceptedLater).toBe(0);
      expect(figures.acceptedBefore).toBeGreaterThan(CALLERS);
    },
    30_000,
  );
});
