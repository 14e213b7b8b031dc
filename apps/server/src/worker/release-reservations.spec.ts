import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eraseUser, linkIdentity, registerUser, users } from '#libs/identity';
import { createLog } from '#libs/platform';
import { reservationTable, type ReadModels } from '#libs/read-models';
import {
  addHost,
  createRegistry,
  emails,
  hosts,
  identities,
  registries,
  release,
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

const kinds = { slug: slugs, host: hosts, email: emails, identity: identities };
const sealed = { subject: 'usr_a', iv: 'iv', ciphertext: 'text', commitment: 'ab'.repeat(32) };
const ISSUER = 'https://id.example';
const take = async (kind: keyof typeof kinds, name: string, by: string, agoMs: number): Promise<void> => {
  const decision = reserve(by, fixture.ago(agoMs), 'host-taken');
  await fixture.log.create(kinds[kind], name, decision, fixture.context());
};
const register = async (user: string, emailIndex: string): Promise<void> => {
  const data = { at: fixture.ago(OLD_MS), email: sealed, name: sealed, emailIndex, createdBy: 'usr_a' };
  await fixture.log.create(users, user, registerUser(data, { password: sealed }), fixture.context());
};
const link = async (user: string, subjectIndex: string): Promise<void> => {
  const decision = linkIdentity({ at: fixture.ago(OLD_MS), issuer: ISSUER, subjectIndex });
  await fixture.log.transact(users, user, decision, fixture.context());
};
const create = async (registry: string, slug: string, names: string[], agoMs = OLD_MS): Promise<void> => {
  const data = { at: fixture.ago(agoMs), slug, name: 'x', plan: 'free', createdBy: 'usr_a' } as const;
  await fixture.log.create(registries, registry, createRegistry(data, names), fixture.context());
};
const holderOf = async (kind: keyof typeof kinds, name: string) =>
  (await fixture.log.read(kinds[kind], name)).state.by;
const isTaken = async (kind: keyof typeof kinds, name: string) =>
  (await fixture.log.read(kinds[kind], name)).state.by !== undefined;
/** Tables that have come to know these streams and nothing since. */
const tablesOf = async (...streams: string[]): Promise<ReadModels> => {
  const database = new Database(':memory:');
  database.exec(reservationTable.schema + reservationTable.indexes);
  for (const stream of streams)
    for (const fact of await fixture.log.readStream(stream)) reservationTable.apply(database, fact);
  return { database } as unknown as ReadModels;
};
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
    await create('reg_a', 'myapp', ['kept.example']);
    for (const decision of [addHost('gone.example', at), removeHost('gone.example', at)])
      await fixture.log.transact(registries, 'reg_a', decision, fixture.context());
    await caughtUp('registry-reg_a');
    await worker.reconcile();
    expect([await isTaken('slug', 'myapp'), await isTaken('host', 'kept.example')]).toEqual([true, true]);
    expect(await isTaken('host', 'gone.example')).toBe(false);
  });

  it('stays while it is used, and is released after an erasure that did not come so far', async () => {
    for (const user of ['usr_kept', 'usr_erased']) {
      const index = `index-${user}`;
      await take('email', index, user, OLD_MS);
      await register(user, index);
      await take('identity', `subject-${user}`, user, OLD_MS);
      await link(user, `subject-${user}`);
    }
    await fixture.log.transact(users, 'usr_erased', eraseUser(fixture.ago(OLD_MS)), fixture.context());
    await caughtUp('user-usr_erased');
    await worker.reconcile();
    expect(await isTaken('email', 'index-usr_kept')).toBe(true);
    expect(await isTaken('email', 'index-usr_erased')).toBe(false);
    expect(await isTaken('identity', 'subject-usr_kept')).toBe(true);
    expect(await isTaken('identity', 'subject-usr_erased')).toBe(false);
  });

  it('is a subject whose sign-in ended before its user was linked: free after a minute, also of a user who is there', async () => {
    await register('usr_half', 'index-half');
    await take('email', 'index-half', 'usr_half', OLD_MS);
    await take('identity', 'subject-half', 'usr_half', OLD_MS);
    await take('identity', 'subject-young', 'usr_half', YOUNG_MS);
    await take('identity', 'subject-second', 'usr_half', OLD_MS);
    await link('usr_half', 'subject-second');
    await caughtUp('user-usr_half');
    await worker.reconcile();
    const taken = ['subject-half', 'subject-young', 'subject-second'].map((name) =>
      isTaken('identity', name),
    );
    expect(await Promise.all(taken)).toEqual([false, true, true]);
    expect(await holderOf('email', 'index-half')).toBe('usr_half');
  });

  it('is not what the tables alone say while they are behind the log', async () => {
    await take('slug', 'busy', 'reg_b', OLD_MS);
    const behind = await tablesOf('slug-busy');
    await create('reg_b', 'busy', [], 0);
    await new ReleaseReservations(fixture.log, behind, createLog('fatal')).reconcile();
    expect((await fixture.log.readStream('slug-busy')).map(({ type }) => type)).toEqual(['Reserved']);
    behind.database.close();
  });
});

describe('a name that is used and not held', () => {
  const giveUp = async (kind: keyof typeof kinds, name: string, by: string): Promise<void> => {
    await take(kind, name, by, OLD_MS);
    await fixture.log.transact(kinds[kind], name, release(by, fixture.ago(OLD_MS)), fixture.context());
  };

  it('is held again, whatever its kind: its fact came after the name was given up', async () => {
    await giveUp('slug', 'late', 'reg_late');
    await giveUp('host', 'late.example', 'reg_late');
    await giveUp('email', 'index-late', 'usr_late');
    await giveUp('identity', 'subject-late', 'usr_late');
    await create('reg_late', 'late', ['late.example']);
    await register('usr_late', 'index-late');
    await link('usr_late', 'subject-late');
    await caughtUp('user-usr_late');
    await worker.reconcile();
    const holders = () =>
      Promise.all([
        holderOf('slug', 'late'),
        holderOf('host', 'late.example'),
        holderOf('email', 'index-late'),
        holderOf('identity', 'subject-late'),
      ]);
    expect(await holders()).toEqual(['reg_late', 'reg_late', 'usr_late', 'usr_late']);
    await caughtUp('identity-subject-late');
    await worker.reconcile();
    expect(await fixture.log.readStream('slug-late')).toHaveLength(3);
  });

  it('stays with another who has taken it meanwhile and uses it', async () => {
    await giveUp('host', 'moved.example', 'reg_first');
    await create('reg_first', 'first', ['moved.example']);
    await caughtUp('registry-reg_first');
    await take('host', 'moved.example', 'reg_second', OLD_MS);
    await create('reg_second', 'second', ['moved.example']);
    await caughtUp('registry-reg_second');
    await worker.reconcile();
    expect(await holderOf('host', 'moved.example')).toBe('reg_second');
    expect(await fixture.log.readStream('host-moved.example')).toHaveLength(3);
  });

  it('stays free when it is used no more, which the tables do not know yet', async () => {
    await giveUp('host', 'removed.example', 'reg_third');
    await create('reg_third', 'third', ['removed.example']);
    const behind = await tablesOf('host-removed.example', 'registry-reg_third');
    const removed = removeHost('removed.example', fixture.ago(0));
    await fixture.log.transact(registries, 'reg_third', removed, fixture.context());
    await new ReleaseReservations(fixture.log, behind, createLog('fatal')).reconcile();
    expect(await holderOf('host', 'removed.example')).toBeUndefined();
    behind.database.close();
  });
});
