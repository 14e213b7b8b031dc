import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '#libs/sqlite';
import { Api } from './api.js';
import { Cluster, type ClusterNode } from './cluster.js';
import { exchange } from './http-exchange.js';

let cluster: Cluster;
let api: ClusterNode;
let gate: ClusterNode;
let worker: ClusterNode;
let client: Api;

beforeAll(async () => {
  cluster = await Cluster.start();
  [api, gate, worker] = await Promise.all([
    cluster.node('api'),
    cluster.node('gate'),
    cluster.node('worker'),
  ]);
  await api.start();
  await Promise.all([gate.start(), worker.start()]);
  client = new Api(api.server.apiPort, cluster.token, gate.server.gatePort);
}, 60_000);
afterAll(() => cluster.remove(), 30_000);

describe('roles in processes of their own', () => {
  it('are one system: a key of the API node opens the gate node, and stops opening it at the revocation', async () => {
    const { id, key } = await client.generateKey();
    expect((await client.v2(key)).status).toBe(200);
    await client.revoke(id);
    expect((await client.v2(key)).status).toBe(401);
  });

  it('keep on their disks only what they read: the gate no names, the others no hashes', () => {
    const files = (node: ClusterNode) =>
      readdirSync(join(node.server.installation.dataDir, 'read-models')).filter((file) =>
        file.endsWith('.sqlite'),
      );
    expect([api, gate, worker].map(files)).toEqual([
      ['api.sqlite'],
      ['gate.sqlite'],
      ['alert-state.sqlite', 'api.sqlite'],
    ]);
    const tables = (node: ClusterNode, file: string) => {
      const database = new Database(join(node.server.installation.dataDir, 'read-models', file));
      const names = database.all(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`);
      const columns = names.flatMap(({ name }) =>
        database.all(`SELECT name FROM pragma_table_info(?)`, [name!]),
      );
      database.close();
      return { names: names.map(({ name }) => name), columns: columns.map(({ name }) => name) };
    };
    expect(tables(gate, 'gate.sqlite').names).toEqual([
      'checkpoint',
      'grants',
      'registries',
      'registry_hosts',
    ]);
    expect(tables(api, 'api.sqlite').columns).not.toContain('secret_hash');
  });

  it('answer only on the ports of their roles', async () => {
    expect(gate.server.apiPort).toBe(0);
    expect(api.server.gatePort).toBe(0);
    const answer = await exchange(api.server.apiPort, { path: '/v2/' });
    expect(answer.status).toBe(404);
  });

  it('end on SIGTERM by themselves', async () => {
    for (const { server } of [worker, gate, api])
      expect(await server.stop()).toMatchObject({ code: 0, signal: null });
  });
});
