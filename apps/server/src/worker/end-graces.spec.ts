import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keys, rotateKey, suspendKey } from '#libs/keys';
import { createLog } from '#libs/platform';
import { answeringMembership } from '../membership/testing/answering-membership.js';
import { EndGraces } from './end-graces.js';
import { REGISTRY, WorkerFixture } from '../../../../test/support/worker-fixture.js';

let fixture: WorkerFixture;
const workers: EndGraces[] = [];
beforeAll(async () => {
  fixture = await WorkerFixture.start();
}, 30_000);
afterAll(async () => {
  for (const worker of workers) await worker.close();
  await fixture.close();
});

const worker = (prefix: string): EndGraces => {
  const started = new EndGraces(
    fixture.log,
    answeringMembership(),
    fixture.readModels,
    fixture.queue(prefix),
    createLog('fatal'),
  );
  workers.push(started);
  return started;
};
/** A key whose grace ends `inMs` from now. */
const rotated = async (inMs: number): Promise<string> => {
  const id = await fixture.key();
  const at = fixture.ago(60_000);
  const link = { successor: 'drk_next', graceEndsAt: fixture.ago(-inMs), bornAt: at };
  await fixture.decide(id, rotateKey({ registry: REGISTRY, at, ...link }));
  return id;
};
const all = ['KeyGenerated', 'KeyRotated', 'KeyRevoked', 'KeyRevocationProven'];

describe('the worker that ends graces', () => {
  it('records each end once, at the moment when it was, and proves it, however many workers there are', async () => {
    const ids = [await rotated(-1_000), await rotated(-1), await rotated(300)];
    const both = [worker('two'), worker('two')];
    for (let round = 0; round < 3; round++) await Promise.all(both.map((each) => each.reconcile()));
    await fixture.happened('KeyRevocationProven', ids);
    for (const id of ids) {
      const { state, events } = await fixture.log.read(keys, id);
      expect(events.map(({ type }) => type)).toEqual(all);
      expect(state).toMatchObject({ revocation: { cause: 'rotated', reason: null } });
      expect(state.status === 'revoked' && state.revokedAt).toBe(
        state.status === 'revoked' && state.rotation?.graceEndsAt,
      );
      expect(events[2]!.metadata).toMatchObject({ actor: { id: 'end-graces' }, critical: true });
    }
  }, 20_000);

  it('loses nothing when Redis forgets everything while jobs wait', async () => {
    const waiting = await rotated(1_000);
    const ending = worker('flushed');
    await ending.reconcile();
    await fixture.connect().flushall();
    await ending.reconcile();
    await fixture.happened('KeyRevocationProven', [waiting]);
    await ending.reconcile();
    expect(await fixture.typesOf(waiting)).toEqual(all);
  }, 20_000);

  it('ends a suspended key too, and leaves one alone whose grace runs', async () => {
    const [suspended, later] = [await rotated(1_500), await rotated(3_600_000)];
    await fixture.decide(suspended, suspendKey({ registry: REGISTRY, at: fixture.ago(0) }));
    await worker('suspended').reconcile();
    await fixture.happened('KeyRevoked', [suspended]);
    expect(await fixture.typesOf(later)).toEqual(['KeyGenerated', 'KeyRotated']);
  }, 20_000);
});
