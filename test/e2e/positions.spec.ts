import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf, type Api } from './api.js';
import { exchange, type Answer } from './http-exchange.js';
import { register } from './people.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

/**
 * Writes that append nothing, and so have no position: sessions are kept in Redis alone. The fact of a sign-in is recorded
 * behind the answer, and not for every sign-in.
 */
const APPEND_NOTHING: ReadonlySet<string> = new Set([
  'POST /v1/registries/{registry}/alert-rules/{rule}/replay',
  'POST /v1/session',
  'DELETE /v1/session',
  'DELETE /v1/sessions',
  'DELETE /v1/sessions/{id}',
  // Appends to the streams of the keys that it finds, of as many registries as they belong to; the check appends nothing.
  'POST /v1/leaks',
  'POST /v1/leaks/check',
  'POST /v1/registries/{registry}/notifications',
]);

const R = '/v1/registries/{registry}';
const K = `${R}/keys/{key}`;
const C = `${R}/channels/{channel}`;
const A = `${R}/alerts/{alert}`;
const U = '/v1/users/{id}';

/**
 * How every other write is made to succeed: with which body, and what stands in the path. A new write is added here, or the
 * spec fails.
 */
const WRITES: Readonly<Record<string, (make: Make) => Promise<Answer>>> = {
  'POST /v1/session/password': (make) => make.changePassword(),
  'POST /v1/access-tokens': (make) => make.call('POST', '/v1/access-tokens', { name: 'position' }),
  'DELETE /v1/access-tokens/{id}': async (make) => {
    const made = await make.call('POST', '/v1/access-tokens', { name: 'position' });
    return make.call('DELETE', `/v1/access-tokens/${bodyOf<{ id: string }>(made, 201).id}`);
  },
  'POST /v1/invitations/accept': async (make) => {
    const { invitation } = bodyOf<{ invitation: { secret: string } }>(await make.invite(), 201);
    const body = { invitation: invitation.secret, password: 'correct horse battery' };
    return make.call('POST', '/v1/invitations/accept', body);
  },
  'POST /v1/users': (make) => make.invite(),
  [`POST ${U}/disable`]: async (make) => make.call('POST', `${await make.user()}/disable`),
  [`POST ${U}/enable`]: async (make) => make.call('POST', `${await make.user()}/enable`),
  [`POST ${U}/erase`]: async (make) => make.call('POST', `${await make.user()}/erase`),
  [`POST ${U}/invite`]: async (make) => {
    const { id } = bodyOf<{ id: string }>(await make.invite(), 201);
    return make.call('POST', `/v1/users/${id}/invite`);
  },
  [`PUT ${U}/administrator`]: async (make) =>
    make.call('PUT', `${await make.user()}/administrator`, { administrator: true }),
  'POST /v1/registries': (make) =>
    make.call('POST', '/v1/registries', { slug: `slug-${make.unique()}`, name: 'x' }),
  [`PATCH ${R}`]: (make) => make.call('PATCH', make.registry, { name: 'renamed' }),
  [`POST ${R}/hosts`]: (make) => make.call('POST', `${make.registry}/hosts`, { host: 'a.example.com' }),
  [`DELETE ${R}/hosts/{host}`]: async (make) => {
    bodyOf(await make.call('POST', `${make.registry}/hosts`, { host: 'b.example.com' }), 201);
    return make.call('DELETE', `${make.registry}/hosts/b.example.com`);
  },
  [`PUT ${R}/policy`]: (make) => make.call('PUT', `${make.registry}/policy`, { serveReadsFor: 'PT1M' }),
  [`PUT ${R}/plan`]: (make) => make.call('PUT', `${make.registry}/plan`, { plan: 'team' }),
  [`POST ${R}/members`]: async (make) => (await make.member()).answer,
  [`PATCH ${R}/members/{user}`]: async (make) =>
    make.call('PATCH', (await make.member()).path, { role: 'auditor' }),
  [`DELETE ${R}/members/{user}`]: async (make) => make.call('DELETE', (await make.member()).path),
  [`POST ${R}/notifications/secret`]: (make) => make.call('POST', `${make.registry}/notifications/secret`),
  [`DELETE ${R}/notifications/secret`]: (make) =>
    make.call('DELETE', `${make.registry}/notifications/secret`),
  [`POST ${R}/keys`]: (make) => make.call('POST', `${make.registry}/keys`, PLAIN),
  [`POST ${R}/keys/revoke`]: async (make) => {
    const name = `bulk-${make.unique()}`;
    bodyOf(await make.call('POST', `${make.registry}/keys`, { ...PLAIN, name }), 201);
    return make.call('POST', `${make.registry}/keys/revoke`, { filter: { q: name } });
  },
  [`PATCH ${K}`]: async (make) => make.call('PATCH', await make.key(), { name: 'renamed' }),
  [`DELETE ${K}`]: async (make) => make.call('DELETE', await make.key()),
  [`POST ${K}/revoke`]: async (make) => make.call('POST', `${await make.key()}/revoke`),
  [`POST ${K}/suspend`]: async (make) => make.call('POST', `${await make.key()}/suspend`),
  [`PUT ${K}/rotation`]: async (make) => {
    await make.call('PUT', `${make.registry}/plan`, { plan: 'enterprise' });
    return make.call('PUT', `${await make.key()}/rotation`, SCHEDULE);
  },
  [`DELETE ${K}/rotation`]: async (make) => {
    const path = `${await make.key()}/rotation`;
    bodyOf(await make.call('PUT', path, SCHEDULE), 200);
    return make.call('DELETE', path);
  },
  [`POST ${K}/resume`]: async (make) => make.call('POST', `${await make.key()}/resume`),
  [`POST ${K}/rotate`]: async (make) => make.call('POST', `${await make.key()}/rotate`),
  [`POST ${K}/snooze`]: async (make) => make.call('POST', `${await make.key()}/snooze`, { for: 'P1D' }),
  [`POST ${A}/acknowledge`]: async (make) =>
    make.call('POST', `${await make.alert()}/acknowledge`, { note: 'mine' }),
  [`POST ${A}/resolve`]: async (make) => make.call('POST', `${await make.alert()}/resolve`),
  [`PUT ${R}/alert-rules/{rule}`]: (make) =>
    make.call('PUT', `${make.registry}/alert-rules/volume-pushes`, { threshold: 50 }),
  [`POST ${R}/alert-rules/{rule}/mute`]: (make) =>
    make.call('POST', `${make.registry}/alert-rules/new-network/mute`, { until: '2999-01-01T00:00:00Z' }),
  [`PUT ${R}/alert-settings`]: (make) =>
    make.call('PUT', `${make.registry}/alert-settings`, { expectedCountries: ['de'] }),
  [`POST ${R}/channels`]: (make) => make.channel(),
  [`PATCH ${C}`]: async (make) => make.call('PATCH', await make.channelPath(), { name: 'renamed' }),
  [`DELETE ${C}`]: async (make) => make.call('DELETE', await make.channelPath()),
  [`POST ${C}/rotate-secret`]: async (make) => make.call('POST', `${await make.channelPath()}/rotate-secret`),
  [`POST ${C}/test`]: async (make) => make.call('POST', `${await make.channelPath()}/test`),
  [`POST ${R}/deliveries/{delivery}/redeliver`]: async (make) => {
    const { id } = bodyOf<{ id: string }>(await make.call('POST', `${await make.channelPath()}/test`), 201);
    return make.call('POST', `${make.registry}/deliveries/${id}/redeliver`);
  },
};

const PLAIN = { name: 'position', permission: 'read' };
const SCHEDULE = { every: 'P30D', target: { kind: 'webhook', url: 'https://hooks.example.com/key' } };
const PASSWORD = 'correct horse battery';

/** Makes what a write needs. */
class Make {
  readonly registry = '/v1/registries/myapp';
  private count = 0;

  constructor(private readonly api: Api) {}

  call(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.api.call(path, { method, ...(body !== undefined && { body }) });
  }

  unique(): number {
    return ++this.count;
  }

  invite(): Promise<Answer> {
    const email = `guest-${this.unique()}@example.com`;
    return this.call('POST', '/v1/users', { email, name: 'Guest' });
  }

  async user(): Promise<string> {
    return `/v1/users/${(await register(this.api, `user-${this.unique()}`)).userId}`;
  }

  async member(): Promise<{ path: string; answer: Answer }> {
    const userId = (await this.user()).slice('/v1/users/'.length);
    const answer = await this.call('POST', `${this.registry}/members`, { userId, role: 'viewer' });
    return { path: `${this.registry}/members/${userId}`, answer };
  }

  /** A canary was touched. */
  async alert(): Promise<string> {
    const canary = await this.api.generateKey({ canary: true });
    await this.api.v2(canary.key);
    return eventually('the alert', 10_000, async () => {
      const { items } = await this.api.get<{ items: { id: string }[] }>(
        `${this.registry}/alerts?key=${canary.id}`,
      );
      return items[0] && `${this.registry}/alerts/${items[0].id}`;
    });
  }

  async key(): Promise<string> {
    return `${this.registry}/keys/${(await this.api.generateKey()).id}`;
  }

  /** Nothing answers at its port: what becomes of a delivery is another matter. */
  channel(): Promise<Answer> {
    const body = { kind: 'webhook', name: 'position', url: 'http://127.0.0.1:9/hook' };
    return this.call('POST', `${this.registry}/channels`, body);
  }

  async channelPath(): Promise<string> {
    return `${this.registry}/channels/${bodyOf<{ id: string }>(await this.channel(), 201).id}`;
  }

  /** Only a person who is signed in changes a password. */
  async changePassword(): Promise<Answer> {
    const name = `person-${this.unique()}`;
    await register(this.api, name);
    const { port } = this.api;
    const credentials = { email: `${name}@example.com`, password: PASSWORD };
    const signedIn = await exchange(port, { path: '/v1/session', body: credentials });
    const headers = {
      cookie: signedIn.headers['set-cookie']![0]!.split(';')[0]!,
      origin: `http://127.0.0.1:${port}`,
    };
    const body = { current: PASSWORD, password: 'another horse battery' };
    return exchange(port, { path: '/v1/session/password', headers, body });
  }
}

const installation = new Installation({ REGISTRY_UPSTREAM: 'none', ALLOW_PRIVATE_TARGETS: 'true' });
let server: ServerProcess;
let writes: string[];

beforeAll(async () => {
  server = await installation.start();
  const answer = await exchange(server.apiPort, { path: '/openapi.json' });
  const { paths } = JSON.parse(answer.text) as { paths: Record<string, object> };
  writes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((method) => ['post', 'put', 'patch', 'delete'].includes(method))
      .map((method) => `${method.toUpperCase()} ${path}`),
  );
}, 60_000);
afterAll(() => installation.remove(), 20_000);

describe('every write of the API', () => {
  it('is known to this spec', () => {
    const known = new Set([...Object.keys(WRITES), ...APPEND_NOTHING]);
    expect(writes.filter((write) => !known.has(write))).toEqual([]);
    expect([...known].filter((write) => !writes.includes(write))).toEqual([]);
  });

  it('answers with its position, which a read can wait for', async () => {
    const make = new Make(server.api);
    for (const [write, send] of Object.entries(WRITES)) {
      const { status, headers, text } = await send(make);
      expect({ write, text: status < 300 ? '' : text }).toEqual({ write, text: '' });
      expect({ write, position: headers['dockreg-position'] }).toEqual({
        write,
        position: expect.stringMatching(/^\d+$/),
      });
      const position = headers['dockreg-position'] as string;
      const read = await server.api.call('/v1/registries', {
        headers: { 'dockreg-min-position': position },
      });
      expect({ write, status: read.status }).toEqual({ write, status: 200 });
    }
  }, 60_000);
});
