import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { EventLog } from '#libs/event-store';
import { users } from '#libs/identity';
import { Refusal, type Decision } from '#libs/kernel';
import { identities, release, reserveIfFree, type Reservation, type ReservationFact } from '#libs/registries';
import { faultsOf } from '../http/edge-app.js';
import { OidcScene, PASSWORD, refused } from './testing/oidc-scene.js';
import type { TestIssuer } from './testing/test-issuer.js';

let scene: OidcScene;
let issuer: TestIssuer;

beforeAll(async () => {
  scene = await OidcScene.start();
  ({ issuer } = scene);
}, 30_000);
beforeEach(() => scene.reset());
afterAll(() => scene?.close());

/** What another sign-in or the worker does meanwhile. */
async function change(index: string, decision: Decision<Reservation, ReservationFact>): Promise<void> {
  const context = {
    commandId: randomUUID(),
    actor: { type: 'system', id: 'test' },
    correlationId: 'test',
  } as const;
  await transact(identities, index, decision, context);
}

/** As EventLog.transact, whatever stands in its place. */
const transact: EventLog['transact'] = (...call) =>
  EventLog.prototype.transact.apply(scene.app.eventLog, call as never) as never;

/** Runs `step` once, when a sign-in has taken the subject and is about to link its user. */
function beforeLinking(step: (subjectIndex: string) => Promise<unknown>) {
  let taken: string | undefined;
  let isOver = false;
  const spied = async (...call: Parameters<typeof transact>) => {
    const [{ category }, id] = call;
    if (category === users.category && taken !== undefined && !isOver) {
      isOver = true;
      await step(taken);
    }
    taken = category === identities.category ? id : undefined;
    return transact(...call);
  };
  return jest.spyOn(scene.app.eventLog, 'transact').mockImplementation(spied);
}

describe('an identity', () => {
  it.each<[string, object]>([
    ['that the issuer has not verified', { email_verified: false }],
    ['of which it says nothing about verification', { email_verified: undefined }],
    ['that is verified in another type', { email_verified: 'true' }],
    ['that is missing', { email: undefined }],
    ['that folds to the one of a user', { email: 'ａnna@example.com' }],
    ['that is no address', { email: 'anna' }],
    ['that nobody has here', { email: 'stranger@example.com' }],
  ])('with an e-mail address %s opens nothing', async (_, changes) => {
    await scene.post('/v1/users', {
      email: 'anna@example.com',
      name: 'Anna',
      password: PASSWORD,
    });
    const { subject, id } = await scene.registered();
    issuer.accounts.set(subject, { ...issuer.accounts.get(subject), ...changes });
    refused(await scene.signInAs(subject));
    expect(await scene.typesOf(id)).not.toContain('UserIdentityLinked');
  });

  it('stays that of its user, whatever becomes of the e-mail address at the issuer', async () => {
    const [anna, bert] = [await scene.registered(), await scene.registered()];
    expect(await scene.userOf(await scene.signInAs(anna.subject))).toBe(anna.id);
    // Anna takes the address of Bert, who has never signed in so; somebody else gets that of Anna.
    issuer.accounts.set(anna.subject, { email: bert.email, email_verified: true });
    issuer.accounts.set('newcomer', { email: anna.email, email_verified: true });
    expect(await scene.userOf(await scene.signInAs(anna.subject))).toBe(anna.id);
    refused(await scene.signInAs('newcomer'));
    issuer.accounts.set(anna.subject, { email_verified: false });
    expect(await scene.userOf(await scene.signInAs(anna.subject))).toBe(anna.id);
    expect(await scene.userOf(await scene.signInAs(bert.subject))).toBe(bert.id);
    expect(await scene.typesOf(bert.id)).toContain('UserIdentityLinked');
  });

  it('opens one account, also when two sign-ins with two addresses come at once', async () => {
    const [anna, bert] = [await scene.registered(), await scene.registered()];
    const [one, other] = [scene.browser(), scene.browser()];
    const first = await one.toCallback(anna.subject);
    // The id token is made when the code is exchanged, so each gets the address of its turn.
    const second = await other.toCallback(anna.subject);
    const emails = [anna.email, bert.email];
    issuer.tamper = (claims) => ({ ...claims, email: emails.pop(), email_verified: true });
    const answers = await Promise.all([one.come(first), other.come(second)]);
    const links = [...(await scene.typesOf(anna.id)), ...(await scene.typesOf(bert.id))];
    expect(links.filter((type) => type === 'UserIdentityLinked')).toHaveLength(1);
    expect(answers.some(({ status }) => status === 302)).toBe(true);
  });

  it('is linked by the next sign-in when a process ended after it was taken', async () => {
    const { id, subject } = await scene.registered();
    const ended = beforeLinking(() => Promise.reject(new Refusal('unavailable', 'the process ends')));
    faultsOf(await scene.signInAs(subject), 503, 'unavailable');
    ended.mockRestore();
    expect(await scene.typesOf(id)).not.toContain('UserIdentityLinked');
    expect(await scene.userOf(await scene.signInAs(subject))).toBe(id);
  });

  it('that was given up while its sign-in stood still is taken again, or else opens nothing for it', async () => {
    const [anna, bert] = [await scene.registered(), await scene.registered()];
    for (const [{ id, subject }, taker] of [
      [anna, undefined],
      [bert, anna.id],
    ] as const) {
      let index = '';
      const still = beforeLinking(async (subjectIndex) => {
        index = subjectIndex;
        await change(index, release(id, '2026-01-01T00:00:00Z'));
        if (taker) await change(index, reserveIfFree(taker, '2026-01-01T00:00:00Z'));
      });
      const answer = await scene.signInAs(subject);
      still.mockRestore();
      if (taker) refused(answer);
      else expect(await scene.userOf(answer)).toBe(id);
      expect((await scene.app.eventLog.read(identities, index)).state.by).toBe(taker ?? id);
    }
  });

  it('of a linked user that nobody holds is held again with the next sign-in', async () => {
    const { id, subject } = await scene.registered();
    let index = '';
    const linking = beforeLinking((subjectIndex) => Promise.resolve(void (index = subjectIndex)));
    await scene.signInAs(subject);
    linking.mockRestore();
    await change(index, release(id, '2026-01-01T00:00:00Z'));
    expect(await scene.userOf(await scene.signInAs(subject))).toBe(id);
    expect((await scene.app.eventLog.read(identities, index)).state.by).toBe(id);
  });

  it('opens nothing for a disabled user, linked before or not, and all of it when the user is enabled again', async () => {
    const [linked, fresh] = [await scene.registered(), await scene.registered()];
    await scene.signInAs(linked.subject);
    for (const { id, subject } of [linked, fresh]) {
      await scene.post(`/v1/users/${id}/disable`);
      refused(await scene.signInAs(subject));
      await scene.post(`/v1/users/${id}/enable`);
      expect(await scene.userOf(await scene.signInAs(subject))).toBe(id);
    }
  });

  it('opens nothing for an erased user, and the account of whoever is registered with the address after that', async () => {
    const { id, subject, email } = await scene.registered();
    await scene.signInAs(subject);
    expect((await scene.post(`/v1/users/${id}/erase`)).status).toBe(200);
    refused(await scene.signInAs(subject));
    const body = { email, name: 'Anna', password: PASSWORD };
    const again = JSON.parse((await scene.post('/v1/users', body)).text) as { id: string };
    expect(await scene.userOf(await scene.signInAs(subject))).toBe(again.id);
  });
});
