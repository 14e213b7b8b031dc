import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventLog } from '#libs/event-store';
import { findRegistry } from '#libs/read-models';
import { DEFAULT_POLICY } from '#libs/registries';
import { faultsOf, type Answer } from '../http/edge-app.js';
import { Refusal } from '#libs/kernel';
import type { Narrowed } from '../http/narrowed.js';
import type { Widened } from '../http/widened.js';
import { ChangeRegistry, ChangeRegistryHandler } from './change-registry.js';
import { ChangePolicy, ChangePolicyHandler } from './registry-policy.js';
import { commandOf, RegistriesApp } from './testing/registries-app.js';

const SHARED = 'http://shared.example:5000';

let app: RegistriesApp;
let id: string;
beforeAll(async () => {
  app = await RegistriesApp.start({ REGISTRY_UPSTREAM: SHARED });
  id = await app.create('team-a');
  await app.create('team-b', { upstream: 'http://registry-b:5000' });
}, 30_000);
afterAll(() => app.close());

const change = (body: unknown) => app.asAdministrator('PATCH', '/v1/registries/team-a', body);
const types = async () => (await app.log.readStream(`registry-${id}`)).map(({ type }) => type);
const bodyOf = ({ text }: Answer) => JSON.parse(text) as Record<string, unknown>;

/** Every refused call writes nothing. */
async function expectRefused(answer: Answer, status: number, code: string, before: string[]): Promise<void> {
  faultsOf(answer, status, code);
  expect(await types()).toEqual(before);
}

describe('a registry', () => {
  it('is renamed, and keeps its slug', async () => {
    const answer = await change({ name: 'Team A' });
    expect(answer.status).toBe(200);
    expect(bodyOf(answer)).toMatchObject({ id, slug: 'team-a', name: 'Team A', upstream: null });
    expect(answer.headers['dockreg-position']).toMatch(/^\d+$/);
    expect(findRegistry(app.readModels.database, 'team-a')).toMatchObject({ name: 'Team A' });
    const before = await types();
    expect(bodyOf(await change({ name: 'Team A' }))).toMatchObject({ name: 'Team A' });
    expect(bodyOf(await change({}))).toMatchObject({ name: 'Team A' });
    expect(await types()).toEqual(before);
  });

  it('gets a registry of its own behind the gate, and shares the common one again', async () => {
    const answer = await change({ upstream: 'HTTP://Registry-A:5000/' });
    expect(bodyOf(answer)).toMatchObject({ name: 'Team A', upstream: 'http://registry-a:5000' });
    expect(findRegistry(app.readModels.database, id)).toMatchObject({ upstream: 'http://registry-a:5000' });
    const before = await types();
    expect((await change({ upstream: 'http://registry-a:5000' })).status).toBe(200);
    expect(await types()).toEqual(before);
    expect(bodyOf(await change({ upstream: null }))).toMatchObject({ upstream: null });
    expect(await types()).toEqual([...before, 'RegistryUpstreamChanged']);
    const [fact] = (await app.log.readStream(`registry-${id}`)).slice(-1);
    expect(fact!.metadata.critical).toBe(true);
  });

  it('is created with a registry of its own behind the gate', async () => {
    const row = findRegistry(app.readModels.database, 'team-b')!;
    expect(row.upstream).toBe('http://registry-b:5000');
    const body = { slug: 'team-c', name: 'x', upstream: 'http://registry-b:5000/' };
    faultsOf(await app.asAdministrator('POST', '/v1/registries', body), 409, 'upstream-taken');
    expect(findRegistry(app.readModels.database, 'team-c')).toBeUndefined();
    expect(await app.log.readStream('slug-team-c')).toEqual([]);
  });

  it.each([
    ['the registry that all share', SHARED, 409, 'upstream-taken'],
    ['the same in other letters', 'http://SHARED.example:5000/', 409, 'upstream-taken'],
    ['that of another registry', 'http://registry-b:5000', 409, 'upstream-taken'],
    ['a path', 'http://registry-a:5000/v2', 400, 'invalid-request'],
    ['a query', 'http://registry-a:5000/?a=b', 400, 'invalid-request'],
    ['a password', 'http://me:hunter2@registry-a:5000', 400, 'invalid-request'],
    ['a socket', 'unix+http://%2Frun%2Fregistry.sock', 400, 'invalid-request'],
    ['no scheme', 'registry-a:5000', 400, 'invalid-request'],
    ['nothing', '', 400, 'invalid-request'],
    ['a number', 5000, 400, 'invalid-request'],
    ['an object', { host: 'registry-a' }, 400, 'invalid-request'],
  ])('with %s behind the gate is refused', async (_, upstream, status, code) => {
    const before = await types();
    const answer = await change({ upstream, name: 'not this' });
    await expectRefused(answer, status, code, before);
    expect(answer.text).not.toContain('hunter2');
  });

  it.each([
    [{ name: '' }, 400, 'invalid-request'],
    [{ name: null }, 400, 'invalid-request'],
    [{ name: 'x'.repeat(201) }, 400, 'invalid-request'],
    [{ slug: 'other' }, 400, 'unknown-field'],
    [{ hosts: [] }, 400, 'unknown-field'],
    [{ plan: 'free' }, 400, 'unknown-field'],
    [[], 400, 'invalid-request'],
    ['{', 400, 'malformed-json'],
  ])('changed by %j is refused', async (body, status, code) => {
    await expectRefused(await change(body), status, code, await types());
  });

  it('gets another upstream from administrators alone; its name does not need one', async () => {
    for (const upstream of ['http://registry-z:5000', null]) {
      const answer = await app.asOwner('PATCH', '/v1/registries/team-a', { upstream });
      await expectRefused(answer, 403, 'not-permitted', await types());
    }
    expect((await app.asOwner('PATCH', '/v1/registries/team-a', { name: 'By its owner' })).status).toBe(200);
  });

  it('that is not there is changed by nobody', async () => {
    const answer = await app.asAdministrator('PATCH', '/v1/registries/nobody', { name: 'x' });
    expect(faultsOf(answer, 404, 'not-found')).toEqual([]);
  });
});

describe('what narrows a registry', () => {
  const position = 7n;
  const log = {
    transact: () => Promise.resolve({ state: {}, history: [], facts: [], position }),
  } as unknown as EventLog;
  const known = { apply: () => Promise.resolve() } as unknown as Widened;
  const away = {
    apply: () => Promise.reject(new Refusal('unavailable', 'no gate has confirmed it')),
  } as unknown as Narrowed;
  const context = commandOf('usr_a');
  const changing = (changes: object) =>
    new ChangeRegistryHandler(log, known, away).execute(new ChangeRegistry('reg_a', changes, context));

  it('is not answered with success while the gate has not confirmed it, also when it was so before', async () => {
    const refused = { code: 'unavailable' };
    await expect(changing({ upstream: null })).rejects.toMatchObject(refused);
    const policy = new ChangePolicy('reg_a', DEFAULT_POLICY, context);
    const handler = new ChangePolicyHandler(log, away);
    await expect(handler.execute(policy)).rejects.toMatchObject(refused);
  });

  it('is not another name: a gate does not know it', async () => {
    await expect(changing({ name: 'x' })).resolves.toMatchObject({ position });
  });
});
