import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
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
