import { describe, expect, it } from '@jest/globals';
import { given } from '../../../test/support/given.js';
import { addHost, createRegistry } from './decisions.js';
import { hostProblem } from './host.js';
import { registries, type RegistryFact } from './registry.js';
import { hosts, isAbandonable, release, reserve, slugs, type ReservationFact } from './reservation.js';
import { slugProblem } from './slug.js';

const at = '2026-01-01T00:00:00.000Z';
const data = { at, slug: 'myapp', name: 'My app', plan: 'free', createdBy: 'usr_a' } as const;
const created: RegistryFact = { type: 'RegistryCreated', data };
const hosted: RegistryFact = { type: 'HostAdded', data: { at, host: '127.0.0.2' } };
const reserved: ReservationFact = { type: 'Reserved', data: { at, by: 'reg_a' } };
const released: ReservationFact = { type: 'Released', data: { at } };

describe('creating a registry', () => {
  it('records it with its hosts', () =>
    given(registries, [])
      .when(createRegistry(data, ['127.0.0.2']))
      .then([created, hosted]));
  it('again adds nothing', () => given(registries, [created]).when(createRegistry(data, [])).quiet());
  it('refuses an id that another registry has', () =>
    given(registries, [created])
      .when(createRegistry({ ...data, slug: 'other' }, []))
      .refuses('conflict'));
});

describe('adding a host', () => {
  it('records it', () => given(registries, [created]).when(addHost('127.0.0.2', at)).then([hosted]));
  it('again adds nothing', () => given(registries, [created, hosted]).when(addHost('127.0.0.2', at)).quiet());
  it('refuses a registry that does not exist', () =>
    given(registries, []).when(addHost('127.0.0.2', at)).refuses('not-found'));
});

describe('reserving a name', () => {
  const reserveA = reserve('reg_a', at, 'slug-taken');
  it('takes a free one', () => given(slugs, []).when(reserveA).then([reserved]));
  it('takes a released one', () => given(slugs, [reserved, released]).when(reserveA).then([reserved]));
  it('again by its holder adds nothing', () => given(slugs, [reserved]).when(reserveA).quiet());
  it('refuses one that another registry has', () =>
    given(hosts, [reserved])
      .when(reserve('reg_b', at, 'host-taken'))
      .refuses('host-taken'));
  it('releasing frees it', () => given(slugs, [reserved]).when(release('reg_a', at)).then([released]));
  it('releasing what another registry has adds nothing', () =>
    given(slugs, [reserved]).when(release('reg_b', at)).quiet());
  it('is abandonable only after a minute', () => {
    const { state } = given(slugs, [reserved]);
    expect(isAbandonable(state, '2026-01-01T00:01:00.000Z')).toBe(false);
    expect(isAbandonable(state, '2026-01-01T00:01:00.001Z')).toBe(true);
    expect(isAbandonable(slugs.initial, '2030-01-01T00:00:00.000Z')).toBe(false);
  });
});

describe('slugs and hosts', () => {
  it.each(['ab', 'my-app', 'a1', '1-2-3', 'x'.repeat(40)])('%s is a slug', (slug) =>
    expect(slugProblem(slug)).toBeUndefined(),
  );
  it.each([
    'a',
    'x'.repeat(41),
    'My',
    'a..b',
    'a--b',
    '-a',
    'a-',
    'a_b',
    '../x',
    'reg_1',
    'ä1',
    '',
    'api',
    'v2',
    'ab\n',
  ])('%j is no slug', (slug) => expect(slugProblem(slug)).toEqual(expect.any(String)));
  it.each(['registry.example.com', '127.0.0.2', '[::2]', 'a-b.c'])('%s is a host', (host) =>
    expect(hostProblem(host, 'registry.localhost')).toBeUndefined(),
  );
  it.each([
    'Upper.example.com', 'a..b', 'a.b.', 'host:5000', 'http://a', 'a/b', '', `${'a'.repeat(64)}.com`,
    'registry.localhost', 'myapp.registry.localhost', 'a b', '[::g]', 'a\n',
  ])('%j is no custom host', (host) => expect(hostProblem(host, 'registry.localhost')).toEqual(expect.any(String))); // prettier-ignore
});
