import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keys, snoozeReminders } from '#libs/keys';
import { createLog } from '#libs/platform';
import { addMember, changePolicy, createRegistry, DEFAULT_POLICY, registries } from '#libs/registries';
import { RemindOwners } from './remind-owners.js';
import { REGISTRY, WorkerFixture } from '../../../../test/support/worker-fixture.js';

const DAY_MS = 86_400_000;
let fixture: WorkerFixture;
const workers: RemindOwners[] = [];
beforeAll(async () => {
  fixture = await WorkerFixture.start();
  const at = fixture.ago(DAY_MS);
  const data = { at, slug: 'myapp', name: 'My app', plan: 'free', createdBy: 'usr_a' } as const;
  const decide = (decision: ReturnType<typeof createRegistry>) =>
    fixture.log.transact(registries, REGISTRY, decision, fixture.context());
  await decide(createRegistry(data, [], null, 'usr_owner'));
  await decide(addMember('usr_admin', 'admin', at));
  const { position } = await decide(
    changePolicy({ ...DEFAULT_POLICY, reminders: ['P7D', 'P1D', 'PT1H'] }, at),
  );
  await fixture.readModels.waitFor(position, 5_000);
}, 30_000);
afterAll(async () => {
  for (const worker of workers) await worker.close();
  await fixture.close();
});

const worker = (prefix: string): RemindOwners => {
  const started = new RemindOwners(
    fixture.log,
    fixture.readModels,
    fixture.queue(prefix),
    createLog('fatal'),
  );
  workers.push(started);
  return started;
};
/** A key of 30 days that expires `inMs` from now. */
const key = (inMs: number) =>
  fixture.key({ at: fixture.ago(30 * DAY_MS - inMs), expiresAt: fixture.ago(-inMs) });
const remindersOf = async (id: string) =>
  (await fixture.log.read(keys, id)).events.filter(({ type }) => type === 'KeyExpiryReminded');

describe('the worker that reminds owners', () => {
  it('reminds of each step once, the creator and the owners, however many workers there are', async () => {
    const ids = [await key(7 * DAY_MS), await key(DAY_MS), await key(DAY_MS + 10_000)];
    const both = [worker('two'), worker('two')];
    for (let round = 0; round < 3; round++) await Promise.all(both.map((each) => each.reconcile()));
    await fixture.happened('KeyExpiryReminded', ids);
    for (const [index, id] of ids.entries()) {
      const { state } = await fixture.log.read(keys, id);
      const reminders = await remindersOf(id);
      expect(reminders[0]).toMatchObject({
        data: {
          step: ['P7D', 'P1D', 'P7D'][index],
          expiresAt: state.status !== 'none' && state.expiresAt,
          recipients: ['usr_a', 'usr_owner'],
        },
        metadata: { actor: { type: 'system', id: 'remind-owners' } },
      });
    }
    // Seven days were over for the second key too: only the more urgent step was said.
    expect((await remindersOf(ids[1]!)).map(({ data }) => (data as { step: string }).step)).toEqual(['P1D']);
  }, 20_000);

  it('loses nothing when Redis forgets everything, and repeats nothing', async () => {
    const waiting = await key(3_600_000 + 1_000);
    await fixture.decide(
      waiting,
      snoozeReminders({ registry: REGISTRY, at: fixture.ago(0), until: fixture.ago(-500) }),
    );
    const reminding = worker('flushed');
    await reminding.reconcile();
    await fixture.connect().flushall();
    await reminding.reconcile();
    await fixture.happened('KeyExpiryReminded', [waiting]);
    for (let round = 0; round < 3; round++) await reminding.reconcile();
    const steps = (await remindersOf(waiting)).map(({ data }) => (data as { step: string }).step);
    expect(new Set(steps).size).toBe(steps.length);
  }, 20_000);

  it('leaves a key alone that is not due, and one that is snoozed', async () => {
    const [later, snoozed, due] = [await key(8 * DAY_MS), await key(6 * DAY_MS), await key(6 * DAY_MS)];
    const until = fixture.ago(-DAY_MS);
    await fixture.decide(snoozed, snoozeReminders({ registry: REGISTRY, at: fixture.ago(0), until }));
    await worker('later').reconcile();
    await fixture.happened('KeyExpiryReminded', [due]);
    expect([...(await remindersOf(later)), ...(await remindersOf(snoozed))]).toEqual([]);
  }, 20_000);
});
