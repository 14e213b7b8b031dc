import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { KurrentDBClient } from '@kurrent/kurrentdb-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  command,
  count,
  counterCatalogue,
  counters,
  countTo,
  type Counted,
} from '../../../test/support/counters.js';
import { followCounters } from '../../../test/support/follow-counters.js';
import { RelayedStore } from '../../../test/support/relayed-store.js';
import { Catalogue } from './catalogue.js';
import { encode } from './codec.js';
import { Connection } from './connection.js';
import { EventStoreUnavailable, ImpossibleRead, isRevisionConflict } from './errors.js';

const newId = (): string => command().commandId;
/** Longer than the adapter waits for an answer, and shorter than its second attempt. */
const OUTAGE_MS = 5_600;

describe('the defects of the client, fenced:', () => {
  let store: RelayedStore;
  let late: RelayedStore;

  beforeAll(async () => {
    store = await RelayedStore.start();
    late = await RelayedStore.start();
  });
  afterEach(() => store.relay.open());
  afterAll(async () => {
    await store.close();
    await late.close();
  });

  it('1. reads work after the first connection failed', async () => {
    store.relay.cut();
    const log = store.log();
    await expect(log.readStream('counter-1')).rejects.toThrow(EventStoreUnavailable);
    store.relay.open();
    expect(await log.readStream('counter-1')).toEqual([]);
  }, 20_000);

  it('2. reads that fail in the middle, many of them, do not hang the next one', async () => {
    const id = newId();
    const log = late.log();
    // More than the buffers of a connection take: what nobody reads then stands in the way of the next read.
    const many = (): Counted[] =>
      Array.from({ length: 800 }, () => ({ type: 'Counted', data: { at: 'x'.repeat(900), by: 1 } }));
    for (let half = 0; half < 2; half++) await log.transact(counters, id, many, command());
    const broken = new Catalogue([
      {
        ...counterCatalogue.types.find(({ type }) => type === 'Counted')!,
        version: 2,
        upcasters: [
          () => {
            throw new Error('no such shape');
          },
        ],
      },
    ]);
    const failing = late.log('', broken);
    for (let round = 0; round < 10; round++) {
      await expect(failing.readStream(`counter-${id}`)).rejects.toThrow('no such shape');
      await expect(failing.readAllAfter(undefined, ['counter'])).rejects.toThrow('no such shape');
    }
    expect(await failing.readStream('counter-none')).toEqual([]);
    expect((await log.read(counters, id)).events).toHaveLength(1_600);
  }, 20_000);

  it('3. what a frozen, or a late, server leaves open is given up after 5 s and asked again: stored once, answered as done', async () => {
    const [lateLog, log] = [late.log(), store.log()];
    await Promise.all([log, lateLog].map((each) => each.create(counters, 'a', count(1), command())));
    store.relay.freeze();
    late.relay.withholdAnswers();
    const startedAt = performance.now();
    const timer = setTimeout(() => [store, late].forEach(({ relay }) => relay.open()), OUTAGE_MS);
    const follower = followCounters(store.log());
    const interrupted = follower.interruption();
    const [frozen, lateId] = [newId(), newId()];
    const [created, lateCreated, read] = await Promise.all([
      log.create(counters, frozen, count(2), command()),
      lateLog.create(counters, lateId, count(3), command()),
      log.read(counters, 'a'),
    ]);
    clearTimeout(timer);
    expect(performance.now() - startedAt).toBeGreaterThan(5_000);
    expect([created.state, lateCreated.state, read.state]).toEqual([2, 3, 1]);
    expect((await log.read(counters, frozen)).events).toHaveLength(1);
    expect((await lateLog.read(counters, lateId)).events).toHaveLength(1);
    // It was opened while nobody answered, which the client itself would never have noticed.
    await follower.until((await log.readAllAfter(undefined, ['counter'])).length);
    await interrupted;
    follower.end();
  }, 30_000);

  it('3. a slow server is waited for', async () => {
    const log = store.log();
    store.relay.slowDown(150);
    const { state } = await log.transact(counters, newId(), count(4), command());
    expect(state).toBe(4);
    expect(await log.readAllAfter(undefined, ['counter'])).not.toEqual([]);
    expect(log.health()).toMatchObject({ append: { ok: true }, read: { ok: true } });
  }, 20_000);

  it('4. an append to a server that is gone is an outage, and the same command ends it', async () => {
    const log = store.log();
    const [id, same] = [newId(), command()];
    await log.create(counters, newId(), count(1), command());
    store.relay.cut();
    const error = await log.create(counters, id, count(5), same).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EventStoreUnavailable);
    expect(String(error)).not.toContain('connectionName');
    store.relay.open();
    await log.create(counters, id, count(5), same);
    expect((await log.read(counters, id)).events).toHaveLength(1);
  }, 20_000);

  it('5. a subscription goes on without gap or repetition after its server was gone, and after it fell silent', async () => {
    const quick = '&keepAliveInterval=1000&keepAliveTimeout=1000';
    // The client's opinion on that interval, at each new client.
    const warnings = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const [log, writer] = [store.log(quick), store.log()];
    const follower = followCounters(log);
    const stored = () => writer.readAllAfter(undefined, ['counter']);
    const add = async (sum: number) => {
      await writer.transact(counters, 'five', countTo(sum), command());
      await follower.until((await stored()).length);
    };
    await add(1);
    // Each adds another number, so that a repetition shows.
    const outages = [
      [() => store.relay.cut(), 10],
      [() => store.relay.freeze(), 100],
    ] as const;
    for (const [outage, sum] of outages) {
      const interrupted = follower.interruption();
      outage();
      await interrupted;
      store.relay.open();
      await add(sum);
    }
    expect(follower.seen).toEqual((await stored()).map(({ data }) => (data as Counted['data']).by));
    follower.end();
    warnings.mockRestore();
  }, 30_000);

  it('6. the revision that an append expects is honoured', async () => {
    const connection = new Connection(store.connectionString(), counterCatalogue);
    const event = () => encode(newId(), count(1)()[0]!, { schemaVersion: 1 } as never);
    const [stream, wrong] = [`counter-${newId()}`, 7n];
    await connection.append(stream, [event()], 'no_stream');
    for (const expected of ['no_stream', wrong] as const) {
      const error = await connection.append(stream, [event()], expected).catch((thrown: unknown) => thrown);
      expect(isRevisionConflict(error)).toBe(true);
    }
    await connection.append(stream, [event()], 0n);
    expect((await connection.reads.stream(stream, 0n, 9)).facts).toHaveLength(2);
    await connection.close();
  });

  it('7. reads go forwards from the beginning, and an impossible one is not taken for an outage', async () => {
    const connection = new Connection(store.connectionString(), counterCatalogue);
    const log = store.log();
    const follower = followCounters(log);
    const positions = (await log.readAllAfter(undefined, ['counter'])).map(({ position }) => position);
    expect(positions).toEqual([...positions].sort((a, b) => (a < b ? -1 : 1)));
    await connection.reads.stream('counter-a', 0n, 1);
    const client = jest.spyOn(KurrentDBClient, 'connectionString');
    const tooFar = connection.reads.stream('counter-a', 2n ** 64n - 2n, 1);
    await expect(tooFar).rejects.toThrow(ImpossibleRead);
    expect(client).not.toHaveBeenCalled();
    client.mockRestore();
    expect(connection.reads.health.health).toEqual({ ok: true });
    expect((await connection.reads.stream('counter-a', 0n, 1)).facts).toHaveLength(1);
    await follower.until(1);
    follower.end();
    await connection.close();
  });

  it('8. the other client package, which breaks this one, is not even installed for the program', () => {
    const here = fileURLToPath(new URL('.', import.meta.url));
    const sources = readdirSync(here).map((file) => readFileSync(here + file, 'utf8'));
    const other = ['@eventstore', 'db-client'].join('/');
    expect(sources.filter((text) => text.includes(other))).toEqual([]);
    const { dependencies } = JSON.parse(readFileSync(`${here}/../../../package.json`, 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(Object.keys(dependencies)).not.toContain(other);
  });
});
