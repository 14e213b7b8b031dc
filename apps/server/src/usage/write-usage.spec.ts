import { describe, expect, it } from '@jest/globals';
import { EventStoreUnavailable } from '#libs/event-store';
import { UsageCounter, type AcceptedUse, type UsageFact } from '#libs/usage';
import { WAITING_MAX, WriteUsage, type WriteUsageParts } from './write-usage.js';

const MINUTE = Date.parse('2026-03-01T23:59:00.000Z');
const use = (key: string, registry = 'reg_a'): AcceptedUse => ({
  registry, key, action: 'pull', repository: 'team/app', client: 'docker', network: '203.0.113.0/24', country: 'DE', asn: 64500,
}); // prettier-ignore

interface Appended {
  readonly stream: string;
  readonly revision: bigint;
  readonly facts: readonly UsageFact[];
  readonly commandId: string;
}

/** A store that takes appends as the real one does: at the expected revision, and the same command again at its old one. */
class Store {
  readonly appended: Appended[] = [];
  readonly kept: unknown[] = [];
  /** What each of the next calls does beside storing; then all is well. */
  readonly troubles: ('away' | 'answer lost')[] = [];
  readonly #revisions = new Map<string, bigint>();
  readonly #commands = new Set<string>();

  extend: WriteUsageParts['eventLog']['extend'] = async (_, stream, revision, facts, { commandId }) => {
    const trouble = this.troubles.shift();
    if (trouble === 'away') throw new EventStoreUnavailable('append', undefined);
    const next = revision + BigInt(facts.length);
    if (!this.#commands.has(commandId)) {
      if (revision !== (this.#revisions.get(stream) ?? -1n)) throw new Error('revision conflict');
      this.#commands.add(commandId);
      this.#revisions.set(stream, next);
      this.appended.push({ stream, revision, facts: facts as readonly UsageFact[], commandId });
    }
    if (trouble === 'answer lost') throw new EventStoreUnavailable('append', undefined);
    return { position: 0n, revision: next };
  };

  keepOnly: WriteUsageParts['eventLog']['keepOnly'] = async (_, stream, retention) =>
    void this.kept.push([stream, retention]);

  requests(): number {
    const facts = this.appended.flatMap((append) => append.facts);
    return facts.reduce(
      (sum, { type, data }) => sum + (type === 'KeyUsageRecorded' ? (data.actions.pull?.accepted ?? 0) : 0),
      0,
    );
  }
}

function writer(store: Store, clock: { now: number }) {
  const counter = new UsageCounter();
  const parts = {
    counter,
    eventLog: store,
    incarnation: 'Inc1',
    keptDays: 400,
    log: { warn: () => undefined },
  };
  const writing = new WriteUsage({ ...parts, now: () => clock.now });
  return { counter, writing };
}

describe('usage', () => {
  it('is written to a stream of the registry, the day and this process, whose age is bounded before its first event', async () => {
    const store = new Store();
    const clock = { now: MINUTE };
    const { counter, writing } = writer(store, clock);
    counter.accept(use('drk_a'), clock.now, 1n);
    counter.accept(use('drk_b', 'reg_b'), clock.now, 1n);
    await writing.close();
    const streams = ['reg_a.20260301.Inc1', 'reg_b.20260301.Inc1'];
    expect(store.appended.map(({ stream, revision }) => [stream, revision])).toEqual(
      streams.map((stream) => [stream, -1n]),
    );
    expect(store.kept).toEqual(streams.map((stream) => [stream, { $maxAge: 400 * 86_400 }]));
    expect(writing).toMatchObject({ waiting: 0, dropped: 0, written: 2 });
  });

  it('is neither lost nor written twice when the store is away, or when its answer is lost', async () => {
    const store = new Store();
    const clock = { now: MINUTE };
    const { counter, writing } = writer(store, clock);
    store.troubles.push('answer lost', 'away', 'answer lost', 'away');
    for (let round = 0; round < 8; round++) {
      for (let request = 0; request < 10; request++) counter.accept(use('drk_a'), clock.now, 1n);
      clock.now += 60_000;
      await writing.close();
    }
    await writing.close();
    expect(store.requests()).toBe(80);
    expect(writing).toMatchObject({ waiting: 0, dropped: 0 });
    const revisions = store.appended
      .filter(({ stream }) => stream.includes('20260301'))
      .map(({ revision }) => revision);
    expect(revisions[0]).toBe(-1n);
  });

  it('of the last minute of a day goes on in the stream of that day, after midnight and an hour later', async () => {
    const store = new Store();
    const clock = { now: MINUTE };
    const { counter, writing } = writer(store, clock);
    for (const later of [59_000, 60_500, 3_600_000]) {
      counter.accept(use('drk_a'), MINUTE + 1_000, 1n);
      clock.now = MINUTE + later;
      await writing.close();
    }
    counter.accept(use('drk_a'), clock.now, 1n);
    await writing.close();
    expect(store.requests()).toBe(4);
    expect(writing.dropped).toBe(0);
    expect(new Set(store.appended.map(({ stream }) => stream))).toEqual(
      new Set(['reg_a.20260301.Inc1', 'reg_a.20260302.Inc1']),
    );
  });

  it('beyond what may wait for a store that is away is dropped, and counted', async () => {
    const store = new Store();
    store.extend = () => Promise.reject(new EventStoreUnavailable('append', undefined));
    const clock = { now: MINUTE };
    const { counter, writing } = writer(store, clock);
    for (let key = 0; key < WAITING_MAX + 5; key++) {
      // More than the keys that are counted at once.
      if (key === WAITING_MAX / 2) {
        await writing.close();
        clock.now += 60_000;
        await writing.close();
      }
      counter.accept(use(`drk_${key}`), clock.now, 1n);
    }
    await writing.close();
    expect(writing).toMatchObject({ waiting: WAITING_MAX, dropped: 5, written: 0 });
  });

  it('goes on after an append that the store never takes: that one is lost, and counted', async () => {
    const store = new Store();
    const clock = { now: MINUTE };
    const { counter, writing } = writer(store, clock);
    const { extend } = store;
    let calls = 0;
    store.extend = (...append) =>
      calls++ === 0 ? Promise.reject(new Error('too large')) : extend(...append);
    counter.accept(use('drk_a'), clock.now, 1n);
    await writing.close();
    counter.accept(use('drk_a'), clock.now, 1n);
    await writing.close();
    expect(writing).toMatchObject({ waiting: 0, dropped: 1, written: 1 });
  });
});
