import { setTimeout as delay } from 'node:timers/promises';
import { KurrentDBClient } from '@kurrent/kurrentdb-client';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { command, count, counters, countTo } from '../../../test/support/counters.js';
import { followCounters } from '../../../test/support/follow-counters.js';
import { RelayedStore } from '../../../test/support/relayed-store.js';
import { EventStoreUnavailable } from './errors.js';
import type { EventLog } from './event-log.js';

const newId = (): string => command().commandId;
const one = count(1)()[0]!;
/** gRPC tries a lost connection again after 1 s and up to a fifth more. */
const NEXT_TRY_OF_GRPC_MS = 1_300;

let store: RelayedStore;
beforeEach(async () => {
  store = await RelayedStore.start();
});
afterEach(async () => {
  store.relay.open();
  await store.close();
});

/** Appends until the store has answered, each attempt with an id of its own. */
async function appendUntilAnswered(log: EventLog, id: string): Promise<void> {
  for (;;) {
    const failed = await log.appendOnce(counters, id, one, command(), 1_000).then(
      () => false,
      () => true,
    );
    if (!failed) return;
  }
}

describe('outages, one after the other,', () => {
  it('leave no connection and no client object behind', async () => {
    const log = store.log();
    const follower = followCounters(log);
    const made = jest.spyOn(KurrentDBClient, 'connectionString');
    for (let round = 0; round < 4; round++) {
      await appendUntilAnswered(log, 'a');
      await follower.until(round + 1);
      const interrupted = follower.interruption();
      store.relay.cut();
      await interrupted;
      for (let attempt = 0; attempt < 4; attempt++) {
        await expect(log.appendOnce(counters, 'b', one, command(), 1_000)).rejects.toThrow();
      }
      if (round === 0) await expect(log.readStream('counter-a')).rejects.toThrow(EventStoreUnavailable);
      store.relay.open();
    }
    await appendUntilAnswered(log, 'a');
    await follower.until(5);
    // Not a wait for something, but for what must not come: a connection that a given-up attempt makes late.
    await delay(NEXT_TRY_OF_GRPC_MS);
    expect(store.relay.connections).toBe(1);
    expect(made).not.toHaveBeenCalled();
    expect(await log.readStream('counter-a')).toHaveLength(5);
    expect(made).toHaveBeenCalledTimes(1);
    expect(store.relay.connections).toBe(2);
    made.mockRestore();
    follower.end();
  }, 60_000);

  it('are told to a subscriber once each, however long they take', async () => {
    const log = store.log();
    const writer = store.log();
    let [interruptions, ups, changed] = [0, 0, (): unknown => undefined];
    const subscription = log.subscribe(undefined, [counters.category], {
      onEvents: () => undefined,
      onCaughtUp: () => {
        ups++;
        changed();
      },
      onInterrupted: () => {
        interruptions++;
        changed();
      },
      onFailure: () => undefined,
    });
    const until = (isReached: () => boolean): Promise<void> =>
      new Promise((resolve) => (changed = () => isReached() && resolve()));
    await until(() => ups === 1);
    const tries = jest.spyOn(KurrentDBClient.prototype, 'subscribeToAll');
    store.relay.cut();
    // Takes as long as the retries of one command: 2.5 s, and some ten tries of the subscription.
    await expect(writer.create(counters, newId(), count(1), command())).rejects.toThrow(
      EventStoreUnavailable,
    );
    // At least every 250 ms.
    expect(tries.mock.calls.length).toBeGreaterThan(8);
    tries.mockRestore();
    store.relay.open();
    await until(() => ups === 2);
    expect(interruptions).toBe(1);
    store.relay.cut();
    await until(() => interruptions === 2);
    store.relay.open();
    await until(() => ups === 3);
    expect(interruptions).toBe(2);
    subscription.close();
  }, 30_000);
});

describe('a connection', () => {
  it('belongs to one log: what another one in this process waits for does not hold it up', async () => {
    for (const log of [store.log(), store.log()]) await appendUntilAnswered(log, 'a');
    expect(store.relay.connections).toBe(2);
  });
});

describe('a connection that has fallen silent', () => {
  it('is given up by everybody as soon as one append has waited in vain', async () => {
    const log = store.log();
    const follower = followCounters(log);
    await appendUntilAnswered(log, 'a');
    await follower.until(1);
    const interrupted = follower.interruption();
    store.relay.freeze();
    await expect(log.appendOnce(counters, 'a', one, command(), 100)).rejects.toThrow(EventStoreUnavailable);
    // The keep-alive of the connection would take 15 s.
    await interrupted;
    store.relay.open();
    await log.transact(counters, 'b', countTo(5), command());
    await follower.until((await log.readAllAfter(undefined, ['counter'])).length);
    follower.end();
  }, 10_000);
});
