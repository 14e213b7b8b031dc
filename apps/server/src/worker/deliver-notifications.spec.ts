import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { keys, revokeKey } from '#libs/keys';
import { deliveries, requestDelivery } from '#libs/notifications';
import { parseMasterKey, SubjectKeys } from '#libs/personal-data';
import { mintUuid, now } from '#libs/platform';
import { findChannel, findDelivery, listDeliveries } from '#libs/read-models';
import { changeChannel, registries, removeChannel } from '#libs/registries';
import { Receiver } from '../../../../test/support/webhook-receiver.js';
import { contextOf, NotificationFixture, REGISTRY } from './testing/notification-fixture.js';

const secretOf = (letter: string) => `whsec_${Buffer.alloc(32, letter).toString('base64')}`;

describe('the worker that delivers notifications', () => {
  let at: NotificationFixture;
  let receiver: Receiver;
  let run = 0;
  const prefix = () => `run${run}`;
  beforeAll(async () => (at = await NotificationFixture.start()), 20_000);
  beforeEach(async () => {
    run++;
    receiver = await Receiver.start();
  });
  afterEach(async () => {
    await at.stopWorkers();
    receiver.close();
  });
  afterAll(() => at.close(), 20_000);

  const revoke = async (id: string, registry = REGISTRY) =>
    at.applied(at.log.transact(keys, id, revokeKey({ registry, at: now() }), contextOf()));
  const rowsOf = (channel: string) => listDeliveries(at.readModels.database, channel, undefined, 10);

  it('tells a webhook what happened to which key, signed so that the reference library accepts it', async () => {
    const secret = secretOf('a');
    const channel = await at.channel('webhook', receiver.url, { secret });
    const id = await at.key('CI\r\nEvil: yes');
    at.worker(prefix());
    await revoke(id);
    await at.outcome('NotificationDelivered', channel);
    expect(receiver.received).toHaveLength(1);
    const { headers, body } = receiver.received[0]!;
    const verified = new Webhook(secret).verify(body, headers as Record<string, string>);
    expect(verified).toMatchObject({
      type: 'key.revoked',
      data: {
        registry: { id: REGISTRY, slug: 'myapp', name: 'My app' },
        key: { id, name: 'CI Evil: yes' },
        command: expect.stringContaining('$DOCKREG_URL/v1/registries/myapp/keys"'),
      },
    });
    expect(body).not.toMatch(/secretHash|ciphertext|whsec_|abab/);
    const [row] = rowsOf(channel);
    expect(row).toMatchObject({
      status: 'delivered',
      attempts: 1,
      httpStatus: 204,
      id: headers['webhook-id'],
    });
  }, 20_000);

  it('signs with the former secret too while it is valid', async () => {
    const [former, present] = [secretOf('b'), secretOf('c')];
    const channel = await at.channel('webhook', receiver.url, { secret: former });
    const seal = (text: string) => at.subjectKeys.seal(channel, text, contextOf());
    const until = new Date(Date.now() + 60_000).toISOString();
    const previousSecret = { secret: await seal(former), until };
    const change = changeChannel(channel, { secret: await seal(present), previousSecret }, now());
    await at.applied(at.log.transact(registries, REGISTRY, change, contextOf()));
    const id = await at.key();
    at.worker(prefix());
    await revoke(id);
    await at.outcome('NotificationDelivered', channel);
    const { headers, body } = receiver.received[0]!;
    for (const secret of [former, present])
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toBeDefined();
    expect(() => new Webhook(secretOf('d')).verify(body, headers as Record<string, string>)).toThrow();
  }, 20_000);

  it('tries again after the first pause of the schedule, under the same id', async () => {
    receiver.answers = [{ status: 500 }];
    const channel = await at.channel('webhook', receiver.url, { secret: secretOf('e') });
    const id = await at.key();
    at.worker(prefix());
    await revoke(id);
    const failed = (await at.outcome('NotificationFailed', channel)).data as {
      at: string;
      nextAttemptAt: string;
    };
    expect(failed).toMatchObject({ attempt: 1, status: 500, error: 'the target answered 500' });
    expect(Date.parse(failed.nextAttemptAt) - Date.parse(failed.at)).toBe(5_000);
    const delivered = await at.outcome('NotificationDelivered', channel);
    expect(delivered.data).toMatchObject({ attempts: 2, status: 204 });
    expect(Date.parse((delivered.data as { at: string }).at)).toBeGreaterThanOrEqual(
      Date.parse(failed.nextAttemptAt),
    );
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  }, 30_000);

  it('waits as long as the target asks for', async () => {
    receiver.answers = [{ status: 429, headers: { 'retry-after': '3600' } }];
    const channel = await at.channel('webhook', receiver.url, { secret: secretOf('f') });
    const id = await at.key();
    at.worker(prefix());
    await revoke(id);
    const { data } = await at.outcome('NotificationFailed', channel);
    const { at: failedAt, nextAttemptAt } = data as { at: string; nextAttemptAt: string };
    const pause = Date.parse(nextAttemptAt) - Date.parse(failedAt);
    expect(pause).toBeGreaterThan(3_590_000);
    expect(pause).toBeLessThanOrEqual(3_600_000);
  }, 20_000);

  it('disables a channel whose target answers 410, and gives up what was due to it', async () => {
    receiver.answers = [{ status: 410 }];
    const channel = await at.channel('webhook', receiver.url, { secret: secretOf('g') });
    const [id, other] = [await at.key(), await at.key()];
    at.worker(prefix());
    await revoke(id);
    await at.fact((fact) => fact.type === 'ChannelConfigured' && isDisabled(fact.data, channel));
    await revoke(other);
    expect(findChannel(at.readModels.database, channel)).toMatchObject({ disabled: 'gone' });
    expect(rowsOf(channel)).toMatchObject([{ status: 'dead', httpStatus: 410, nextAttemptAt: null }]);
    expect(receiver.received).toHaveLength(1);
  }, 20_000);

  it('takes a late 410 of a former URL for that URL alone, and delivers to the present one', async () => {
    const former = await Receiver.start();
    former.answers = [{ status: 410 }];
    former.holds = true;
    try {
      const channel = await at.channel('webhook', former.url, { secret: secretOf('r') });
      at.worker(prefix());
      const asked = former.next();
      await revoke(await at.key());
      await asked;
      const target = await at.subjectKeys.seal(channel, receiver.url, contextOf());
      const change = changeChannel(channel, { target }, now());
      await at.applied(at.log.transact(registries, REGISTRY, change, contextOf()));
      former.release();
      const { data } = await at.outcome('NotificationFailed', channel);
      expect(data).toMatchObject({ status: 410, nextAttemptAt: expect.any(String) });
      await at.outcome('NotificationDelivered', channel);
      expect(findChannel(at.readModels.database, channel)).toMatchObject({ disabled: null });
      expect([former.received.length, receiver.received.length]).toEqual([1, 1]);
    } finally {
      former.close();
    }
  }, 30_000);
  const isDisabled = (data: object, channel: string) =>
    (data as { channel: string }).channel === channel && (data as { disabled: unknown }).disabled === 'gone';

  it('makes each attempt once, however many workers there are, and although Redis forgets what waits', async () => {
    const count = 5;
    receiver.answers = Array.from({ length: count }, () => ({ status: 500 }));
    const channel = await at.channel('webhook', receiver.url, { secret: secretOf('h') });
    const ids = await Promise.all(Array.from({ length: count }, () => at.key()));
    for (const id of ids) await revoke(id);
    const workers = [at.worker(prefix()), at.worker(prefix())];
    const reconcile = () => Promise.all(workers.map((worker) => worker.reconcile()));
    const ended = (type: string) =>
      Promise.all(rowsOf(channel).map((row) => at.fact((fact) => fact.id === row.id && fact.type === type)));
    await reconcile();
    await ended('NotificationFailed');
    await reconcile();
    await at.connect().flushall();
    await reconcile();
    await ended('NotificationDelivered');
    const sent = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect([sent.length, new Set(sent).size]).toEqual([2 * count, count]);
  }, 30_000);

  it('delivers for others while every target of a registry with much to do hangs, and its share when they answer', async () => {
    const [busy, channels, revocations] = ['reg_0000000000000002', 25, 2];
    const hanging = await Receiver.start();
    hanging.holds = true;
    try {
      await at.registry(busy, 'busy');
      const secret = secretOf('p');
      const all: string[] = [];
      for (let index = 0; index < channels; index++)
        all.push(await at.channel('webhook', hanging.url, { secret, registry: busy }));
      for (let index = 0; index < revocations; index++) await revoke(await at.key('CI', busy), busy);
      at.worker(prefix());
      const channel = await at.channel('webhook', receiver.url, { secret });
      for (let index = 0; index < 5; index++) await revoke(await at.key());
      for (const { id } of rowsOf(channel))
        await at.fact((fact) => fact.id === id && fact.type === 'NotificationDelivered');
      const outcomes = at.seen.filter(({ category }) => category === 'delivery');
      expect(outcomes.filter(({ data }) => all.includes((data as { channel: string }).channel))).toEqual([]);
      expect(hanging.received.length).toBe(8);
      hanging.release();
      for (const each of all)
        for (const { id } of rowsOf(each))
          await at.fact((fact) => fact.id === id && fact.type === 'NotificationDelivered');
      expect(hanging.received.length).toBe(channels * revocations);
    } finally {
      await at.stopWorkers();
      hanging.close();
    }
  }, 30_000);

  it('is not held up by what it cannot open, under whatever master key that was sealed', async () => {
    const keysOfOther = new SubjectKeys(at.log, parseMasterKey(Buffer.alloc(32, 8).toString('base64')), now);
    const secret = secretOf('q');
    for (let index = 0; index < 8; index++) {
      await at.channel('webhook', receiver.url, { secret, subjectKeys: keysOfOther });
    }
    await revoke(await at.key());
    const channel = await at.channel('webhook', receiver.url, { secret });
    await revoke(await at.key());
    at.worker(prefix());
    await at.outcome('NotificationDelivered', channel);
    expect(receiver.received).toHaveLength(1);
  }, 20_000);

  it('tells nothing of what happened before the channel was there, nor of what it has not asked for', async () => {
    const [before, after] = [await at.key(), await at.key()];
    await revoke(before);
    const channel = await at.channel('webhook', receiver.url, {
      secret: secretOf('i'),
      events: ['key.revoked'],
    });
    await at.key('generated, which it has not asked for');
    await revoke(after);
    expect(rowsOf(channel)).toHaveLength(1);
    expect(rowsOf(channel)[0]).toMatchObject({ event: 'key.revoked' });
  }, 20_000);

  it('sends nothing that the log says was sent, although the tables of its node are behind', async () => {
    const channel = await at.channel('webhook', receiver.url, { secret: secretOf('m') });
    await revoke(await at.key());
    const behind = await at.frozen();
    at.worker(prefix());
    await at.outcome('NotificationDelivered', channel);
    await at.stopWorkers();
    const late = at.worker(`${prefix()}late`, undefined, behind);
    await late.reconcile();
    const other = await at.channel('webhook', receiver.url, { secret: secretOf('n') });
    await revoke(await at.key());
    at.worker(`${prefix()}other`);
    await at.outcome('NotificationDelivered', other);
    await at.stopWorkers();
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(ids.filter((id) => id === rowsOf(channel).at(-1)!.id)).toHaveLength(1);
  }, 30_000);

  it('sends nothing again when the tables are built anew', async () => {
    const channel = await at.channel('webhook', receiver.url, { secret: secretOf('j') });
    const id = await at.key();
    at.worker(prefix());
    await revoke(id);
    await at.outcome('NotificationDelivered', channel);
    await at.stopWorkers();
    const rebuilt = await at.models('rebuilt.sqlite');
    expect(listDeliveries(rebuilt.database, channel, undefined, 10)).toEqual(rowsOf(channel));
    const worker = at.worker(`${prefix()}again`, undefined, rebuilt);
    await worker.reconcile();
    await at.stopWorkers();
    rebuilt.close();
    expect(receiver.received).toHaveLength(1);
  }, 20_000);

  it('delivers a test, and once more what was delivered when somebody asks for it', async () => {
    const channel = await at.channel('webhook', receiver.url, { secret: secretOf('k'), events: [] });
    const id = mintUuid();
    const request = (test: boolean) => requestDelivery({ at: now(), registry: REGISTRY, channel, test });
    await at.applied(at.log.transact(deliveries, id, request(true), contextOf()));
    at.worker(prefix());
    await at.outcome('NotificationDelivered', channel);
    await at.applied(at.log.transact(deliveries, id, request(false), contextOf()));
    await at.fact((fact) => fact.id === id && fact.type === 'NotificationDelivered' && fact.revision === 3n);
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([id, id]);
    expect(JSON.parse(receiver.received[0]!.body)).toMatchObject({ type: 'channel.test' });
    expect(findDelivery(at.readModels.database, id)).toMatchObject({ status: 'delivered', round: 2 });
  }, 20_000);

  it('drops what was due to a channel that was removed', async () => {
    const channel = await at.channel('webhook', receiver.url, { secret: secretOf('l') });
    const id = await at.key();
    await revoke(id);
    expect(rowsOf(channel)).toHaveLength(1);
    await at.subjectKeys.erase(channel);
    await at.applied(at.log.transact(registries, REGISTRY, removeChannel(channel, now()), contextOf()));
    expect(rowsOf(channel)).toEqual([]);
  }, 20_000);
});
