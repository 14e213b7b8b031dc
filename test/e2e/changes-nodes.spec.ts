import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Api, bodyOf } from './api.js';
import { bearer, everything, head, poll, Streams, type Change } from './change-feed.js';
import { Cluster, type ClusterNode } from './cluster.js';
import { eventually } from './server-process.js';

const streams = new Streams();
const positions = (changes: readonly Change[]): string[] => changes.map(({ position }) => position);

describe('two API nodes', () => {
  let cluster: Cluster;
  let nodes: ClusterNode[];
  beforeAll(async () => {
    cluster = await Cluster.start();
    const settings = { MASTER_KEY: Buffer.alloc(32, 7).toString('base64') };
    nodes = [await cluster.node('api', settings), await cluster.node('api', settings)];
    await Promise.all(nodes.map((node) => node.start()));
  }, 60_000);
  afterEach(() => streams.closeAll());
  afterAll(() => cluster.remove(), 30_000);

  it('show the same feed: whoever asks them in turn misses nothing and gets nothing twice', async () => {
    const [one, two] = nodes.map(({ server }) => new Api(server.apiPort, cluster.token, 0)) as [Api, Api];
    const { id } = await one.createRegistry('ours');
    const after = await head(one);
    const writing = (async () => {
      for (let number = 0; number < 20; number++)
        await (number % 2 === 0 ? one : two).generateKey({}, 'ours');
    })();
    const seen: Change[] = [];
    for (let next = after, turn = 0; seen.length < 20; turn++) {
      const page = await poll(turn % 2 === 0 ? two : one, `after=${next}&limit=3&wait=10`);
      seen.push(...page.items);
      ({ next } = page);
    }
    await writing;
    const last = seen.at(-1)!.position;
    for (const api of [one, two]) {
      await eventually('the node has it', 5_000, async () => BigInt(await head(api)) >= BigInt(last));
      expect(positions(await everything(api, after))).toEqual(positions(seen));
    }
    expect(seen.every(({ type, registry }) => type === 'KeyGenerated' && registry === id)).toBe(true);
  });

  it('end the stream of a token that was ended at the other one', async () => {
    const [one, two] = nodes.map(({ server }) => new Api(server.apiPort, cluster.token, 0)) as [Api, Api];
    const issued = await one.call('/v1/access-tokens', { body: { name: 'short' } });
    const { id, token } = bodyOf<{ id: string; token: string }>(issued, 201);
    const opened = await streams.open(two.port, bearer(token), '?types=KeyRevoked');
    expect((await one.call(`/v1/access-tokens/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await opened.next()).toBeUndefined();
  });
});
