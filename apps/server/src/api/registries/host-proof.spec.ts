import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { faultsOf, type Answer } from '../http/edge-app.js';
import { DnsServer, type DnsReply } from './testing/dns-server.js';
import { RegistriesApp } from './testing/registries-app.js';

/** How long a look-up may take in all, with what the test itself needs on a busy machine. */
const ANSWERED_WITHIN_MS = 8_000;

let dns: DnsServer;
let app: RegistriesApp;
let registry: string;
let count = 0;
let host: string;
let record: string;
let value: string;

beforeAll(async () => {
  dns = await DnsServer.start();
  app = await RegistriesApp.start({ DNS_SERVERS: dns.address });
  registry = await app.create('team-a');
}, 30_000);
afterAll(async () => {
  await app.close();
  dns.close();
});
beforeEach(() => {
  host = `images-${++count}.example.com`;
  ({ name: record, value } = app.proof.recordOf(registry, host));
  dns.asked.length = 0;
});

const add = (to = 'team-a', name = host): Promise<Answer> =>
  app.asOwner('POST', `/v1/registries/${to}/hosts`, { host: name });
const hostsOf = ({ text }: Answer) => (JSON.parse(text) as { hosts: string[] }).hosts;

describe('a host of somebody who is no administrator', () => {
  it('is refused until DNS proves it, with the record to set; then it is added', async () => {
    const refused = await add();
    expect(faultsOf(refused, 403, 'host-not-proven')).toEqual([]);
    expect(refused.body).toMatchObject({
      detail: `Set the DNS record _dockreg.${host} of type TXT to ${value} and repeat the request.`,
      record: { name: `_dockreg.${host}`, type: 'TXT', value },
    });
    expect(value).toMatch(/^dockreg-verify=[0-9a-f]{32}$/);
    expect((await app.log.readStream(`host-${host}`)).length).toBe(0);

    dns.setTexts(record, value);
    const added = await add();
    expect(added.status).toBe(201);
    expect(hostsOf(added)).toContain(host);
    expect(added.headers['dockreg-position']).toMatch(/^\d+$/);
  });

  it('is added once; the second time nothing is asked of DNS, and nothing is written', async () => {
    dns.setTexts(record, value);
    expect((await add()).status).toBe(201);
    const events = await app.log.readStream(`registry-${registry}`);
    dns.asked.length = 0;
    const again = await add();
    expect(again.status).toBe(200);
    expect(hostsOf(again)).toContain(host);
    expect(dns.asked).toEqual([]);
    expect(await app.log.readStream(`registry-${registry}`)).toEqual(events);
  });

  it.each<[string, (name: string, value: string) => DnsReply]>([
    ['among other texts', (name, data) => ['v=spf1 -all', 'dockreg-verify=0', data, ''].map(txt(name))],
    ['in chunks', (name, data) => [txt(name)([data.slice(0, 5), data.slice(5, 20), data.slice(20)])]],
    ['with blanks around it', (name, data) => [txt(name)(` ${data}\n`)]],
    ['under a name in another case', (name, data) => [txt(name.toUpperCase())(data)]],
    [
      'behind a CNAME',
      (name, data) => [
        { type: 'CNAME', name, ttl: 1, data: 'verify.other.example' },
        txt('verify.other.example')(data),
      ],
    ],
  ])('is proven by a text %s', async (_, reply) => {
    dns.replies.set(record, reply(record, value));
    expect((await add()).status).toBe(201);
  });

  it.each<[string, (name: string, value: string) => DnsReply]>([
    ['the name does not exist', () => 'NXDOMAIN'],
    ['the name has no text', () => 'NOERROR'],
    ['the text is another', (name, data) => [txt(name)(data.replace(/.$/, 'g'))]],
    ['the text is longer', (name, data) => [txt(name)(`${data}0`)]],
    ['the text is only the token', (name, data) => [txt(name)(data.replace(/.*=/, ''))]],
    ['the text is in two records', (name, data) => [txt(name)(data.slice(0, 9)), txt(name)(data.slice(9))]],
  ])('is not proven when %s', async (_, reply) => {
    dns.replies.set(record, reply(record, value));
    expect(faultsOf(await add(), 403, 'host-not-proven')).toEqual([]);
    expect(dns.asked.length).toBeGreaterThan(0);
  });

  it('is proven for one registry and one host alone', async () => {
    await app.create(`other-${count}`);
    dns.setTexts(record, value);
    expect(faultsOf(await add(`other-${count}`), 403, 'host-not-proven')).toEqual([]);
    dns.setTexts(`_dockreg.sub.${host}`, value);
    expect(faultsOf(await add('team-a', `sub.${host}`), 403, 'host-not-proven')).toEqual([]);
  });

  it('that another registry has shows it only to whoever proves the host', async () => {
    await app.create(`holder-${count}`, { hosts: [host] });
    expect(faultsOf(await add(), 403, 'host-not-proven')).toEqual([]);
    dns.setTexts(record, value);
    expect(faultsOf(await add(), 409, 'host-taken')).toEqual([]);
  });

  it.each(['127.0.0.7', '[fd00::7]'])('is not %s: DNS proves no address', async (address) => {
    expect(faultsOf(await add('team-a', address), 403, 'not-permitted')).toEqual([]);
    expect(dns.asked).toEqual([]);
  });

  it('that is too long for a proof is not proven', async () => {
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.example`;
    expect(long.length).toBeLessThanOrEqual(253);
    expect(faultsOf(await add('team-a', long), 403, 'host-not-proven')).toEqual([]);
  });

  it.each<DnsReply>(['silence', 'SERVFAIL', 'REFUSED'])(
    'of which DNS says %p is neither added nor called unproven: 503',
    async (reply) => {
      dns.replies.set(record, reply);
      const startedAt = performance.now();
      const answer = await add();
      expect(performance.now() - startedAt).toBeLessThan(ANSWERED_WITHIN_MS);
      expect(faultsOf(answer, 503, 'unavailable')).toEqual([]);
      expect(answer.body.detail).toMatch('DNS gave no answer');
      expect(answer.headers['retry-after']).toBeDefined();
      expect(await app.log.readStream(`host-${host}`)).toEqual([]);
    },
  );
});

describe('a host of an administrator', () => {
  it('is added at once, without a question to DNS', async () => {
    for (const name of [host, `127.0.1.${count}`]) {
      const answer = await app.asAdministrator('POST', '/v1/registries/team-a/hosts', { host: name });
      expect(answer.status).toBe(201);
      expect(hostsOf(answer)).toContain(name);
    }
    expect(dns.asked).toEqual([]);
  });
});

function txt(name: string) {
  return (data: string | string[]) => ({ type: 'TXT' as const, name, ttl: 1, data });
}
