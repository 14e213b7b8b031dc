import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RecordedFact } from '#libs/kernel';
import { Database } from '#libs/sqlite';
import {
  countDeliveries,
  dueDeliveries,
  findChannel,
  findDelivery,
  listChannels,
  listDeliveries,
} from './notification-rows.js';
import { notificationTable } from './notification-table.js';
import { hashTable, tablesOf } from './table-rows.js';

const REGISTRY = 'reg_0000000000000001';
const CHANNEL = 'chn_0000000000000001';
const OTHER = 'chn_0000000000000002';
const ALL = { limit: 5_000, perTarget: 5_000, perRegistry: 5_000, mailsUsers: true };
const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString();

describe('the tables of channels and deliveries', () => {
  let database: Database;
  let position: bigint;
  let log: RecordedFact[];
  beforeEach(() => {
    database = new Database(':memory:');
    database.exec(notificationTable.schema + notificationTable.indexes);
    [position, log] = [0n, []];
  });

  function happens(category: string, id: string, type: string, data: object): RecordedFact {
    const place = { category, id, stream: `${category}-${id}`, revision: 0n, position: ++position };
    const metadata = {} as RecordedFact['metadata'];
    const fact = { type, data, metadata, ...place, eventId: `00000000-0000-0000-0000-${position}` };
    log.push(fact);
    notificationTable.apply(database, fact);
    return fact;
  }
  const configured = (channel = CHANNEL, more: object = {}, registry = REGISTRY) =>
    happens('registry', registry, 'ChannelConfigured', {
      at: at(0), channel, kind: 'webhook', name: 'On-call', target: {}, secret: null, previousSecret: null,
      events: ['key.revoked'], disabled: null, ...more,
    }); // prettier-ignore
  const revoked = (second = 1, registry = REGISTRY) =>
    happens('key', 'drk_1', 'KeyRevoked', { at: at(second), registry });
  const all = (target = CHANNEL) => listDeliveries(database, target, undefined, 5_000);
  const due = (until: string, options = ALL) => dueDeliveries(database, until, options);
  const outcome = (id: string, type: string, data: object) =>
    happens('delivery', id, type, { at: at(9), registry: REGISTRY, channel: CHANNEL, ...data });
  const fails = (id: string, attempt: number, nextAttemptAt: string | null) =>
    outcome(id, 'NotificationFailed', { attempt, status: 500, error: 'no', nextAttemptAt, durationMs: 1 });

  it('make a fact due to every channel of its registry that wants it, once', () => {
    configured();
    configured(OTHER, { events: ['key.generated'] });
    configured('chn_0000000000000003', {}, 'reg_0000000000000002');
    const fact = revoked();
    notificationTable.apply(database, fact);
    expect(due(at(1))).toMatchObject([
      {
        target: CHANNEL,
        event: 'key.revoked',
        at: at(1),
        position: fact.position,
        status: 'pending',
        attempts: 0,
      },
    ]);
    expect(due(at(0))).toEqual([]);
  });

  it('make nothing due that happened before the channel, while it is disabled, or after it was removed', () => {
    revoked();
    configured();
    expect(all()).toEqual([]);
    configured(CHANNEL, { disabled: 'by-owner' });
    revoked();
    expect(all()).toEqual([]);
    configured();
    revoked();
    expect(all()).toHaveLength(1);
    happens('registry', REGISTRY, 'ChannelRemoved', { at: at(2), channel: CHANNEL });
    revoked();
    expect([all(), findChannel(database, CHANNEL)]).toEqual([[], undefined]);
  });

  it('make a reminder due to the users whom it names, also without any channel', () => {
    const data = { at: at(1), registry: REGISTRY, step: 'P7D', recipients: ['usr_b', 'usr_a'] };
    happens('key', 'drk_1', 'KeyExpiryReminded', data);
    expect(due(at(1)).map(({ target }) => target)).toEqual(expect.arrayContaining(['usr_a', 'usr_b']));
    expect(due(at(1), { ...ALL, mailsUsers: false })).toEqual([]);
    for (let second = 2; second <= 150; second++)
      happens('key', 'drk_1', 'KeyExpiryReminded', { ...data, at: at(second) });
    expect(all('usr_a').map((row) => row.at)).toEqual(
      Array.from({ length: 100 }, (_, index) => at(150 - index)),
    );
  });

  it('follow a delivery to its end, and begin again when it is asked for', () => {
    configured();
    revoked();
    const { id } = all()[0]!;
    fails(id, 1, at(10));
    expect(due(at(9))).toEqual([]);
    expect(due(at(10))).toMatchObject([{ id, status: 'failed', attempts: 1, httpStatus: 500, error: 'no' }]);
    fails(id, 2, null);
    expect(all()).toMatchObject([{ status: 'dead', attempts: 2, nextAttemptAt: null }]);
    expect(countDeliveries(database)).toEqual({ pending: 0, failed: 0, dead: 1 });
    outcome(id, 'NotificationRequested', { test: false });
    expect(due(at(9))).toMatchObject([{ id, status: 'pending', attempts: 0, round: 1, error: null }]);
    outcome(id, 'NotificationDelivered', { attempts: 1, status: 204, durationMs: 3 });
    expect(all()).toMatchObject([{ status: 'delivered', attempts: 1, httpStatus: 204, attemptedAt: at(9) }]);
    expect(due(at(99))).toEqual([]);
  });

  it('give up what is due to a channel that is disabled', () => {
    configured();
    revoked();
    configured(CHANNEL, { disabled: 'gone' });
    expect(all()).toMatchObject([{ status: 'dead', error: 'the channel is disabled', nextAttemptAt: null }]);
  });

  it('have a test only of a channel that is there', () => {
    outcome('00000000-0000-0000-0000-00000000000a', 'NotificationRequested', { test: true });
    expect(all()).toEqual([]);
    configured();
    outcome('00000000-0000-0000-0000-00000000000b', 'NotificationRequested', { test: true });
    expect(all()).toMatchObject([
      { id: '00000000-0000-0000-0000-00000000000b', event: 'channel.test', round: 1 },
    ]);
  });

  it('hold up nobody by one target with much to do', () => {
    configured();
    configured(OTHER);
    for (let second = 1; second <= 30; second++) revoked(second);
    const some = due(at(99), { ...ALL, perTarget: 3, limit: 5 });
    expect(
      some.map(({ target }) => target).filter((target) => target === OTHER).length,
    ).toBeGreaterThanOrEqual(2);
    const times = some.map((row) => row.at);
    expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : 1)));
  });

  it('hold up no registry by one with many targets and much to do, and none of its targets by another', () => {
    const others = 'reg_0000000000000002';
    const many = Array.from({ length: 25 }, (_, index) => `chn_${String(index).padStart(16, '0')}`);
    for (const channel of many) configured(channel);
    for (let second = 1; second <= 20; second++) revoked(second);
    configured('chn_other', {}, others);
    revoked(30, others);
    revoked(31, others);
    const some = due(at(99), { ...ALL, perTarget: 20, perRegistry: 4, limit: 6 });
    expect(some.map(({ registry }) => registry)).toEqual([
      REGISTRY, others, REGISTRY, others, REGISTRY, REGISTRY,
    ]); // prettier-ignore
    expect(new Set(some.map(({ target }) => target)).size).toBe(5);
  });

  it('leave out those whose place goes to others', () => {
    configured();
    for (const second of [1, 2, 3]) revoked(second);
    const [first, second, third] = due(at(99));
    const bounds = { ...ALL, perRegistry: 2, except: [first!.id] };
    expect(dueDeliveries(database, at(99), bounds).map(({ id }) => id)).toEqual([second!.id, third!.id]);
  });

  it('keep the newest 1,000 deliveries of a target, and every one that is still open', () => {
    configured();
    for (let second = 1; second <= 1_010; second++) {
      revoked(second);
      const [newest] = listDeliveries(database, CHANNEL, undefined, 1);
      if (second !== 5)
        outcome(newest!.id, 'NotificationDelivered', { attempts: 1, status: 204, durationMs: 1 });
    }
    const kept = all();
    expect(kept).toHaveLength(1_001);
    expect(kept.slice(0, 1_000).map((row) => row.at)).toEqual(
      Array.from({ length: 1_000 }, (_, index) => at(1_010 - index)),
    );
    expect(kept.at(-1)).toMatchObject({ at: at(5), status: 'pending' });
  });

  it('are the same when they are built anew from the log', async () => {
    configured();
    revoked();
    fails(all()[0]!.id, 1, at(10));
    revoked(2);
    outcome('00000000-0000-0000-0000-00000000000b', 'NotificationRequested', { test: true });
    const again = new Database(':memory:');
    again.exec(notificationTable.schema);
    for (const fact of log) notificationTable.apply(again, fact);
    for (const table of tablesOf(again))
      expect(await hashTable(again, table)).toEqual(await hashTable(database, table));
  });

  it('show channels and deliveries of the registry that is asked for alone', () => {
    configured();
    configured(OTHER, {}, 'reg_0000000000000002');
    revoked();
    const { id } = all()[0]!;
    expect(listChannels(database, REGISTRY, undefined, 9).map(({ channel }) => channel)).toEqual([CHANNEL]);
    expect(findChannel(database, OTHER, REGISTRY)).toBeUndefined();
    expect(findDelivery(database, id, 'reg_0000000000000002')).toBeUndefined();
    expect(findDelivery(database, id, REGISTRY)).toMatchObject({ id });
  });

  it('list page by page without gaps', () => {
    configured();
    for (let second = 1; second <= 7; second++) revoked(second);
    const seen: string[] = [];
    for (let place: { position: string; id: string } | undefined; ;) {
      const page = listDeliveries(database, CHANNEL, place, 3);
      seen.push(...page.map(({ id }) => id));
      const last = page.at(-1);
      if (!last) break;
      place = { position: last.position.toString(), id: last.id };
    }
    expect(seen).toEqual(all().map(({ id }) => id));
  });
});
