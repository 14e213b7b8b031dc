import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keys, rotateKey } from '#libs/keys';
import { createLog } from '#libs/platform';
import { keyTable, unlinkedSuccessors, type ReadModels } from '#libs/read-models';
import { Database } from '#libs/sqlite';
import { DiscardSuccessors } from './discard-successors.js';
import { REGISTRY, WorkerFixture } from '../../../../test/support/worker-fixture.js';

let fixture: WorkerFixture;
beforeAll(async () => {
  fixture = await WorkerFixture.start();
}, 30_000);
afterAll(() => fixture.close());

const OLD_MS = 61_000;
const YOUNG_MS = 50_000;

describe('a successor whose rotation did not go all the way', () => {
  it('is discarded after a minute, once; one that is linked, and a young one, stay', async () => {
    const old = await fixture.key();
    const lost = await fixture.key({ rotates: old, at: fixture.ago(OLD_MS) });
    const young = await fixture.key({ rotates: old, at: fixture.ago(YOUNG_MS) });
    const at = fixture.ago(OLD_MS);
    const linked = await fixture.key({ rotates: old, at });
    const link = { successor: linked, graceEndsAt: fixture.ago(-OLD_MS), bornAt: at };
    await fixture.decide(old, rotateKey({ registry: REGISTRY, at, ...link }));
    const worker = new DiscardSuccessors(fixture.log, fixture.readModels, createLog('fatal'));
    await worker.reconcile();
    await worker.reconcile();
    const { state, position } = await fixture.log.read(keys, lost);
    expect(state).toMatchObject({ status: 'revoked', revocation: { cause: 'discarded', reason: null } });
    expect(await fixture.typesOf(lost)).toEqual(['KeyGenerated', 'KeyRevoked']);
    for (const id of [young, linked]) expect(await fixture.typesOf(id)).toEqual(['KeyGenerated']);
    await fixture.readModels.waitFor(position, 5_000);
    await worker.reconcile();
    expect(await fixture.typesOf(lost)).toHaveLength(2);
  });

  it('is linked when the log says so, though the tables do not yet', async () => {
    const old = await fixture.key();
    const at = fixture.ago(OLD_MS);
    const successor = await fixture.key({ rotates: old, at });
    const behind = new Database(':memory:');
    behind.exec(keyTable.schema + keyTable.indexes);
    for (const fact of await fixture.log.readStream(`key-${successor}`)) keyTable.apply(behind, fact);
    const link = { successor, graceEndsAt: fixture.ago(-OLD_MS), bornAt: at };
    await fixture.decide(old, rotateKey({ registry: REGISTRY, at, ...link }));
    const tables = { database: behind } as unknown as ReadModels;
    expect(unlinkedSuccessors(behind, fixture.ago(0), 10)).toMatchObject([{ id: successor }]);
    await new DiscardSuccessors(fixture.log, tables, createLog('fatal')).reconcile();
    expect(await fixture.typesOf(successor)).toEqual(['KeyGenerated']);
    behind.close();
  });
});
