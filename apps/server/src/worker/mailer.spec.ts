import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { keys, reportLeak } from '#libs/keys';
import { messageOf, type Message } from '#libs/notifications';
import { now } from '#libs/platform';
import { listDeliveries } from '#libs/read-models';
import { Mailer } from './mailer.js';
import { Receiver } from '../../../../test/support/webhook-receiver.js';
import { contextOf, NotificationFixture, REGISTRY } from './testing/notification-fixture.js';

interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
}
const FROM = 'keys@registry.example.com';
const ID = '7d1f0b8e-2c7d-5c58-9d2f-1d3f6a5e8c11';

const about = (name: string): Message =>
  messageOf({
    event: 'key.expiry-reminded',
    at: '2026-01-05T09:00:00.000Z',
    data: { expiresAt: '2026-01-12T09:00:00.000Z' },
    registry: { id: REGISTRY, slug: 'myapp', name: 'My app', timeZone: 'UTC' },
    key: { id: 'drk_0000000000000001', name, expiresAt: null },
    apiUrl: undefined,
  });

describe('mail', () => {
  let mails: Mail[] = [];
  const started: SMTPServer[] = [];
  beforeEach(() => void (mails = []));
  afterAll(() => Promise.all(started.map((server) => new Promise((done) => server.close(() => done(0))))));

  /** The URL of a mail server that speaks no TLS. */
  async function smtp(options: SMTPServerOptions = {}, user = ''): Promise<string> {
    const server = new SMTPServer({
      disabledCommands: user === '' ? ['STARTTLS', 'AUTH'] : ['STARTTLS'],
      authOptional: user === '',
      allowInsecureAuth: true,
      disableReverseLookup: true,
      onData: (stream, { envelope }, callback) => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        const to = envelope.rcptTo.map(({ address }) => address);
        stream.once('end', () => callback());
        void text(stream).then((body) => mails.push({ from, to, text: body }));
      },
      ...options,
    });
    started.push(server);
    const listening = server.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    return `smtp://${user}127.0.0.1:${(listening.address() as AddressInfo).port}`;
  }
  const refusing = (responseCode: number) =>
    smtp({
      onRcptTo: (_address, _session, callback) =>
        callback(Object.assign(new Error('no a@example.com here'), { responseCode })),
    });
  const send = async (url: string, address = 'anna@example.com', name = 'CI') =>
    new Mailer(url, FROM).mail(address, { id: ID, message: about(name) });

  it('says what happened to which key, and the command to use, under an id that stays', async () => {
    const url = await smtp();
    expect(await send(url)).toEqual({ status: 250, error: null });
    await send(url);
    expect(mails).toHaveLength(2);
    const [{ from, to, text: body }] = mails as [Mail];
    expect([from, to]).toEqual([FROM, ['anna@example.com']]);
    const plain = body.replaceAll('=\r\n', '').replaceAll('=3D', '=');
    expect(plain).toContain(
      'Key CI (drk_0000000000000001) in registry My app (myapp) expires on 2026-01-12 09:00 (UTC)',
    );
    expect(plain).toContain('$DOCKREG_URL/v1/registries/myapp/keys/drk_0000000000000001/rotate');
    for (const mail of mails)
      expect(mail.text).toMatch(new RegExp(`^Message-ID: <${ID}@registry\\.example\\.com>\\r$`, 'im'));
  });

  it('goes to a mail server that asks for a password', async () => {
    const onAuth: SMTPServerOptions['onAuth'] = ({ username, password }, _session, callback) =>
      username === 'keys' && password === 'p@ss'
        ? callback(null, { user: 'keys' })
        : callback(new Error('wrong'));
    expect(await send(await smtp({ onAuth }, 'keys:p%40ss@'))).toEqual({ status: 250, error: null });
    const refused = await send(await smtp({ onAuth }, 'keys:wrong@'));
    expect(refused).toEqual({ status: 535, error: 'the mail server answered 535', isFinal: false });
    expect(mails).toHaveLength(1);
  });

  it('has no header, recipient or line that a name or an address brought along', async () => {
    const url = await smtp();
    await send(url, 'anna@example.com', 'CI\r\nBcc: eve@example.com\r\n\r\nEvil');
    await send(url, 'anna@example.com, eve@example.com');
    await send(url, 'anna@example.com>\r\nRCPT TO:<eve@example.com');
    for (const { to, text: body } of mails) {
      expect(to).toHaveLength(1);
      expect(to).not.toContain('eve@example.com');
      expect(body).not.toMatch(/^(Bcc:|Evil)/m);
    }
    expect(mails.length).toBeGreaterThan(0);
  });

  it('that is refused for good is not tried again, and what the server says is not repeated', async () => {
    expect(await send(await refusing(550))).toEqual({
      status: 550,
      error: 'the mail server answered 550',
      isFinal: true,
    });
    expect(await send(await refusing(450))).toEqual({
      status: 450,
      error: 'the mail server answered 450',
      isFinal: false,
    });
  });

  it('whose sender is refused is tried again: the operator mends that, and nothing is lost', async () => {
    const url = await smtp({
      onMailFrom: (_address, _session, callback) =>
        callback(Object.assign(new Error('not you'), { responseCode: 550 })),
    });
    expect(await send(url)).toEqual({
      status: 550,
      error: 'the mail server answered 550',
      isFinal: false,
    });
  });

  it('that finds no server says so', async () => {
    expect(await send('smtp://user:hidden@127.0.0.1:1')).toEqual({
      status: null,
      error: 'the mail server could not be used (ESOCKET)',
    });
  });

  describe('and Slack, as the worker sends them', () => {
    let at: NotificationFixture;
    let slack: Receiver;
    let run = 0;
    beforeAll(async () => {
      at = await NotificationFixture.start();
      slack = await Receiver.start();
    }, 20_000);
    afterEach(() => at.stopWorkers());
    afterAll(async () => {
      slack.close();
      await at.close();
    }, 20_000);

    const remind = async (recipients: readonly string[], when = now()): Promise<string> => {
      const key = await at.key();
      const data = { at: when, registry: REGISTRY, step: 'P7D', expiresAt: when, recipients };
      await at.happens(key, 'KeyExpiryReminded', data);
      await at.fact((fact) => fact.id === key && fact.type === 'KeyExpiryReminded');
      return key;
    };
    const worker = async () => at.worker(`mail${run++}`, new Mailer(await smtp(), FROM));

    it('a reminder reaches each recipient once, by the address of now', async () => {
      const [anna, ben] = [await at.user('anna@example.com'), await at.user('ben@example.com')];
      await worker();
      const key = await remind([anna, ben]);
      await Promise.all([anna, ben].map((user) => at.outcome('NotificationDelivered', user)));
      expect(mails.flatMap(({ to }) => to).sort((a, b) => (a < b ? -1 : 1))).toEqual([
        'anna@example.com',
        'ben@example.com',
      ]);
      for (const mail of mails) expect(mail.text).toContain(key);
    }, 20_000);

    it('a leak reaches its recipients once, with what was done, whatever channels there are and however often it runs', async () => {
      const [anna, ben] = [await at.user('anna@example.com'), await at.user('ben@example.com')];
      const key = await at.key();
      const data = { at: now(), registry: REGISTRY, source: 'content', url: null, proven: true };
      const report = () =>
        at.applied(
          at.log.transact(
            keys,
            key,
            reportLeak(data, { onLeak: 'revoke', owners: [anna, ben] }),
            contextOf(),
          ),
        );
      await Promise.all([report(), report()]);
      const mailer = new Mailer(await smtp(), FROM);
      const prefix = `mail${run++}`;
      for (let count = 0; count < 2; count++) at.worker(prefix, mailer);
      await Promise.all([anna, ben].map((user) => at.outcome('NotificationDelivered', user)));
      await report();
      await at.stopWorkers();
      // Another queue: what stood in Redis is lost.
      await (await worker()).reconcile();
      const last = await at.user('last@example.com');
      await remind([last]);
      await at.outcome('NotificationDelivered', last);
      expect(mails.flatMap(({ to }) => to).sort((a, b) => (a < b ? -1 : 1))).toEqual([
        'anna@example.com',
        'ben@example.com',
        'last@example.com',
      ]);
      const leaks = mails.map(({ text: body }) => body.replaceAll('=\r\n', '')).slice(0, 2);
      for (const body of leaks) {
        expect(body).toContain(`(${key}) in registry My app (myapp) was reported as leaked`);
        expect(body).toContain('its secret is out, and it was revoked');
        expect(body).toContain('$DOCKREG_URL/v1/registries/myapp/keys"');
      }
    }, 20_000);

    it('a reminder to an erased user is sent to nobody', async () => {
      const user = await at.user('gone@example.com');
      await at.subjectKeys.erase(user);
      await worker();
      await remind([user]);
      const { data } = await at.outcome('NotificationFailed', user);
      expect(data).toMatchObject({ nextAttemptAt: null, error: 'the user is not there any more' });
      expect(mails).toEqual([]);
    }, 20_000);

    it('a reminder waits while no mail server is set, and is dropped when it has become old', async () => {
      const user = await at.user('late@example.com');
      await remind([user], new Date(Date.now() - 4 * 24 * 3_600_000).toISOString());
      const idle = at.worker(`mail${run++}`);
      await idle.reconcile();
      await at.stopWorkers();
      expect(listDeliveries(at.readModels.database, user, undefined, 5)).toMatchObject([
        { status: 'pending' },
      ]);
      await worker();
      expect((await at.outcome('NotificationFailed', user)).data).toMatchObject({ error: 'it is too old' });
      expect(mails).toEqual([]);
    }, 20_000);

    it('an e-mail channel gets what it is subscribed to', async () => {
      const channel = await at.channel('email', 'team@example.com', { events: ['key.generated'] });
      await worker();
      const key = await at.key('New');
      await at.outcome('NotificationDelivered', channel);
      expect(mails.map(({ to, text: body }) => [to, body.includes(key)])).toEqual([
        [['team@example.com'], true],
      ]);
    }, 20_000);

    it('Slack gets a text without any markup of a name', async () => {
      const channel = await at.channel('slack', slack.url, { events: ['key.generated'] });
      await worker();
      const key = await at.key('<!channel> & <https://evil.example.com|click>');
      await at.outcome('NotificationDelivered', channel);
      const { text: said } = JSON.parse(slack.received[0]!.body) as { text: string };
      expect(said).toContain(`Key &lt;!channel&gt; &amp; &lt;https://evil.example.com|click&gt; (${key})`);
      expect(said).toContain('```curl -X POST');
      expect(said).not.toMatch(/[<>]/);
    }, 20_000);
  });
});
