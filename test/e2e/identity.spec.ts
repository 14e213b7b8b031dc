import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Api, bodyOf } from './api.js';
import { Cluster, type ClusterNode } from './cluster.js';
import { exchange } from './http-exchange.js';
import { eventually } from './server-process.js';

const MASTER_KEY = randomBytes(32).toString('base64');
const PASSWORD = 'correct horse battery';

interface User {
  readonly id: string;
  readonly status: string;
}
interface Token {
  readonly id: string;
  readonly token: string;
}

let cluster: Cluster;
let here: ClusterNode;
let there: ClusterNode;
let gate: ClusterNode;
let admin: Api;

beforeAll(async () => {
  cluster = await Cluster.start();
  [here, there] = await Promise.all([
    cluster.node('api', { MASTER_KEY }),
    cluster.node('api', { MASTER_KEY }),
  ]);
  gate = await cluster.node('gate');
  // At once: they meet in every step of the first start.
  await Promise.all([here.start(), there.start(), gate.start()]);
  admin = new Api(here.server.apiPort, cluster.token, 0);
}, 60_000);
afterAll(() => cluster.remove(), 30_000);

const at = (node: ClusterNode, token = cluster.token) => new Api(node.server.apiPort, token, 0);
const create = async (email: string): Promise<User> => {
  const body = { email, name: 'Anna', password: PASSWORD };
  return bodyOf<User>(await admin.call('/v1/users', { body }), 201);
};
async function signIn(node: ClusterNode, email: string): Promise<{ cookie: string; origin: string }> {
  const { apiPort } = node.server;
  const answer = await exchange(apiPort, { path: '/v1/session', body: { email, password: PASSWORD } });
  bodyOf(answer, 200);
  const cookie = answer.headers['set-cookie']![0]!.split(';')[0]!;
  return { cookie, origin: `http://127.0.0.1:${apiPort}` };
}
const statusAt = async (node: ClusterNode, headers: Record<string, string>): Promise<number> =>
  (await exchange(node.server.apiPort, { path: '/v1/session', headers })).status;
const issue = async (): Promise<Token> =>
  bodyOf<Token>(await admin.call('/v1/access-tokens', { body: { name: 'CI' } }), 201);
const end = (id: string) => admin.call(`/v1/access-tokens/${id}`, { method: 'DELETE' });

describe('two API nodes', () => {
  it('that start at once name one administrator, who has the access token of the settings once', async () => {
    const people = await Promise.all([here, there].map((node) => at(node).all<User>('/v1/users')));
    expect(people[0]).toMatchObject([{ email: 'admin@localhost', status: 'active', administrator: true }]);
    expect(people[1]).toEqual(people[0]);
    expect(await at(there).all<Token>('/v1/access-tokens')).toHaveLength(1);
  });

  it('are one: a user of one signs in at the other, with one session for both', async () => {
    const { id } = await create('anna@example.com');
    const session = await signIn(there, 'anna@example.com');
    expect([await statusAt(here, session), await statusAt(there, session)]).toEqual([200, 200]);
    bodyOf<User>(await admin.call(`/v1/users/${id}/disable`, { method: 'POST' }), 200);
    expect([await statusAt(here, session), await statusAt(there, session)]).toEqual([401, 401]);
  });

  it('refuse an access token that was ended at the other one: 20 times, each with callers all the while', async () => {
    let accepted = 0;
    for (let round = 0; round < 20; round++) {
      const { id, token } = await issue();
      const headers = { authorization: `Bearer ${token}` };
      expect(await statusAt(there, headers)).toBe(200);
      const over = new AbortController();
      const caller = async (): Promise<void> => {
        while (!over.signal.aborted) await statusAt(there, headers);
      };
      const callers = [caller(), caller()];
      expect((await end(id)).status).toBe(204);
      if ((await statusAt(there, headers)) !== 401) accepted++;
      over.abort();
      await Promise.all(callers);
    }
    expect(accepted).toBe(0);
  }, 60_000);

  it('do not wait for a gate’s next renewal of its lease: the gate passes the facts of users as well', async () => {
    // A gate that did not follow them would never stand at one; one that does stands there until the next fact comes.
    await eventually('the gate stands at a fact of a user', 10_000, async () => {
      const { headers } = await end((await issue()).id);
      const { text } = await exchange(gate.server.gatePort, { path: '/v1/status' });
      return (JSON.parse(text) as { position: string }).position === headers['dockreg-position'];
    });
  }, 30_000);

  it('refuse it as well when the other one stood still meanwhile: the answer has waited for its lease to end', async () => {
    for (let round = 0; round < 2; round++) {
      const { id, token } = await issue();
      expect(await statusAt(there, { authorization: `Bearer ${token}` })).toBe(200);
      there.server.signal('SIGSTOP');
      const startedAt = performance.now();
      expect((await end(id)).status).toBe(204);
      expect(performance.now() - startedAt).toBeGreaterThan(1_000);
      there.server.signal('SIGCONT');
      const body = { name: 'late', role: null };
      const write = await at(there, token).call('/v1/access-tokens', { body });
      expect([401, 503]).toContain(write.status);
    }
  }, 60_000);
});

describe('a node without the master key of the others', () => {
  it.each([
    ['with none', '', /master key is missing/],
    [
      'with another one',
      randomBytes(32).toString('base64'),
      /generation [0-9a-f]{8} of the master key is missing/,
    ],
  ])(
    '%s is not started, and makes none of its own',
    async (_, masterKey, text) => {
      const node = await cluster.node('api', { MASTER_KEY: masterKey });
      const { code, output } = await node.startToEnd(20_000);
      expect(code).toBe(1);
      expect(output).toMatch(text);
      expect(output).not.toMatch(/^ +at /m);
      expect(existsSync(join(node.dataDir, 'master-key'))).toBe(false);
    },
    30_000,
  );
});
