import { KurrentDBClient } from '@kurrent/kurrentdb-client';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { command, count, counters } from '../../../test/support/counters.js';
import { followCounters } from '../../../test/support/follow-counters.js';
import { RelayedStore } from '../../../test/support/relayed-store.js';
import { EventStoreUnavailable } from './errors.js';

const newId = (): string => command().commandId;
let store: RelayedStore;
beforeEach(async () => {
  store = await RelayedStore.start();
});
afterEach(() => store.close());

describe('2,000 appends at once', () => {
  it('all succeed, and no more than 256 are under way at a time', async () => {
    const log = store.log();
    let [underWay, most] = [0, 0];
    const original = KurrentDBClient.prototype.appendToStream;
    const spy = jest.spyOn(KurrentDBClient.prototype, 'appendToStream').mockImplementation(function (
      this: KurrentDBClient,
      ...call: Parameters<typeof original>
    ) {
      most = Math.max(most, ++underWay);
      return original.apply(this, call).finally(() => underWay--);
    });
    const ids = Array.from({ length: 2_000 }, newId);
    await Promise.all(ids.map((id) => log.create(counters, id, count(1), command())));
    spy.mockRestore();
    expect(most).toBe(256);
    expect(await log.readAllAfter(undefined, ['counter'])).toHaveLength(2_000);
  }, 30_000);
});

describe('the health of the way to the store', () => {
  it('names the part that fails, since when and how, and is good again with the next answer', async () => {
    const log = store.log();
    const fine = { append: { ok: true }, read: { ok: true }, subscription: { ok: true } };
    const follower = followCounters(log);
    await log.create(counters, 'a', count(1), command());
    await follower.until(1);
    expect(log.health()).toEqual(fine);

    const cutAt = Date.now();
    store.relay.cut();
    await expect(log.create(counters, 'b', count(1), command())).rejects.toThrow(EventStoreUnavailable);
    expect(log.health()).toMatchObject({
      append: { ok: false },
      read: { ok: true },
      subscription: { ok: false },
    });
    await expect(log.readStream('counter-a')).rejects.toThrow(EventStoreUnavailable);
    const { append, read, subscription } = log.health();
    for (const part of [append, read, subscription]) {
      expect(part).toEqual({
        ok: false,
        since: expect.any(String),
        error: expect.stringMatching(/^[a-z0-9-]+$/),
      });
      expect(part.ok || Date.parse(part.since)).toBeGreaterThanOrEqual(cutAt);
    }
    await expect(log.create(counters, 'b', count(1), command())).rejects.toThrow(EventStoreUnavailable);
    expect(log.health().append).toMatchObject({ since: !append.ok && append.since });

    store.relay.open();
    await log.transact(counters, 'b', count(1), command());
    await follower.until(2);
    expect(log.health()).toEqual(fine);

    store.relay.cut();
    await follower.interruption();
    follower.end();
    expect(log.health().subscription).toEqual({ ok: true });
  }, 30_000);
});
