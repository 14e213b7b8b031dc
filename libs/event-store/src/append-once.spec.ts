import { KurrentDBClient } from '@kurrent/kurrentdb-client';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { command, count, counters, type Counted } from '../../../test/support/counters.js';
import { RelayedStore } from '../../../test/support/relayed-store.js';
import { EventStoreUnavailable } from './errors.js';
import type { EventLog } from './event-log.js';

const one = count(1)()[0]!;
let store: RelayedStore;
let log: EventLog;
beforeEach(async () => {
  store = await RelayedStore.start();
  log = store.log();
});
afterEach(async () => {
  jest.restoreAllMocks();
  store.relay.open();
  await store.close();
});

const appendOnce = (id: string, withinMs = 1_000, context = command()) =>
  log.appendOnce(counters, id, one, context, withinMs);

describe('an append that is made once', () => {
  it('needs no revision, and is another event each time, also under the same command', async () => {
    const same = command();
    const first = await appendOnce('a', 1_000, same);
    const second = await appendOnce('a', 1_000, same);
    expect([first.revision, second.revision]).toEqual([0n, 1n]);
    expect(second.position).toBeGreaterThan(first.position);
    const stored = await log.readStream('counter-a');
    expect(new Set(stored.map(({ eventId }) => eventId)).size).toBe(2);
    expect(stored[0]!.metadata).toMatchObject({
      schemaVersion: 1,
      critical: true,
      causationId: same.commandId,
    });
  });

  it('is not stored when the stream is at another revision than the one named', async () => {
    const at = (revision: bigint) => log.appendOnce(counters, 'a', one, command(), 1_000, revision);
    await expect(at(0n)).rejects.toThrow();
    expect((await at(-1n)).revision).toBe(0n);
    await expect(at(-1n)).rejects.not.toThrow(EventStoreUnavailable);
    expect((await at(0n)).revision).toBe(1n);
    expect(await log.readStream('counter-a')).toHaveLength(2);
  });

  it('is sent once: when the answer is late, the caller is told so then, and what was stored stays', async () => {
    const sent = jest.spyOn(KurrentDBClient.prototype, 'appendToStream');
    await appendOnce('a');
    store.relay.withholdAnswers();
    const startedAt = performance.now();
    await expect(appendOnce('a', 200)).rejects.toThrow(EventStoreUnavailable);
    const waitedMs = performance.now() - startedAt;
    store.relay.open();
    expect(sent).toHaveBeenCalledTimes(2);
    expect(waitedMs).toBeGreaterThan(190);
    expect(waitedMs).toBeLessThan(2_000);
    expect(await log.readStream('counter-a')).toHaveLength(2);
  });

  it('fails at once when the store is away, and is not made up for later', async () => {
    await appendOnce('a');
    store.relay.cut();
    const error = await appendOnce('a', 10_000).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EventStoreUnavailable);
    expect(log.health().append).toMatchObject({ ok: false });
    store.relay.open();
    await log.create(counters, 'b', count(1), command());
    expect(await log.readStream('counter-a')).toHaveLength(1);
  });

  it('goes ahead of the appends that wait for their turn', async () => {
    const started: string[] = [];
    const original = KurrentDBClient.prototype.appendToStream;
    jest.spyOn(KurrentDBClient.prototype, 'appendToStream').mockImplementation(function (
      this: KurrentDBClient,
      ...call: Parameters<typeof original>
    ) {
      started.push(call[0]);
      return original.apply(this, call);
    });
    const crowd = Array.from({ length: 400 }, (_, index) =>
      log.create(counters, `crowd${index}`, count(1), command()),
    );
    await Promise.all([...crowd, appendOnce('a', 20_000)]);
    expect(started).toHaveLength(401);
    // 256 may be under way; this one is the 257th, and not the last.
    expect(started.indexOf('counter-a')).toBeLessThanOrEqual(256);
  });
});

describe('a stream that keeps its newest events only', () => {
  const metadata = async () =>
    (await log.readStream('$$counter-a')).map(({ revision, data }) => [revision, data]);

  it('drops the older ones, and its revisions go on', async () => {
    await log.keepOnly(counters, 'a', { $maxCount: 1 });
    const positions: bigint[] = [];
    for (let n = 0; n < 3; n++) positions.push((await appendOnce('a')).position);
    const left = await log.readStream('counter-a');
    expect(left.map(({ revision, position }) => [revision, position])).toEqual([[2n, positions[2]]]);
    expect(await log.eventAt(positions[1]!)).toBeUndefined();
  });

  it('is told so once, however many ask for it at once', async () => {
    await Promise.all([1, 2, 3, 4].map(() => log.keepOnly(counters, 'a', { $maxCount: 1 })));
    await log.keepOnly(counters, 'a', { $maxCount: 1 });
    expect(await metadata()).toEqual([[0n, { $maxCount: 1 }]]);
    await log.keepOnly(counters, 'a', { $maxCount: 2 });
    expect(await metadata()).toEqual([[1n, { $maxCount: 2 }]]);
  });

  it('keeps its other metadata', async () => {
    const client = KurrentDBClient.connectionString(store.connectionString());
    await client.setStreamMetadata('counter-a', { owner: 'somebody' });
    await client.dispose();
    await log.keepOnly(counters, 'a', { $maxCount: 1 });
    expect(await metadata()).toEqual([[1n, { owner: 'somebody', $maxCount: 1 }]]);
  });

  it('is resumed after an event that it has dropped since, by a subscription and by a replay', async () => {
    await log.keepOnly(counters, 'a', { $maxCount: 1 });
    const seen: [string, number][] = [];
    const add = async (id: string, by: number) =>
      (await log.appendOnce(counters, id, count(by)()[0]!, command(), 1_000)).position;
    const dropped = await add('a', 1);
    await add('b', 2);
    await add('a', 3);
    expect(await log.eventAt(dropped)).toBeUndefined();
    const inLog = await log.readAllAfter(dropped, ['counter']);
    expect(inLog.map(({ data }) => (data as Counted['data']).by)).toEqual([2, 3]);

    let changed = (): void => undefined;
    const until = (length: number): Promise<void> =>
      new Promise((resolve) => {
        changed = () => seen.length >= length && resolve();
        changed();
      });
    const subscription = log.subscribe(dropped, ['counter'], {
      onEvents: (events) => {
        seen.push(...events.map(({ id, data }): [string, number] => [id, (data as Counted['data']).by]));
        changed();
      },
      onFailure: (error) => {
        throw error;
      },
    });
    await until(2);
    // It stands on the newest event of `a` now; while it is away, another writer makes the store drop that one too.
    store.relay.cut();
    const past = store.bypass();
    await past.appendOnce(counters, 'a', count(4)()[0]!, command(), 1_000);
    store.relay.open();
    await until(3);
    expect(seen).toEqual([
      ['b', 2],
      ['a', 3],
      ['a', 4],
    ]);
    subscription.close();
  });
});
