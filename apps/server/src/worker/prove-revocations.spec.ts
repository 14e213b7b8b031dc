import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { generateKey, keys, revokeKey, type KeyGenerated } from '#libs/keys';
import { createLog } from '#libs/platform';
import { API_PROJECTIONS, ReadModels } from '#libs/read-models';
import { temporaryDirectory } from '../../../../test/support/temporary-directory.js';
import { answeringMembership } from '../membership/testing/answering-membership.js';
import { ProveRevocations } from './prove-revocations.js';

const data: KeyGenerated['data'] = {
  at: '2026-01-01T00:00:00.000Z', registry: 'reg_a', registryRevision: '0', createdBy: 'usr_a', name: 'CI', permission: 'read',
  secretHash: 'ab'.repeat(32), expiresAt: null, description: null, labels: {}, repositories: [], networks: [], expectedCountries: [], rotates: null, canary: false,
}; // prettier-ignore
const context = () => ({
  commandId: randomUUID(),
  actor: { type: 'user', id: 'usr_a' } as const,
  correlationId: 'test',
});
const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

const directory = temporaryDirectory();
let store: EmbeddedStore;
let log: EventLog;
let readModels: ReadModels;
let asked: bigint[];
let worker: ProveRevocations;

beforeAll(async () => {
  store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
  log = new EventLog(store.connectionString, catalogue);
  readModels = await ReadModels.open({
    file: join(directory.path, 'models.sqlite'),
    logId: 'log',
    log,
    projections: API_PROJECTIONS,
    load: () => undefined,
    onEvents: () => undefined,
    onFailure: (error) => {
      throw error;
    },
  });
  await readModels.follow();
  asked = [];
  const membership = answeringMembership((position) => Promise.resolve(asked.push(position)));
  worker = new ProveRevocations(log, membership, readModels, createLog('fatal'));
});
afterAll(async () => {
  readModels.close();
  await log.close();
  await store.close();
  directory.remove();
});

async function revoked(id: string, at: string): Promise<bigint> {
  await log.create(keys, id, generateKey(data), context());
  const { position } = await log.transact(keys, id, revokeKey({ registry: 'reg_a', at }), context());
  await readModels.waitFor(position, 5_000);
  return position;
}
const typesOf = async (id: string) => (await log.read(keys, id)).events.map(({ type }) => type);

describe('a revocation whose caller did not live to prove it', () => {
  it('is proven by a worker, once, at the position of the revocation; a young one is left to its caller', async () => {
    const position = await revoked('drk_old', ago(61_000));
    await revoked('drk_young', ago(1_000));
    await worker.reconcile();
    expect(asked).toEqual([position]);
    expect(await typesOf('drk_old')).toEqual(['KeyGenerated', 'KeyRevoked', 'KeyRevocationProven']);
    expect(await typesOf('drk_young')).toEqual(['KeyGenerated', 'KeyRevoked']);
    await readModels.waitFor((await log.read(keys, 'drk_old')).position, 5_000);
    await worker.reconcile();
    expect(asked).toHaveLength(1);
  });
});
