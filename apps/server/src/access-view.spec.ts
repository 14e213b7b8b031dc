import { describe, expect, it } from '@jest/globals';
import { AccessModel, parseCredentials, type Action } from '#libs/access';
import { formatKey, hashSecret, type RecordedFact } from '#libs/kernel';
import { SERVER_PROJECTIONS } from '#libs/read-models';
import { Database } from '#libs/sqlite';
import { loadAccess } from './access-view.js';

const registry = 'reg_0000000000000001';
const secret = 'A'.repeat(43);
const time = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();

/** Tables that hold one registry and these keys, as the projections write them. */
function tablesWith(facts: readonly [stream: string, type: string, data: object][]): Database {
  const database = new Database(':memory:');
  for (const { schema } of SERVER_PROJECTIONS) database.exec(schema);
  for (const [index, [stream, type, data]] of facts.entries()) {
    const [category, id] = stream.split('-', 2) as [string, string];
    const event = { stream, category, id, type, data, revision: 0n, position: BigInt(index) } as RecordedFact;
    for (const { categories, apply } of SERVER_PROJECTIONS)
      if (categories.includes(category)) apply(database, event);
  }
  return database;
}

function generated(minute: number, expiresAt: string | null, restrictions: object = {}): object {
  const rights = { registry, permission: 'read', secretHash: hashSecret(secret), expiresAt };
  const lists = { repositories: [], networks: [], expectedCountries: [], ...restrictions };
  return {
    ...rights,
    ...lists,
    at: time(minute),
    name: 'CI',
    createdBy: 'usr_a',
    description: null,
    labels: {},
  };
}

describe('the memory of a gate that is filled from the tables', () => {
  const [short, ended, later, restricted, suspended, changed] = Array.from(
    { length: 6 },
    (_, number) => `drk_000000000000000${number}`,
  ) as [string, string, string, string, string, string];
  const lists = { repositories: ['team/*'], networks: ['10.0.0.0/8'] };
  const database = tablesWith([
    [`registry-${registry}`, 'RegistryCreated', { at: time(0), slug: 'myapp', name: 'x', plan: 'free', createdBy: 'usr_a' }],
    [`key-${short}`, 'KeyGenerated', generated(1, time(20))],
    [`key-${ended}`, 'KeyGenerated', generated(2, null)],
    [`key-${later}`, 'KeyGenerated', generated(3, null)],
    [`key-${restricted}`, 'KeyGenerated', generated(4, null, lists)],
    [`key-${suspended}`, 'KeyGenerated', generated(5, time(50))],
    [`key-${changed}`, 'KeyGenerated', generated(6, null)],
    [`key-${suspended}`, 'KeySuspended', { at: time(7), registry }],
    [`key-${changed}`, 'KeyChanged', { at: time(8), registry, changes: { ...lists, permission: 'read-write' } }],
    [`key-${ended}`, 'KeyRevoked', { at: time(30), registry }],
  ]); // prettier-ignore
  const access = new AccessModel({ registryDomain: 'registry.localhost' });
  loadAccess(access, database, 9n);
  const verdict = (
    id: string,
    minute: number,
    more: { action?: Action; repository?: string; address?: string } = {},
  ) => {
    const { action = 'pull', repository = 'other/api', address = '192.0.2.1' } = more;
    const pair = Buffer.from(`${id}:${formatKey(id, secret)}`).toString('base64');
    const credentials = parseCredentials(`Basic ${pair}`);
    return access.authorize(credentials, registry, { action, repository }, address, Date.parse(time(minute)))
      .verdict;
  };

  it('knows every registry and key, and refuses what was revoked', () => {
    expect(access.registryOfHost('myapp.registry.localhost')).toBe(registry);
    expect([verdict(later, 40), verdict(ended, 40)]).toEqual(['allowed', 'revoked']);
  });

  it('refuses a suspended key, until its time is over', () =>
    expect([verdict(suspended, 40), verdict(suspended, 50)]).toEqual(['suspended', 'expired']));

  it.each([restricted, changed])('holds a key to the networks and repositories that it has (%s)', (id) => {
    expect(verdict(id, 40)).toBe('network_refused');
    expect(verdict(id, 40, { address: '10.1.2.3' })).toBe('not_permitted');
    expect(verdict(id, 40, { address: '10.1.2.3', repository: 'team/api' })).toBe('allowed');
  });

  it('knows the permission that a key has now', () => {
    const push = { address: '10.1.2.3', repository: 'team/api', action: 'push' as const };
    expect([verdict(restricted, 40, push), verdict(changed, 40, push)]).toEqual(['not_permitted', 'allowed']);
  });

  it('refuses a key that had expired when the newest fact was written, also when the clock was set back since', () => {
    expect([verdict(short, 40), verdict(short, 10)]).toEqual(['expired', 'expired']);
  });

  it('goes on behind the checkpoint', () => expect(access.position).toBe(9n));
});
