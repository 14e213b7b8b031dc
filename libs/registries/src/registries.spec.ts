import { describe, expect, it } from '@jest/globals';
import { given } from '../../../test/support/given.js';
import {
  addHost,
  changePlan,
  changePolicy,
  changeRegistry,
  createRegistry,
  CUSTOM_HOSTS_MAX,
  removeHost,
} from './decisions.js';
import { hostProblem, isAddress } from './host.js';
import { DEFAULT_POLICY } from './policy.js';
import { registries, type RegistryFact } from './registry.js';
import {
  hosts,
  isAbandonable,
  release,
  releaseAbandoned,
  reserve,
  reserveToUse,
  slugs,
  type ReservationFact,
} from './reservation.js';
import { slugProblem } from './slug.js';
import { upstreamOrigin, upstreamProblem } from './upstream.js';

const at = '2026-01-01T00:00:00.000Z';
const data = { at, slug: 'myapp', name: 'My app', plan: 'free', createdBy: 'usr_a' } as const;
const created: RegistryFact = { type: 'RegistryCreated', data };
const hosted: RegistryFact = { type: 'HostAdded', data: { at, host: '127.0.0.2' } };
const removed: RegistryFact = { type: 'HostRemoved', data: { at, host: '127.0.0.2' } };
const renamed: RegistryFact = { type: 'RegistryRenamed', data: { at, name: 'Other' } };
const upstream = 'http://registry-a:5000';
const moved: RegistryFact = { type: 'RegistryUpstreamChanged', data: { at, upstream } };
const policy = { ...DEFAULT_POLICY, serveReadsFor: 'PT10M' };
const changes = { serveReadsFor: { from: null, to: 'PT10M' } };
const ruled: RegistryFact = { type: 'RegistryPolicyChanged', data: { at, policy, changes } };
const reserved: ReservationFact = { type: 'Reserved', data: { at, by: 'reg_a' } };
const released: ReservationFact = { type: 'Released', data: { at } };

describe('creating a registry', () => {
  it('records it with its hosts', () =>
    given(registries, [])
      .when(createRegistry(data, ['127.0.0.2']))
      .then([created, hosted]));
  it('records a registry of its own behind the gate before any host, so that none is served from the shared one', () =>
    given(registries, [])
      .when(createRegistry(data, ['127.0.0.2'], upstream))
      .then([created, moved, hosted]));
  it('records its owner at once', () =>
    given(registries, [])
      .when(createRegistry(data, ['127.0.0.2'], null, 'usr_b'))
      .then([created, { type: 'MemberAdded', data: { at, user: 'usr_b', role: 'owner' } }, hosted]));
  it('again adds nothing', () =>
    given(registries, [created])
      .when(createRegistry(data, [], null, 'usr_b'))
      .quiet());
  it('refuses an id that another registry has', () =>
    given(registries, [created])
      .when(createRegistry({ ...data, slug: 'other' }, []))
      .refuses('conflict'));
});

describe('adding a host', () => {
  it('records it', () => given(registries, [created]).when(addHost('127.0.0.2', at)).then([hosted]));
  it('again adds nothing', () => given(registries, [created, hosted]).when(addHost('127.0.0.2', at)).quiet());
  it('that was removed records it anew', () =>
    given(registries, [created, hosted, removed]).when(addHost('127.0.0.2', at)).then([hosted]));
  it('refuses a registry that does not exist', () =>
    given(registries, []).when(addHost('127.0.0.2', at)).refuses('not-found'));
  it(`refuses more than ${CUSTOM_HOSTS_MAX}`, () => {
    const many = Array.from({ length: CUSTOM_HOSTS_MAX }, (_, index): RegistryFact => {
      return { type: 'HostAdded', data: { at, host: `h${index}.example.com` } };
    });
    given(registries, [created, ...many.slice(1)])
      .when(addHost('127.0.0.2', at))
      .then([hosted]);
    given(registries, [created, ...many])
      .when(addHost('127.0.0.2', at))
      .refuses('invalid-value');
  });
});

describe('removing a host', () => {
  it('records it', () => {
    given(registries, [created, hosted]).when(removeHost('127.0.0.2', at)).then([removed]);
    expect(given(registries, [created, hosted, removed]).state).toMatchObject({ hosts: [] });
  });
  it('again, or one of another registry, adds nothing', () => {
    given(registries, [created, hosted, removed]).when(removeHost('127.0.0.2', at)).quiet();
    given(registries, [created, hosted]).when(removeHost('127.0.0.3', at)).quiet();
  });
  it('refuses a registry that does not exist', () =>
    given(registries, []).when(removeHost('127.0.0.2', at)).refuses('not-found'));
});

describe('changing a registry', () => {
  it('records what is different, and only that', () => {
    given(registries, [created])
      .when(changeRegistry({ name: 'Other', upstream }, at))
      .then([renamed, moved]);
    given(registries, [created, moved])
      .when(changeRegistry({ name: 'Other', upstream }, at))
      .then([renamed]);
    given(registries, [created, moved])
      .when(changeRegistry({ upstream: null }, at))
      .then([{ type: 'RegistryUpstreamChanged', data: { at, upstream: null } }]);
  });
  it('to what it is, or by nothing, adds nothing', () => {
    given(registries, [created])
      .when(changeRegistry({ name: 'My app', upstream: null }, at))
      .quiet();
    given(registries, [created, renamed, moved])
      .when(changeRegistry({ name: 'Other', upstream }, at))
      .quiet();
    given(registries, [created]).when(changeRegistry({}, at)).quiet();
  });
  it('refuses a registry that does not exist', () =>
    given(registries, [])
      .when(changeRegistry({ name: 'Other' }, at))
      .refuses('not-found'));
});

describe('changing the policy', () => {
  it('records the whole of it', () =>
    given(registries, [created]).when(changePolicy(policy, at)).then([ruled]));
  it('to what it is adds nothing', () => {
    given(registries, [created, ruled]).when(changePolicy(policy, at)).quiet();
    given(registries, [created]).when(changePolicy(DEFAULT_POLICY, at)).quiet();
  });
  it('refuses a registry that does not exist, and reads without a lease for longer than 15 minutes', () => {
    given(registries, []).when(changePolicy(policy, at)).refuses('not-found');
    const longest = { ...DEFAULT_POLICY, serveReadsFor: 'PT900S' };
    given(registries, [created])
      .when(changePolicy(longest, at))
      .then([
        {
          type: 'RegistryPolicyChanged',
          data: { at, policy: longest, changes: { serveReadsFor: { from: null, to: 'PT900S' } } },
        },
      ]);
    for (const serveReadsFor of ['PT901S', 'PT15M1S', 'P1D', 'soon', '']) {
      given(registries, [created])
        .when(changePolicy({ ...DEFAULT_POLICY, serveReadsFor }, at))
        .refuses('invalid-value');
    }
  });
});

describe('changing the plan', () => {
  const upgraded: RegistryFact = { type: 'RegistryPlanChanged', data: { at, plan: 'team' } };
  it('records it', () => {
    given(registries, [created]).when(changePlan('team', at)).then([upgraded]);
    expect(given(registries, [created, upgraded]).state).toMatchObject({ plan: 'team' });
  });
  it('to what it is adds nothing', () => {
    given(registries, [created]).when(changePlan('free', at)).quiet();
    given(registries, [created, upgraded]).when(changePlan('team', at)).quiet();
  });
  it('refuses a registry that does not exist', () =>
    given(registries, []).when(changePlan('team', at)).refuses('not-found'));
});

describe('a fact that narrows access', () => {
  it('is critical, so that a node that does not know it stops serving', () =>
    expect([...registries.critical!].sort()).toEqual([
      'HostRemoved',
      'MemberRemoved',
      'MemberRoleChanged',
      'RegistryPolicyChanged',
      'RegistryUpstreamChanged',
    ]));
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

describe('a name that its holder does not use', () => {
  const later = '2026-01-01T00:01:00.001Z';
  const anew: ReservationFact = { type: 'Reserved', data: { at: later, by: 'reg_a' } };
  it('is taken anew by its holder, well before it could be freed', () => {
    given(hosts, []).when(reserveToUse('reg_a', at)).then([reserved]);
    given(hosts, [reserved]).when(reserveToUse('reg_a', '2026-01-01T00:00:29.999Z')).quiet();
    const half = '2026-01-01T00:00:30.000Z';
    given(hosts, [reserved])
      .when(reserveToUse('reg_a', half))
      .then([{ type: 'Reserved', data: { at: half, by: 'reg_a' } }]);
  });
  it('is refused to another registry, also when it could be freed', () =>
    given(hosts, [reserved]).when(reserveToUse('reg_b', later)).refuses('host-taken'));
  it('is freed after a minute', () => {
    given(hosts, [reserved]).when(releaseAbandoned('reg_a', at)).quiet();
    given(hosts, [reserved])
      .when(releaseAbandoned('reg_a', later))
      .then([{ type: 'Released', data: { at: later } }]);
  });
  it('is not freed once its holder has taken it anew, nor from a later holder', () => {
    given(hosts, [reserved, anew]).when(releaseAbandoned('reg_a', later)).quiet();
    given(hosts, [reserved]).when(releaseAbandoned('reg_b', later)).quiet();
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
  it.each(['registry.example.com', '127.0.0.2', '[::2]', 'a-b.c', 'xn--bcher-kva.example'])(
    '%s is a host',
    (host) => expect(hostProblem(host, 'registry.localhost')).toBeUndefined(),
  );
  it.each([
    'Upper.example.com', 'a..b', 'a.b.', 'host:5000', 'http://a', 'a/b', '', `${'a'.repeat(64)}.com`,
    'registry.localhost', 'myapp.registry.localhost', 'a b', '[::g]', 'a\n', 'a_b.example.com', '_dockreg.example.com',
    'bücher.example', 'exаmple.com', 'xn--a', '127.1', '0x7f.1', '999.1.1.1', '2130706433', 'a.123', '[0::1]', '[::1]:5000', '::1',
    '*.example.com', 'user@example.com', 'a.example.com,b.example.com', '-a.com', '..', 'a%2eb',
  ])('%j is no custom host', (host) => expect(hostProblem(host, 'registry.localhost')).toEqual(expect.any(String))); // prettier-ignore
  it('tells an address from a name', () => {
    expect(['127.0.0.2', '[::2]'].every(isAddress)).toBe(true);
    expect(['localhost', 'a.example.com', '1and1.com', 'xn--bcher-kva.example'].some(isAddress)).toBe(false);
  });
});

describe('a registry behind the gate', () => {
  it.each([
    ['http://registry-a:5000', 'http://registry-a:5000'],
    ['HTTPS://Registry-A.example:443/', 'https://registry-a.example'],
    ['http://10.0.0.7', 'http://10.0.0.7'],
    ['http://[fd00::7]:5000', 'http://[fd00::7]:5000'],
    ['http://[FD00:0::7]:80', 'http://[fd00::7]'],
  ])('%s is %s', (text, origin) => {
    expect(upstreamProblem(text)).toBeUndefined();
    expect(upstreamOrigin(text)).toBe(origin);
    expect(upstreamProblem(origin)).toBeUndefined();
  });

  const secret = 'hunter2';
  it.each([
    [`http://user:${secret}@registry-a:5000`, 'no user and password'],
    [`https://${secret}@registry-a`, 'no user and password'],
    ['unix+http://%2frun%2fregistry.sock', 'http or https'],
    ['ftp://registry-a', 'http or https'],
    ['registry-a:5000', 'http or https'],
    ['', 'form'],
    ['registry-a', 'form'],
    ['http://', 'form'],
    ['http:registry-a', 'form'],
    ['http://registry-a/v2', 'form'],
    ['http://registry-a?x', 'form'],
    ['http://registry-a#x', 'form'],
    ['http://registry-a:99999', 'form'],
    ['http://registry-a\n:5000', 'form'],
    ['http://registry-a\\v2', 'form'],
    [' http://registry-a', 'form'],
    ['http://bücher', 'form'],
    [`http://${'a'.repeat(300)}`, 'form'],
  ])('%j is none', (text, why) => {
    expect(upstreamProblem(text)).toMatch(why);
    expect(upstreamProblem(text)).not.toMatch(secret);
  });
});
