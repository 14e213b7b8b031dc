import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Api, bodyOf, type GeneratedKey } from './api.js';
import { Cluster, type ClusterNode } from './cluster.js';

/** Longer than a write waits for other nodes, and shorter than a read waits for its node. */
const BEHIND_MS = 900;
const KEYS = '/v1/registries/myapp/keys';
const SETTINGS = { MASTER_KEY: randomBytes(32).toString('base64'), LEASE_SECONDS: '30' };

let cluster: Cluster;
let here: ClusterNode;
let behind: ClusterNode;

beforeAll(async () => {
  cluster = await Cluster.start();
  [here, behind] = await Promise.all([cluster.node('api', SETTINGS), cluster.node('api', SETTINGS)]);
  await Promise.all([here.start(), behind.start()]);
  behind.store.slowDown(BEHIND_MS);
}, 60_000);
afterAll(() => cluster.remove(), 30_000);

describe('a node that is behind', () => {
  it('shows a write that another node has answered, to whoever sends its position', async () => {
    const [one, other] = [here, behind].map(({ server }) => new Api(server.apiPort, cluster.token, 0));
    const without: number[] = [];
    for (const name of ['first', 'second', 'third']) {
      const made = await one!.call(KEYS, { body: { name, permission: 'read' } });
      const { id } = bodyOf<GeneratedKey>(made, 201);
      without.push((await other!.call(`${KEYS}/${id}`)).status);
      const headers = { 'dockreg-min-position': made.headers['dockreg-position'] };
      expect(bodyOf(await other!.call(`${KEYS}/${id}`, { headers }), 200)).toMatchObject({ id, name });
    }
    // Else the node was not behind, and nothing is shown.
    expect(without).toContain(404);
  }, 30_000);
});
