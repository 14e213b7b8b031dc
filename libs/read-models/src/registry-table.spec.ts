import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { RecordedFact } from '#libs/kernel';
import { DEFAULT_POLICY, type RegistryFact } from '#libs/registries';
import { Database } from '#libs/sqlite';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { allMembers, listMembers, memberTable } from './member-table.js';
import {
  eachRegistryAndHost,
  findRegistry,
  listRegistries,
  registryOfUpstream,
  registryTable,
  type RegistryAtGate,
} from './registry-table.js';

const at = '2026-01-01T00:00:00.000Z';
const policy = { ...DEFAULT_POLICY, serveReadsFor: 'PT10M', allowedNetworks: ['10.0.0.0/8'] };
const metadata = {
  schemaVersion: 1,
  actor: { type: 'user', id: 'usr_a' },
  correlationId: 'test',
  causationId: 'test',
} as const;

describe('the table of registries', () => {
  const directory = temporaryDirectory();
  let database: Database;
  let position: bigint;
  const revisions = new Map<string, bigint>();

  const happens = (id: string, { type, data }: RegistryFact): void => {
    const revision = (revisions.get(id) ?? -1n) + 1n;
    revisions.set(id, revision);
    const place = { stream: `registry-${id}`, category: 'registry', id, revision, position: position++ };
    const fact: RecordedFact = { type, data, metadata, eventId: String(position), ...place };
    for (const table of [registryTable, memberTable]) table.apply(database, fact);
  };
  const create = (id: string, slug: string) =>
    happens(id, {
      type: 'RegistryCreated',
      data: { at, slug, name: slug, plan: 'free', createdBy: 'usr_a' },
    });
  const add = (id: string, host: string) => happens(id, { type: 'HostAdded', data: { at, host } });
  const remove = (id: string, host: string) => happens(id, { type: 'HostRemoved', data: { at, host } });
  const hostsOf = (id: string) => findRegistry(database, id)?.hosts;

  beforeAll(() => {
    database = new Database(join(directory.path, 'models.sqlite'));
    for (const { schema } of [registryTable, memberTable]) database.exec(schema);
  });
  beforeEach(() => {
    database.exec('DELETE FROM registries; DELETE FROM registry_hosts; DELETE FROM registry_members');
    revisions.clear();
    position = 1n;
    create('reg_a', 'team-a');
    create('reg_b', 'team-b');
  });
  afterAll(() => {
    database.close();
    directory.remove();
  });

  it('keeps hosts in the order in which they were added, also when one goes and comes back', () => {
    for (const host of ['a.example', 'b.example', 'c.example']) add('reg_a', host);
    remove('reg_a', 'a.example');
    add('reg_a', 'a.example');
    add('reg_a', '0.example');
    expect(hostsOf('reg_a')).toEqual(['b.example', 'c.example', 'a.example', '0.example']);
    expect(findRegistry(database, 'team-a')).toMatchObject({ revision: 6n });
  });

  it('leaves a host to the registry that got it first, and takes it from nobody else', () => {
    add('reg_a', 'a.example');
    add('reg_b', 'a.example');
    remove('reg_b', 'a.example');
    expect([hostsOf('reg_a'), hostsOf('reg_b')]).toEqual([['a.example'], []]);
    remove('reg_a', 'a.example');
    add('reg_b', 'a.example');
    expect([hostsOf('reg_a'), hostsOf('reg_b')]).toEqual([[], ['a.example']]);
  });

  it('shows another name, another registry behind the gate and another policy, of that registry alone', () => {
    const before = findRegistry(database, 'team-b');
    expect(before).toMatchObject({ name: 'team-b', upstream: null, serveReadsFor: null });
    const upstream = 'http://registry-a:5000';
    happens('reg_a', { type: 'RegistryRenamed', data: { at, name: 'Team A' } });
    happens('reg_a', { type: 'RegistryUpstreamChanged', data: { at, upstream } });
    happens('reg_a', { type: 'RegistryPolicyChanged', data: { at, policy, changes: {} } });
    expect(findRegistry(database, 'team-a')).toMatchObject({
      slug: 'team-a', name: 'Team A', upstream, policy, serveReadsFor: 'PT10M', revision: 3n,
    }); // prettier-ignore
    expect(findRegistry(database, 'team-b')).toEqual(before);
    expect(registryOfUpstream(database, upstream)).toBe('reg_a');
    happens('reg_a', { type: 'RegistryUpstreamChanged', data: { at, upstream: null } });
    expect(registryOfUpstream(database, upstream)).toBeUndefined();
  });

  it('gives a registry and its policy another version only when what they show has changed', () => {
    const versions = () => {
      const { revision, shownRevision, policyRevision } = findRegistry(database, 'team-a')!;
      return [revision, shownRevision, policyRevision];
    };
    expect(versions()).toEqual([0n, 0n, 0n]);
    happens('reg_a', { type: 'MemberAdded', data: { at, user: 'usr_a', role: 'owner' } });
    expect(versions()).toEqual([1n, 0n, 0n]);
    happens('reg_a', { type: 'RegistryPolicyChanged', data: { at, policy: DEFAULT_POLICY, changes: {} } });
    expect(versions()).toEqual([2n, 0n, 2n]);
    add('reg_a', 'a.example');
    expect(versions()).toEqual([3n, 3n, 2n]);
  });

  it('keeps who is a member of which registry, since the day on which each was added', () => {
    const later = '2026-01-02T00:00:00.000Z';
    happens('reg_a', { type: 'MemberAdded', data: { at, user: 'usr_b', role: 'viewer' } });
    happens('reg_a', { type: 'MemberAdded', data: { at, user: 'usr_a', role: 'owner' } });
    happens('reg_b', { type: 'MemberAdded', data: { at, user: 'usr_b', role: 'admin' } });
    happens('reg_a', { type: 'MemberRoleChanged', data: { at: later, user: 'usr_b', role: 'auditor' } });
    const owner = { registry: 'reg_a', user: 'usr_a', role: 'owner', addedAt: at, revision: 2n };
    const auditor = { registry: 'reg_a', user: 'usr_b', role: 'auditor', addedAt: at, revision: 3n };
    expect(listMembers(database, 'reg_a', undefined, 5)).toEqual([owner, auditor]);
    expect(listMembers(database, 'reg_a', 'usr_a', 5)).toEqual([auditor]);
    expect(listMembers(database, 'reg_a', undefined, 1)).toEqual([owner]);
    happens('reg_a', { type: 'MemberRemoved', data: { at: later, user: 'usr_b' } });
    expect(allMembers(database)).toEqual([
      owner,
      { registry: 'reg_b', user: 'usr_b', role: 'admin', addedAt: at, revision: 1n },
    ]);
  });

  it('shows another plan, and only the registries that are asked for', () => {
    happens('reg_a', { type: 'RegistryPlanChanged', data: { at, plan: 'team' } });
    expect(listRegistries(database, undefined, 5).map(({ slug, plan }) => [slug, plan])).toEqual([
      ['team-a', 'team'],
      ['team-b', 'free'],
    ]);
    const slugs = (...ids: string[]) =>
      listRegistries(database, undefined, 5, new Set(ids)).map(({ slug }) => slug);
    expect([slugs('reg_b', 'reg_c'), slugs()]).toEqual([['team-b'], []]);
  });

  it('gives a gate what it decides from', () => {
    happens('reg_b', { type: 'RegistryUpstreamChanged', data: { at, upstream: 'http://registry-b' } });
    happens('reg_b', { type: 'RegistryPolicyChanged', data: { at, policy, changes: {} } });
    add('reg_b', 'b.example');
    const registries: RegistryAtGate[] = [];
    const hosts: [string, string][] = [];
    eachRegistryAndHost(
      database,
      (registry) => registries.push(registry),
      (host, registry) => hosts.push([host, registry]),
    );
    expect(registries).toEqual([
      { id: 'reg_a', slug: 'team-a', upstream: undefined, serveReadsForMs: 0, allowedNetworks: [] },
      {
        id: 'reg_b',
        slug: 'team-b',
        upstream: 'http://registry-b',
        serveReadsForMs: 600_000,
        allowedNetworks: ['10.0.0.0/8'],
      },
    ]);
    expect(hosts).toEqual([['b.example', 'reg_b']]);
  });

  it('passes a type of a later release by', () => {
    happens('reg_a', { type: 'RegistryPainted', data: { at } } as unknown as RegistryFact);
    expect(findRegistry(database, 'team-a')).toMatchObject({ name: 'team-a', revision: 1n });
  });
});
