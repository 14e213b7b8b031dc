import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Api, bodyOf } from './api.js';
import { bearer, everything, head, poll } from './change-feed.js';
import { exchange } from './http-exchange.js';
import { addMember, narrowed, register, type Person } from './people.js';
import { Installation, type ServerProcess } from './server-process.js';

/** More than a poll looks through pages of the log. */
const UNSEEN = 20;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
const people = new Map<string, Person>();
let server: ServerProcess;

beforeAll(async () => {
  server = await installation.start();
  await server.api.createRegistry('ours');
  await server.api.createRegistry('theirs');
  for (const role of ['owner', 'admin', 'developer', 'auditor', 'viewer']) {
    const person = await register(server.api, role);
    await addMember(server.api, 'ours', person.userId, role);
    people.set(role, person);
  }
  people.set('nobody', await register(server.api, 'nobody'));
}, 60_000);
afterAll(() => installation.remove(), 20_000);

const tokenOf = (name: string): string => people.get(name)!.token;
/** On the server that runs now. */
const apiOf = (name: string): Api => new Api(server.apiPort, tokenOf(name), 0);
const statusOf = async (path: string, token = installation.token): Promise<object> => {
  const { status, text } = await exchange(server.apiPort, { path, headers: bearer(token) });
  return { status, code: (JSON.parse(text) as { code: string }).code };
};
const rename = async (name: string): Promise<void> =>
  void bodyOf(await server.api.call('/v1/registries/ours', { method: 'PATCH', body: { name } }), 200);

describe('the change feed', () => {
  it('shows each caller what the routes about it show, and nothing else', async () => {
    const before = await head(server.api);
    const own = await apiOf('developer').generateKey({ name: 'own' }, 'ours');
    const other = await apiOf('admin').generateKey({ name: 'other' }, 'ours');
    await server.api.generateKey({}, 'theirs');
    const { userId } = await register(server.api, 'late');
    await addMember(server.api, 'ours', userId, 'viewer');
    await rename('Ours');

    // Sign-ins are recorded behind their answers, at any time after them.
    const seenBy = async (api: Api) =>
      (await everything(api, before)).filter(({ type }) => type !== 'UserSignedIn').map(({ type, subject }) => `${type} ${subject === userId ? 'late' : subject === own.id ? 'own' : subject === other.id ? 'other' : ''}`.trim()); // prettier-ignore
    const ownKey = 'KeyGenerated own';
    const [otherKey, member, renamed] = ['KeyGenerated other', 'MemberAdded late', 'RegistryRenamed'];
    expect(await seenBy(apiOf('owner'))).toEqual([ownKey, otherKey, member, renamed]);
    expect(await seenBy(apiOf('admin'))).toEqual([ownKey, otherKey, renamed]);
    expect(await seenBy(apiOf('auditor'))).toEqual([ownKey, otherKey, renamed]);
    expect(await seenBy(apiOf('developer'))).toEqual([ownKey, renamed]);
    expect(await seenBy(apiOf('viewer'))).toEqual([renamed]);
    expect(await seenBy(apiOf('nobody'))).toEqual([]);
    expect(await seenBy(server.api)).toEqual([
      ownKey, otherKey, 'KeyGenerated', 'UserRegistered late', 'UserPasswordChanged late', 'AccessTokenIssued late', member, renamed,
    ]); // prettier-ignore
    for (const scope of [{ role: 'owner' }, { registry: 'ours' }]) {
      const token = await narrowed(server.api, scope);
      const seen = await seenBy(new Api(server.apiPort, token, 0));
      const foreign = 'role' in scope ? ['KeyGenerated'] : [];
      expect(seen).toEqual([ownKey, otherKey, ...foreign, member, renamed]);
    }
  });

  it('carries no hash of a secret, no ciphertext and no fact of another kind of stream', async () => {
    const all = await everything(server.api, '0');
    expect(all.length).toBeGreaterThan(30);
    const text = JSON.stringify(all);
    expect(text).not.toMatch(/secretHash|ciphertext|emailIndex|Lease|Reserved|SubjectKey/);
    expect(text).not.toMatch(/[0-9a-f]{64}/);
    const rising = all.map(({ position }) => BigInt(position));
    expect(rising.every((position, index) => index === 0 || rising[index - 1]! < position)).toBe(true);
  });

  it('shows the data of a fact as its history does', async () => {
    const before = await head(server.api);
    const { id } = await server.api.generateKey({ labels: { env: 'prod' } }, 'ours');
    await server.api.revoke(id, 'ours');
    const history = await server.api.events(id, 'ours');
    const shown = (await everything(server.api, before)).filter(({ subject }) => subject === id);
    const comparable = ({ type, data, actor }: { type: string; data: object; actor: object }) => ({
      type,
      data,
      actor,
    });
    expect(shown.map(comparable)).toEqual(history.map(comparable));
    expect(shown).toHaveLength(3);
  });
});

describe('a long poll', () => {
  it('answers with the next change that its caller sees, as soon as it happens', async () => {
    const after = await head(server.api);
    const [waiting, chosen] = [
      poll(apiOf('viewer'), `after=${after}&wait=20`),
      poll(server.api, `after=${after}&wait=20&types=KeyRevoked`),
    ];
    const { id } = await server.api.generateKey({}, 'ours');
    bodyOf(
      await server.api.call('/v1/registries/ours', { method: 'PATCH', body: { name: `for ${id}` } }),
      200,
    );
    expect((await waiting).items).toMatchObject([{ type: 'RegistryRenamed', data: { name: `for ${id}` } }]);
    await server.api.revoke(id, 'ours');
    expect((await chosen).items).toMatchObject([{ type: 'KeyRevoked', subject: id }]);
  });

  it('goes on waiting however much happens that its caller does not see', async () => {
    const waiting = poll(apiOf('viewer'), `after=${await head(server.api)}&wait=20`);
    for (let number = 0; number < UNSEEN; number++) await server.api.generateKey({}, 'theirs');
    await rename('after all that');
    expect((await waiting).items).toMatchObject([{ data: { name: 'after all that' } }]);
  });

  it('answers at once with what there is, and says where the next one goes on', async () => {
    const after = await head(server.api);
    const ids = [await server.api.generateKey({}, 'ours'), await server.api.generateKey({}, 'ours')].map(
      ({ id }) => id,
    );
    const first = await poll(server.api, `after=${after}&limit=1`);
    expect(first.items).toMatchObject([{ subject: ids[0] }]);
    expect(first.next).toBe(first.items[0]!.position);
    const second = await poll(server.api, `after=${first.next}&limit=1`);
    expect(second.items).toMatchObject([{ subject: ids[1] }]);
    expect(await poll(server.api, `after=${second.next}&wait=0`)).toEqual({ items: [], next: second.next });
    // The viewer sees none of it, and need not look at it again.
    expect(await poll(apiOf('viewer'), `after=${after}&wait=0`)).toEqual({ items: [], next: second.next });
  });

  it.each([
    ['after=x', 'invalid-parameter'],
    ['after=-1', 'invalid-parameter'],
    ['wait=61', 'invalid-parameter'],
    ['limit=0', 'invalid-parameter'],
    ['types=LeaseRenewed', 'invalid-parameter'],
    ['types=KeyRevoked,Nothing', 'invalid-parameter'],
    // In the middle of the log's first event, from before what memory holds.
    ['after=1', 'unknown-position'],
    ['after=9223372036854775807', 'unknown-position'],
    ['after=9999999999999999999', 'unknown-position'],
  ])('refuses ?%s, and so does a stream but for what it does not take', async (query, code) => {
    expect(await statusOf(`/v1/changes?${query}`)).toEqual({ status: 400, code });
    const unknown = /^(wait|limit)/.test(query);
    expect(await statusOf(`/v1/changes/stream?${query}`)).toEqual({
      status: 400,
      code: unknown ? 'unknown-parameter' : code,
    });
  });
});
