import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { Webhook } from 'standardwebhooks';
import { writeOciLayout } from '../../apps/server/src/gate/testing/oci-layout.js';
import { startForwardingNginx, type ForwardingNginx } from '../support/forwarding-nginx.js';
import { writeGeographyDatabase } from '../support/geography-database.js';
import { bodyOf, type GeneratedKey } from './api.js';
import { skopeoCopy } from './programs.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

interface Alert {
  readonly id: string;
  readonly rule: string;
  readonly severity: string;
  readonly status: string;
  readonly key: string | null;
  readonly count: number;
  readonly since: string;
  readonly raisedAt: string;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly baseline: Readonly<Record<string, unknown>>;
  readonly next: readonly { step: string; path: string; method: string; body: object; command: string }[];
}
interface Listed<Item> {
  readonly items: readonly Item[];
}
interface Payload {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>> & { key: { id: string } };
}

const HOME = '203.0.113.10';
/** All of one operator, in networks of their own. */
const ABROAD = Array.from({ length: 12 }, (_, index) => `198.51.${100 + index}.7`);
const R = '/v1/registries/myapp';
/** What the contract promises, from the request to the alert. */
const WITHIN_MS = 2_000;

const installation = new Installation({
  TRUSTED_PROXIES: '127.0.0.0/8',
  ALLOW_PRIVATE_TARGETS: 'true',
  MAIL_FROM: 'keys@registry.example.com',
  GEOIP_DB: '',
});
const received: { headers: IncomingHttpHeaders; body: string; at: number }[] = [];
const mails: string[] = [];
const hook = createServer((request, response) => {
  void text(request).then((body) => {
    received.push({ headers: request.headers, body, at: Date.now() });
    response.writeHead(204).end();
  });
});
const mailServer = new SMTPServer({
  disabledCommands: ['STARTTLS', 'AUTH'],
  disableReverseLookup: true,
  onData: (stream, _session, callback) => {
    stream.once('end', () => callback());
    void text(stream).then((mail) => mails.push(mail));
  },
});
// The server is killed in the end, maybe while it sends.
mailServer.on('error', () => undefined);
let server: ServerProcess;
let nginx: ForwardingNginx;
let image: string;
let secret: string;

beforeAll(async () => {
  const geography = join(installation.folder, 'geography.mmdb');
  writeGeographyDatabase(geography, [
    { network: '203.0.113.0/24', country: 'DE', asn: 64_500 },
    { network: '198.51.96.0/19', country: 'BR', asn: 64_999 },
  ]);
  hook.listen(0, '127.0.0.1');
  const mailPort = mailServer.listen(0, '127.0.0.1');
  await Promise.all([once(hook, 'listening'), once(mailPort, 'listening')]);
  server = await installation.start({
    GEOIP_DB: geography,
    SMTP_URL: `smtp://127.0.0.1:${(mailPort.address() as AddressInfo).port}`,
  });
  nginx = await startForwardingNginx(join(installation.folder, 'nginx'), server.gatePort, [HOME, ...ABROAD]);
  await writeOciLayout(join(installation.folder, 'image'), 'hello');
  image = `oci:${join(installation.folder, 'image')}:latest`;
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
  const webhook = { kind: 'webhook', name: 'On-call', url, events: ['alert.raised', 'alert.resolved'] };
  const mail = { kind: 'email', name: 'Team', address: 'team@example.com', events: ['alert.raised'] };
  ({ secret } = bodyOf<{ secret: string }>(await server.api.call(`${R}/channels`, { body: webhook }), 201));
  bodyOf(await server.api.call(`${R}/channels`, { body: mail }), 201);
}, 60_000);
afterAll(async () => {
  await nginx?.stop();
  await installation.remove();
  hook.closeAllConnections();
  hook.close();
  await new Promise((closed) => mailServer.close(() => closed(undefined)));
}, 30_000);

const push = (address: string, { id, key }: GeneratedKey, repository: string) =>
  skopeoCopy(image, `docker://127.0.0.1:${nginx.ports.get(address)}/${repository}:v1`, id, key);
/** Those that somebody is told of at once; a new network is noted beside, and told by nobody. */
const TOLD = '&severity=medium,high';
const PUSHES = '&rule=push-from-unexpected-place';
/** Where the machine is busy, what a client asks before it pushes may be counted, and told, before the push. */
const ASKED_BEFORE = 'use-from-unexpected-place';
const alertsOf = async (key: string, query = '') =>
  (await server.api.get<Listed<Alert>>(`${R}/alerts?key=${key}${query}`)).items;
const toldOf = (key: string) =>
  received
    .map(({ headers, body }) => ({
      id: headers['webhook-id'],
      payload: new Webhook(secret).verify(body, headers as Record<string, string>) as Payload,
    }))
    .filter(({ payload }) => payload.data.key?.id === key);
const login = (key: string) => server.api.v2(key);

describe('pushes at high volume from an unexpected country', () => {
  it('are one alert within 2 s, told once by webhook and by mail, whose count grows', async () => {
    const key = await server.api.generateKey({ name: 'CI', expectedCountries: ['DE'] });
    expect((await push(HOME, key, 'team/base')).code).toBe(0);
    const startedAt = Date.now();
    expect((await push(ABROAD[0]!, key, 'team/stolen')).code).toBe(0);
    const [alert] = await eventually('the alert', 10_000, async () => {
      const found = await alertsOf(key.id, PUSHES);
      return found.length > 0 && found;
    });
    expect(Date.parse(alert!.raisedAt) - startedAt).toBeLessThan(WITHIN_MS);
    expect(alert).toMatchObject({
      rule: 'push-from-unexpected-place', severity: 'high', status: 'open', key: key.id, count: 1,
      evidence: { country: 'BR', asn: 64_999, network: '198.51.100.0/24' },
      baseline: { countries: ['DE'] },
    }); // prettier-ignore
    const pushes = () => toldOf(key.id).filter(({ payload }) => payload.data['alert'] === alert!.id);
    const mailed = () => mails.filter((mail) => mail.includes('push-from-unexpected-place'));
    await eventually('the webhook and the mail', 10_000, () => pushes().length > 0 && mailed().length > 0);
    const [told] = pushes();
    expect(told!.payload).toMatchObject({
      type: 'alert.raised',
      data: {
        alert: alert!.id, rule: alert!.rule, severity: 'high', where: 'BR, AS64999, 198.51.100.0/24',
        command: expect.stringContaining(`/keys/${key.id}/suspend`),
      },
    }); // prettier-ignore

    for (const [index, address] of ABROAD.slice(1, 4).entries()) {
      expect((await push(address, key, `team/stolen-${index}`)).code).toBe(0);
      // Each push is told apart: the next one begins when this one is in the log.
      const network = address.replace(/\d+$/, '0/24');
      await eventually('its use is told', 10_000, async () => {
        const { networks } = await server.api.get<{ networks: { network: string }[] }>(
          `${R}/keys/${key.id}/usage`,
        );
        return networks.some((one) => one.network === network);
      });
    }
    const [repeated] = await eventually('the repeat', 20_000, async () => {
      const found = await alertsOf(key.id, PUSHES);
      return found[0]!.count >= 4 && found;
    });
    expect(repeated!.id).toBe(alert!.id);
    const all = (await alertsOf(key.id, TOLD)).map(({ rule }) => rule);
    expect(all.filter((rule) => rule !== ASKED_BEFORE)).toEqual(['push-from-unexpected-place']);
    // A later alert of another key is told after whatever the repeats would have said.
    await touchCanary();
    expect(toldOf(key.id).length).toBeLessThanOrEqual(all.length);
    expect([pushes().length, mailed().length]).toEqual([1, 1]);
  }, 240_000);

  it('end when the advised step is taken', async () => {
    const [alert] = (await server.api.get<Listed<Alert>>(`${R}/alerts?rule=push-from-unexpected-place`))
      .items;
    const [{ path, method, body }] = alert!.next as [Alert['next'][number]];
    bodyOf(await server.api.call(path, { method, body }), 200);
    const resolved = await server.api.call(`${R}/alerts/${alert!.id}/resolve`, {
      body: { outcome: 'confirmed' },
    });
    expect(bodyOf<Alert>(resolved, 200)).toMatchObject({
      status: 'resolved',
      resolved: { outcome: 'confirmed' },
    });
    await eventually('the news of it', 10_000, () =>
      toldOf(alert!.key!).some(({ payload }) => payload.type === 'alert.resolved'),
    );
  }, 30_000);
});

async function touchCanary(): Promise<GeneratedKey> {
  const canary = await server.api.generateKey({ name: 'backup', canary: true });
  expect((await login(canary.key)).status).toBe(401);
  await eventually('the alert of the canary', 10_000, () => toldOf(canary.id).length > 0);
  return canary;
}

describe('a canary key', () => {
  it('is refused as a key that there is not, and any touch of it is an alert', async () => {
    const canary = await touchCanary();
    const [alert] = await alertsOf(canary.id);
    expect(alert).toMatchObject({ rule: 'canary-touched', severity: 'high', key: canary.id });
    const unknown = await login(`drk_${'0'.repeat(16)}${canary.key.slice(20)}`);
    const touched = await login(canary.key);
    expect([touched.status, touched.text]).toEqual([unknown.status, unknown.text]);
    const listed = await server.api.get<{ canary: boolean; status: string }>(`${R}/keys/${canary.id}`);
    expect(listed).toMatchObject({ canary: true, status: 'active' });
  }, 30_000);
});

describe('a rule', () => {
  it('raises nothing once it is off or muted, and says what it would have found', async () => {
    const rule = `${R}/alert-rules/read-key-pushes`;
    const { items: rules } = await server.api.get<Listed<{ rule: string }>>(`${R}/alert-rules`);
    expect(rules.map(({ rule: name }) => name)).toContain('read-key-pushes');
    const reader = await server.api.generateKey({ name: 'reader', permission: 'read' });
    expect((await push(HOME, reader, 'team/base')).code).not.toBe(0);
    const [live] = await eventually('the alert', 10_000, async () => {
      const found = await alertsOf(reader.id);
      return found.length > 0 && found;
    });
    const off = await server.api.call(rule, { method: 'PUT', body: { enabled: false } });
    expect(bodyOf(off, 200)).toMatchObject({ enabled: false, threshold: null, keys: [] });
    const other = await server.api.generateKey({ name: 'another reader', permission: 'read' });
    expect((await push(HOME, other, 'team/base')).code).not.toBe(0);
    await touchCanary();
    expect(await alertsOf(other.id)).toEqual([]);

    const day = 86_400_000;
    const [from, to] = [-day, day].map((shift) => new Date(Date.now() + shift).toISOString());
    const found = async (settings?: object) => {
      const answer = await server.api.call(`${rule}/replay`, {
        body: { from, to, ...(settings && { settings }) },
      });
      const lines = answer.text.trim().split('\n');
      const all = lines.map((line) => JSON.parse(line) as { type: string; alert?: string; key?: string });
      expect(all.at(-1)).toMatchObject({ type: 'end' });
      return all.filter(({ type }) => type === 'alert');
    };
    expect((await found()).map(({ alert }) => alert)).toEqual([live!.id]);
    const tried = await found({ enabled: true });
    expect(new Set(tried.map(({ key }) => key))).toEqual(new Set([reader.id, other.id]));
    expect(tried).toHaveLength(2);
  }, 60_000);
});

describe('what is laid down for alerts', () => {
  it('has a version of its own for each rule, and for what holds for all', async () => {
    const put = (path: string, body: object, version?: string) =>
      server.api.call(`${R}/${path}`, {
        method: 'PUT',
        body,
        headers: version ? { 'if-match': version } : {},
      });
    for (const [path, body] of [
      ['alert-rules/volume-pulls', { threshold: 500 }],
      ['alert-settings', { expectedCountries: ['de'], quietHours: { from: '22:00', until: '07:00' } }],
    ] as const) {
      const { etag } = (await server.api.call(`${R}/${path}`)).headers;
      const changed = await put(path, body, etag);
      expect(changed.status).toBe(200);
      expect(changed.headers.etag).not.toBe(etag);
      expect((await put(path, {}, etag)).status).toBe(412);
      const shown = await server.api.call(`${R}/${path}`);
      expect([shown.headers.etag, shown.text]).toEqual([changed.headers.etag, changed.text]);
    }
    const refused = await put('alert-settings', { expectedCountries: ['Germany'] });
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([400, { code: 'invalid-request' }]);
    bodyOf(await put('alert-settings', {}), 200);
  }, 30_000);

  it('and a note about an alert is shown to whoever sees the alert', async () => {
    const { id } = await touchCanary();
    const [alert] = await alertsOf(id);
    const path = `${R}/alerts/${alert!.id}`;
    const body = { note: 'it was me' };
    expect(bodyOf(await server.api.call(`${path}/acknowledge`, { body }), 200)).toMatchObject({
      status: 'acknowledged',
    });
    expect(await server.api.get(path)).toMatchObject({ acknowledged: { note: 'it was me' } });
    const log = await server.api.get<Listed<Alert>>(`${R}/alerts?status=acknowledged`);
    expect(JSON.stringify(log)).not.toContain('it was me');
  }, 30_000);
});
