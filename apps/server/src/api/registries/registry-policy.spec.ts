import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKey, keys, revokeKey } from '#libs/keys';
import { DEFAULT_POLICY } from '#libs/registries';
import { faultsOf, type Answer } from '../http/edge-app.js';
import { commandOf, RegistriesApp } from './testing/registries-app.js';

let app: RegistriesApp;
let id: string;
beforeAll(async () => {
  app = await RegistriesApp.start({});
  id = await app.create('team-a');
}, 30_000);
afterAll(() => app.close());

const put = (body: unknown, query = '') =>
  app.asAdministrator('PUT', `/v1/registries/team-a/policy${query}`, body);
const facts = async () => app.log.readStream(`registry-${id}`);
const types = async () => (await facts()).map(({ type }) => type);
const bodyOf = ({ text }: Answer) => JSON.parse(text) as Record<string, unknown>;
const read = async () => bodyOf(await app.asAdministrator('GET', '/v1/registries/team-a/policy'));

const all = {
  maxLifetime: 'P365D',
  requireExpiry: true,
  rotationPeriod: 'P30D',
  reminders: ['P7D', 'PT12H'],
  allowedNetworks: ['10.0.0.0/8', '2001:db8::/32'],
  namePattern: '^(ci|deploy)-',
  maxKeys: 20,
  timeZone: 'Europe/Berlin',
  serveReadsFor: 'PT15M',
  onLeak: 'suspend',
};

describe('the policy of a registry', () => {
  it('asks for little unless it says so', async () => {
    expect(await read()).toEqual(DEFAULT_POLICY);
    expect(DEFAULT_POLICY).toMatchObject({
      rotationPeriod: 'P90D',
      reminders: ['P30D', 'P14D', 'P7D', 'P1D'],
      serveReadsFor: null,
    });
  });

  it('is put as a whole, and what is left out is as by default', async () => {
    const answer = await put(all);
    expect([answer.status, bodyOf(answer)]).toEqual([200, all]);
    expect(answer.headers['dockreg-position']).toMatch(/^\d+$/);
    expect(await read()).toEqual(all);
    const before = await types();
    expect((await put(all)).status).toBe(200);
    expect(await types()).toEqual(before);
    expect(bodyOf(await put({ serveReadsFor: 'PT1S' }))).toEqual({
      ...DEFAULT_POLICY,
      serveReadsFor: 'PT1S',
    });
    expect(bodyOf(await put({}))).toEqual(DEFAULT_POLICY);
    const nothing = { rotationPeriod: null, reminders: [], maxLifetime: null, timeZone: null, maxKeys: null };
    const silent = { ...DEFAULT_POLICY, rotationPeriod: null, reminders: [] };
    expect(bodyOf(await put(nothing))).toEqual(silent);
    expect(await read()).toEqual(silent);
  });

  it('stands in the log with what was different before, as a fact that narrows access', async () => {
    await put({ ...all, serveReadsFor: null });
    await put({ ...all, serveReadsFor: null, maxKeys: 10 });
    const fact = (await facts()).at(-1)!;
    expect(fact.data).toMatchObject({
      policy: { ...all, serveReadsFor: null, maxKeys: 10 },
      changes: { maxKeys: { from: 20, to: 10 } },
    });
    expect(fact.metadata).toMatchObject({ schemaVersion: 2, critical: true });
  });

  it('has networks in their normal form, and reminders with the longest first', async () => {
    const answer = await put({ allowedNetworks: ['10.1.2.3/8'], reminders: ['P1D', 'P2W', 'P7D'] });
    expect(bodyOf(answer)).toMatchObject({
      allowedNetworks: ['10.0.0.0/8'],
      reminders: ['P2W', 'P7D', 'P1D'],
    });
  });

  it.each([
    [{ serveReadsFor: 'PT15M1S' }, 422, 'invalid-value'],
    [{ serveReadsFor: 'P1D' }, 422, 'invalid-value'],
    [{ reminders: ['P7D', 'P1W'] }, 422, 'invalid-value'],
    [{ namePattern: '(' }, 422, 'invalid-value'],
    [{ namePattern: '(?=a)' }, 422, 'invalid-value'],
    [{ timeZone: 'Mars/Olympus' }, 422, 'invalid-value'],
    [{ timeZone: '+01:00' }, 422, 'invalid-value'],
    [{ serveReadsFor: 'PT0S' }, 400, 'invalid-request'],
    [{ serveReadsFor: 'P1M' }, 400, 'invalid-request'],
    [{ serveReadsFor: 600 }, 400, 'invalid-request'],
    [{ maxLifetime: 'P1Y' }, 400, 'invalid-request'],
    [{ rotationPeriod: 'PT0S' }, 400, 'invalid-request'],
    [{ requireExpiry: 'yes' }, 400, 'invalid-request'],
    [{ reminders: ['soon'] }, 400, 'invalid-request'],
    [{ reminders: Array.from({ length: 11 }, (_, day) => `P${day + 1}D`) }, 400, 'invalid-request'],
    [{ allowedNetworks: ['10.0.0.0/33'] }, 400, 'invalid-request'],
    [{ allowedNetworks: ['10.0.0.0/8', '10.1.0.0/8'] }, 400, 'invalid-request'],
    [{ namePattern: 'x'.repeat(201) }, 400, 'invalid-request'],
    [{ maxKeys: 0 }, 400, 'invalid-request'],
    [{ maxKeys: 2.5 }, 400, 'invalid-request'],
    [{ maxKeys: '5' }, 400, 'invalid-request'],
    [{ serveReadsFor: 'PT1M', colour: 'red' }, 400, 'unknown-field'],
  ])('that would be %j is refused, also when it is only tried', async (body, status, code) => {
    const before = await types();
    for (const query of ['', '?dryRun=true']) faultsOf(await put(body, query), status, code);
    expect(await types()).toEqual(before);
  });
});

describe('a policy that is only tried', () => {
  const generate = async (key: string, more: object): Promise<void> => {
    const data = {
      at: '2026-01-01T00:00:00.000Z', registry: id, registryRevision: '0', createdBy: 'usr_a', name: 'ci-1',
      permission: 'read', secretHash: 'ab'.repeat(32), expiresAt: '2999-01-01T00:00:00.000Z', description: null, labels: {},
      repositories: [], networks: [], expectedCountries: [], ...more,
    } as const; // prettier-ignore
    const { position } = await app.log.create(keys, key, generateKey(data), commandOf('usr_a'));
    await app.readModels.waitFor(position, 5_000);
  };

  it('changes nothing, and names each living key that it would break, page by page', async () => {
    await put({});
    await generate('drk_fine', {});
    await generate('drk_endless', { expiresAt: null });
    await generate('drk_strange', { name: 'laptop', networks: ['192.0.2.0/24'] });
    await generate('drk_revoked', { expiresAt: null });
    const revoke = revokeKey({ registry: id, at: '2026-01-02T00:00:00.000Z' });
    const { position } = await app.log.transact(keys, 'drk_revoked', revoke, commandOf('usr_a'));
    await app.readModels.waitFor(position, 5_000);
    const before = await types();
    const policy = { requireExpiry: true, allowedNetworks: ['10.0.0.0/8'], namePattern: '^ci-' };
    const first = bodyOf(await put(policy, '?dryRun=true&limit=1'));
    expect(first).toMatchObject({
      ...DEFAULT_POLICY,
      ...policy,
      dryRun: true,
      changes: { requireExpiry: { from: false, to: true } },
      livingKeys: 3,
      count: 2,
      items: [{ id: 'drk_endless', name: 'ci-1', why: [{ field: 'expiresAt', why: expect.any(String) }] }],
      next: expect.any(String),
    });
    const second = bodyOf(await put(policy, `?dryRun=true&limit=1&after=${String(first['next'])}`));
    expect(second).toMatchObject({ count: 2, next: null });
    expect(second['items']).toMatchObject([
      { id: 'drk_strange', why: [{ field: 'name' }, { field: 'networks' }] },
    ]);
    expect(bodyOf(await put({}, '?dryRun=true'))).toMatchObject({ changes: {}, count: 0, items: [] });
    expect(await types()).toEqual(before);
    expect(await read()).toEqual(DEFAULT_POLICY);
  });

  it.each(['?dryRun=yes', '?dryRun=', '?dryRun=true&after=x', '?limit=0'])(
    'with %s is refused',
    async (query) => {
      faultsOf(await put({}, query), 400, 'invalid-parameter');
    },
  );
});
