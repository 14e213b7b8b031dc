import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventLog } from '#libs/event-store';
import type { ReadModels } from '#libs/read-models';
import { addHost, hosts, registries, release, removeHost, reserve, slugs } from '#libs/registries';
import { faultsOf, type Answer } from '../http/edge-app.js';
import { answeringMembership } from '../../membership/testing/answering-membership.js';
import { Narrowed } from '../http/narrowed.js';
import { Widened } from '../http/widened.js';
import { AddHost, AddHostHandler } from './add-host.js';
import { RemoveHost, RemoveHostHandler } from './remove-host.js';
import { ReserveNames } from './reserve-names.js';
import { commandOf, RegistriesApp } from './testing/registries-app.js';

let app: RegistriesApp;
let ours: string;
let theirs: string;
let count = 0;

beforeAll(async () => {
  app = await RegistriesApp.start({});
  ours = await app.create('ours');
  theirs = await app.create('theirs');
}, 30_000);
afterAll(() => app.close());

const context = () => commandOf('usr_a');
const freshHost = () => `h${++count}.example.com`;
const add = (slug: string, host: string) =>
  app.asAdministrator('POST', `/v1/registries/${slug}/hosts`, { host });
const remove = (slug: string, host: string): Promise<Answer> =>
  app.asAdministrator('DELETE', `/v1/registries/${slug}/hosts/${encodeURIComponent(host)}`);
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
const holderOf = async (host: string) => (await app.log.read(hosts, host)).state.by;
const has = async (registry: string, host: string) => {
  const { state } = await app.log.read(registries, registry);
  return state.status !== 'none' && state.hosts.includes(host);
};

/** What must always hold in the end: a registry has the host exactly when the host is reserved for it. */
async function expectHolder(host: string, holder: string | undefined): Promise<void> {
  const actual = {
    reservedFor: await holderOf(host),
    ours: await has(ours, host),
    theirs: await has(theirs, host),
  };
  expect(actual).toEqual({ reservedFor: holder, ours: holder === ours, theirs: holder === theirs });
}

describe('a host', () => {
  it('of one registry is refused to another until it is removed', async () => {
    const host = freshHost();
    expect((await add('ours', host)).status).toBe(201);
    expect(faultsOf(await add('theirs', host), 409, 'host-taken')).toEqual([]);
    expect(faultsOf(await remove('theirs', host), 404, 'not-found')).toEqual([]);
    await expectHolder(host, ours);
    const removed = await remove('ours', host);
    expect([removed.status, removed.text]).toEqual([204, '']);
    expect(removed.headers['dockreg-position']).toMatch(/^\d+$/);
    await expectHolder(host, undefined);
    expect(faultsOf(await remove('ours', host), 404, 'not-found')).toEqual([]);
    expect((await add('theirs', host)).status).toBe(201);
    await expectHolder(host, theirs);
  });

  it('that the registry has had for long is added again without a write', async () => {
    const host = freshHost();
    await app.log.create(hosts, host, reserve(ours, ago(3_600_000), 'host-taken'), context());
    const { position } = await app.log.transact(registries, ours, addHost(host, ago(3_600_000)), context());
    const answer = await add('ours', host);
    expect([answer.status, answer.headers['dockreg-position']]).toEqual([200, String(position)]);
    expect(await app.log.readStream(`host-${host}`)).toHaveLength(1);
  });

  it('that a new registry would bring along is refused like one that is added', async () => {
    const host = freshHost();
    await add('ours', host);
    const body = { slug: `late-${count}`, name: 'x', hosts: [host] };
    expect(faultsOf(await app.asAdministrator('POST', '/v1/registries', body), 409, 'host-taken')).toEqual(
      [],
    );
    expect((await app.log.read(slugs, `late-${count}`)).state.by).toBeUndefined();
  });

  it('that is an IPv6 address is removed by its address in brackets', async () => {
    expect((await add('ours', '[fd00::1]')).status).toBe(201);
    expect((await remove('ours', '[fd00::1]')).status).toBe(204);
  });

  it('that many registries want at once goes to one of them', async () => {
    const host = freshHost();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => add(index % 2 === 0 ? 'ours' : 'theirs', host)),
    );
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
    expect(statuses.filter((status) => status === 409)).toHaveLength(4);
    expect(statuses[0]).toBeLessThanOrEqual(201);
    const holder = await holderOf(host);
    expect([ours, theirs]).toContain(holder);
    await expectHolder(host, holder);
    const { events } = await app.log.read(registries, holder!);
    expect(events.filter(({ data }) => (data as { host?: string }).host === host)).toHaveLength(1);
  });

  it('of the slug, and the loopback names of the first registry, cannot be removed', async () => {
    const bootstrap = await app.create('myapp', { hosts: ['127.0.0.1', '127.0.0.9'] });
    for (const host of ['myapp.registry.localhost', '127.0.0.1', 'localhost', '[::1]']) {
      const answer = await remove('myapp', host);
      expect(faultsOf(answer, 409, 'host-fixed')).toEqual([]);
      expect(answer.body.detail).toMatch(/answers on/);
    }
    expect(await has(bootstrap, '127.0.0.1')).toBe(true);
    expect((await remove('myapp', '127.0.0.9')).status).toBe(204);
    expect(faultsOf(await remove('ours', 'myapp.registry.localhost'), 404, 'not-found')).toEqual([]);
    expect(faultsOf(await remove('ours', 'localhost'), 404, 'not-found')).toEqual([]);
  });
});

describe('a command that died half way', () => {
  it('before the registry had the host: nobody else gets it for a minute, its registry at once', async () => {
    const host = freshHost();
    await app.log.create(hosts, host, reserve(ours, ago(59_000), 'host-taken'), context());
    expect(faultsOf(await add('theirs', host), 409, 'host-taken')).toEqual([]);
    expect((await add('ours', host)).status).toBe(201);
    await expectHolder(host, ours);
  });

  it.each([
    ['another registry', 201],
    ['a new registry', 201],
  ])('before the registry had the host: %s gets it a minute later', async (who, status) => {
    const host = freshHost();
    await app.log.create(hosts, host, reserve(ours, ago(61_000), 'host-taken'), context());
    const body = { slug: `new-${count}`, name: 'x', hosts: [host] };
    const answer = await (who === 'another registry'
      ? add('theirs', host)
      : app.asAdministrator('POST', '/v1/registries', body));
    expect(answer.status).toBe(status);
    expect(await has(ours, host)).toBe(false);
    expect(await holderOf(host)).not.toBe(ours);
  });

  it('before the host of a removal was released: it is free for another registry', async () => {
    const host = freshHost();
    await app.log.create(hosts, host, reserve(ours, ago(61_000), 'host-taken'), context());
    await app.log.transact(registries, ours, addHost(host, ago(61_000)), context());
    expect(faultsOf(await add('theirs', host), 409, 'host-taken')).toEqual([]);
    await app.log.transact(registries, ours, removeHost(host, ago(0)), context());
    expect((await add('theirs', host)).status).toBe(201);
    await expectHolder(host, theirs);
  });

  it('before its registry was there: the name is free a minute later, and a registry that is there keeps its slug', async () => {
    await app.log.create(slugs, 'dead-slug', reserve('reg_dead', ago(61_000), 'slug-taken'), context());
    expect(await app.create('dead-slug')).toMatch(/^reg_/);
    await app.log.create(slugs, 'in-vain', reserve(theirs, ago(61_000), 'slug-taken'), context());
    expect(await app.create('in-vain')).toMatch(/^reg_/);
    await app.log.transact(slugs, 'theirs', release(theirs, ago(61_000)), context());
    await app.log.transact(slugs, 'theirs', reserve(theirs, ago(61_000), 'slug-taken'), context());
    const body = { slug: 'theirs', name: 'x' };
    expect(faultsOf(await app.asAdministrator('POST', '/v1/registries', body), 409, 'slug-taken')).toEqual(
      [],
    );
  });
});

describe('two commands at the same time', () => {
  const confirmed = answeringMembership();
  const readModels = { waitFor: () => Promise.resolve(true) } as unknown as ReadModels;
  const names = () => new ReserveNames(app.log);
  const adding = (reserving: ReserveNames, registry: string, host: string) =>
    new AddHostHandler(app.log, new Widened(confirmed, readModels), reserving, app.proof).execute(
      new AddHost(registry, host, false, context()),
    );
  const removing = (releasing: ReserveNames, host: string) =>
    new RemoveHostHandler(app.log, releasing, new Narrowed(confirmed, readModels)).execute(
      new RemoveHost(ours, host, context()),
    );

  it('a host that is added again before its removal has released it stays taken', async () => {
    const host = freshHost();
    await adding(names(), ours, host);
    const slow = names();
    const freeHost = slow.freeHost.bind(slow);
    slow.freeHost = async (...parts) => {
      await adding(names(), ours, host);
      await freeHost(...parts);
    };
    await removing(slow, host);
    await expectHolder(host, ours);
  });

  it('a host that is released while it is added again is taken again', async () => {
    const host = freshHost();
    await adding(names(), ours, host);
    const slow = names();
    const takeHost = slow.takeHost.bind(slow);
    let removal: Promise<unknown> | undefined;
    slow.takeHost = async (...parts) => {
      await takeHost(...parts);
      removal ??= app.log.transact(hosts, host, release(ours, ago(0)), context());
      await removal;
    };
    await app.log.transact(registries, ours, removeHost(host, ago(0)), context());
    await adding(slow, ours, host);
    await expectHolder(host, ours);
  });

  it('a command that stood still until another registry had its host takes its own host back', async () => {
    const host = freshHost();
    const slow = names();
    const takeHost = slow.takeHost.bind(slow);
    slow.takeHost = async (...parts) => {
      await takeHost(...parts);
      if (await has(theirs, host)) return;
      await app.log.transact(hosts, host, release(ours, ago(0)), context());
      await adding(names(), theirs, host);
    };
    await expect(adding(slow, ours, host)).rejects.toMatchObject({ code: 'host-taken' });
    await expectHolder(host, theirs);
  });
});

describe('the removal of a host', () => {
  const POSITION = 7n;
  /** A log in which the registry has the host, or not any more, and a gate that confirms when `confirm` says so. */
  function handler(
    facts: readonly object[],
    confirm: (position: bigint) => Promise<unknown>,
  ): RemoveHostHandler {
    const log = { transact: () => Promise.resolve({ facts, position: POSITION }) } as unknown as EventLog;
    const names = { freeHost: () => Promise.resolve() } as unknown as ReserveNames;
    const readModels = { waitFor: () => Promise.resolve(true) } as unknown as ReadModels;
    const narrowed = new Narrowed(answeringMembership(confirm), readModels);
    return new RemoveHostHandler(log, names, narrowed);
  }
  const command = () => new RemoveHost('reg_a', 'a.example.com', context());

  it.each([
    ['of a host that is there', [{}]],
    ['of one that was removed by a call that got no answer', []],
  ])('%s is not answered before the gate has applied it', async (_, facts) => {
    let confirm = (_reached: boolean): void => undefined;
    const asked: bigint[] = [];
    const waiting = (position: bigint) => {
      asked.push(position);
      return new Promise<boolean>((resolve) => (confirm = resolve));
    };
    const answer = handler(facts, waiting)
      .execute(command())
      .catch((error: unknown) => error);
    const first = await Promise.race([
      answer,
      new Promise((resolve) => setImmediate(() => resolve('still waiting'))),
    ]);
    expect(first).toBe('still waiting');
    expect(asked).toEqual([POSITION]);
    confirm(true);
    expect(await answer).toMatchObject(facts.length > 0 ? { position: POSITION } : { code: 'not-found' });
  });
});
