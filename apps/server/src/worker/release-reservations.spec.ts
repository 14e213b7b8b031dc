import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eraseUser, registerUser, users } from '#libs/identity';
import { createLog } from '#libs/platform';
import { reservationTable, type ReadModels } from '#libs/read-models';
import {
  addHost,
  createRegistry,
  emails,
  hosts,
  registries,
  removeHost,
  reserve,
  slugs,
} from '#libs/registries';
import { Database } from '#libs/sqlite';
import { ReleaseReservations } from './release-reservations.js';
import { WorkerFixture } from '../../../../test/support/worker-fixture.js';

const [OLD_MS, YOUNG_MS] = [61_000, 50_000];
let fixture: WorkerFixture;
let worker: ReleaseReservations;
beforeAll(async () => {
  fixture = await WorkerFixture.start();
  worker = new ReleaseReservations(fixture.log, fixture.readModels, createLog('fatal'));
}, 30_000);
afterAll(() => fixture.close());

const kinds = { slug: slugs, host: hosts, email: emails };
const take = async (kind: keyof typeof kinds, name: string, by: string, agoMs: number): Promise<void> => {
  const decision = reserve(by, fixture.ago(agoMs), 'host-taken');
  await fixture.log.create(kinds[kind], name, decision, fixture.context());
};
const isTaken = async (kind: keyof typeof kinds, name: string) =>
  (await fixture.log.read(kinds[kind], name)).state.by !== undefined;
const caughtUp = async (stream: string): Promise<void> => {
  const newest = (await fixture.log.readStream(stream)).at(-1)!;
  await fixture.readModels.waitFor(newest.position, 5_000);
};

describe('a name that its holder does not use', () => {
  it('is free after a minute, whatever its kind; a young reservation stays', async () => {
    await take('slug', 'lost', 'reg_lost', OLD_MS);
    await take('slug', 'young', 'reg_young', YOUNG_MS);
    await take('host', 'lost.example', 'reg_lost', OLD_MS);
    await take('email', 'index-lost', 'usr_lost', OLD_MS);
    await caughtUp('email-index-lost');
    await worker.reconcile();
    expect(await isTaken('slug', 'lost')).toBe(false);
    expect(await isTaken('host', 'lost.example')).toBe(false);
    expect(await isTaken('email', 'index-lost')).toBe(false);
    expect(await isTaken('slug', 'young')).toBe(true);
    const released = (await fixture.log.readStream('slug-lost')).at(-1)!;
    expect(released.metadata.actor).toEqual({ type: 'system', id: 'release-reservations' });
    await caughtUp('slug-lost');
    await worker.reconcile();
    expect(await fixture.log.readStream('slug-lost')).toHaveLength(2);
  });

  it('is released when its removal was recorded and its release was not', async () => {
    await take('slug', 'myapp', 'reg_a', OLD_MS);
    await take('host', 'kept.example', 'reg_a', OLD_MS);
    await take('host', 'gone.example', 'reg_a', OLD_MS);
    const at = fixture.ago(OLD_MS);
    const data = { at, slug: 'myapp', name: 'x', plan: 'free', createdBy: 'usr_a' } as const;
    await fixture.log.create(registries, 'reg_a', createRegistry(data, ['kept.example']), fixture.context());
    for (const decision of [addHost('gone.example', at), removeHost('gone.example', at)])
      await fixture.log.transact(registries, 'reg_a', decision, fixture.context());
    await caughtUp('registry-reg_a');
    await worker.reconcile();
    expect([await isTaken('slug', 'myapp'), await isTaken('host', 'kept.example')]).toEqual([true, true]);
    expect(await isTaken('host', 'gone.example')).toBe(false);
  });

  it('stays while it is used, and is released after an erasure that did not come so far', async () => {
    const sealed = { subject: 'usr_a', iv: 'iv', ciphertext: 'text', commitment: 'ab'.repeat(32) };
    for (const user of ['usr_kept', 'usr_erased']) {
      const index = `index-${user}`;
      await take('email', index, user, OLD_MS);
      const at = fixture.ago(OLD_MS);
      const data = { at, email: sealed, name: sealed, emailIndex: index, createdBy: 'usr_a' };
      await fixture.log.create(users, user, registerUser(data, { password: sealed }), fixture.context());
    }
    await fixture.log.transact(users, 'usr_erased', eraseUser(fixture.ago(OLD_MS)), fixture.context());
    await caughtUp('user-usr_erased');
    await worker.reconcile();
    expect(await isTaken('email', 'index-usr_kept')).toBe(true);
    expect(await isTaken('email', 'index-usr_erased')).toBe(false);
  });

  it('is not what the tables alone say while they are behind the log', async () => {
    await take('slug', 'busy', 'reg_b', OLD_MS);
    const behind = new Database(':memory:');
    behind.exec(reservationTable.schema + reservationTable.indexes);
    for (const fact of await fixture.log.readStream('slug-busy')) reservationTable.apply(behind, fact);
    const data = { at: fixture.ago(0), slug: 'busy', name: 'x', plan: 'free', createdBy: 'usr_a' } as const;
    await fixture.log.create(registries, 'reg_b', createRegistry(data, []), fixture.context());
    const tables = { database: behind } as unknown as ReadModels;
    await new ReleaseReservations(fixture.log, tables, createLog('fatal')).reconcile();
    expect((await fixture.log.readStream('slug-busy')).map(({ type }) => type)).toEqual(['Reserved']);
    behind.close();
  });
});
