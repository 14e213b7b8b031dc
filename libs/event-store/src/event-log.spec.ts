import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { Refusal } from '#libs/kernel';
import { command, count, counterCatalogue, counters, type Counted } from '../../../test/support/counters.js';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { EventLog } from './event-log.js';
import { startLog } from './installation-log.js';
import { newestRevision } from './stream-read.js';

const at = '2026-01-01T00:00:00.000Z';

describe('the event log on the embedded store', () => {
  const directory = temporaryDirectory();
  let store: EmbeddedStore;
  let log: EventLog;

  beforeAll(async () => {
    store = await startEmbeddedStore({ directory: directory.path });
    log = new EventLog(store.connectionString, counterCatalogue);
  });
  afterAll(async () => {
    await log.close();
    await store.close();
    directory.remove();
  });

  it('decides on what the stream says, and loses no decision of 32 callers at once', async () => {
    const id = randomUUID();
    await Promise.all(
      Array.from({ length: 32 }, () => log.transact(counters, id, count(1), command()).catch(() => 0)),
    );
    const { state, events } = await log.read(counters, id);
    expect(state).toBe(events.length);
    expect(events.map(({ revision }) => Number(revision))).toEqual(events.map((_, index) => index));
    expect(state).toBeGreaterThan(0);
  }, 30_000);

  it('appends a command that is sent twice once', async () => {
    const id = randomUUID();
    const same = command();
    const first = await log.create(counters, id, count(5), same);
    const again = await log.create(counters, id, (state) => (state === 0 ? count(5)() : []), same);
    expect(again.position).toBe(first.position);
    expect((await log.read(counters, id)).state).toBe(5);
  });

  it('lets another payload under the same command conflict, and decides again', async () => {
    const id = randomUUID();
    const same = command();
    await log.create(counters, id, count(5), same);
    const seen: number[] = [];
    await log.create(
      counters,
      id,
      (state) => {
        seen.push(state);
        return count(7)();
      },
      same,
    );
    expect(seen).toEqual([0, 5]);
    expect((await log.read(counters, id)).state).toBe(12);
  });

  it('writes nothing for an empty decision, and passes a refusal on', async () => {
    const id = randomUUID();
    expect((await log.transact(counters, id, () => [], command())).facts).toEqual([]);
    const refuse = (): never => {
      throw new Refusal('conflict', 'no');
    };
    await expect(log.transact(counters, id, refuse, command())).rejects.toThrow(Refusal);
    expect((await log.read(counters, id)).revision).toBe(-1n);
  });

  it('asks what a caller requires of every version that it decides on, and appends nothing against it', async () => {
    const id = randomUUID();
    await log.create(counters, id, count(1), command());
    const atFirst = ({ revision }: { revision: bigint }) => {
      if (revision !== 0n) throw new Refusal('conflict', 'it is another one');
    };
    const sent = Array.from({ length: 8 }, () => log.transact(counters, id, count(1), command(), atFirst));
    const outcomes = await Promise.allSettled(sent);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await log.read(counters, id)).state).toBe(2);
  });

  it('tells all facts of a stream with their places, and the end of the log', async () => {
    const id = randomUUID();
    await log.create(counters, id, count(1), command());
    const { history, position } = await log.transact(
      counters,
      id,
      () => [...count(2)(), ...count(3)()],
      command(),
    );
    expect(history.map(({ data, revision }) => [data, revision])).toEqual(
      (await log.read(counters, id)).events.map(({ data, revision }) => [data, revision]),
    );
    expect(newestRevision(history, ({ revision }) => revision < 2n)).toBe(1n);
    expect(await log.head()).toBe(position);
  });

  it('stores who, why, from where and that a fact narrows access', async () => {
    const id = randomUUID();
    const { commandId, ...context } = command();
    await log.create(counters, id, count(1), { ...context, commandId });
    const { events } = await log.read(counters, id);
    expect(events[0]!.metadata).toEqual({
      schemaVersion: 1,
      actor: { type: 'system', id: 'test' },
      correlationId: 'test',
      causationId: commandId,
      network: '127.0.0.0/24',
      critical: true,
    });
  });

  it('reads streams longer than a page, and all streams of a category in the order of the log', async () => {
    const id = randomUUID();
    const many = (): Counted[] =>
      Array.from({ length: 1_200 }, (_, by) => ({ type: 'Counted', data: { at, by } }));
    const { position } = await log.create(counters, id, many, command());
    expect((await log.read(counters, id)).events).toHaveLength(1_200);
    const all = await log.readAllAfter(undefined, ['counter']);
    expect(all.some((event) => event.position === position)).toBe(true);
    const positions = all.map((event) => event.position);
    expect(positions).toEqual([...positions].sort((a, b) => (a < b ? -1 : 1)));
    expect(await log.readAllAfter(undefined, ['nothing'])).toEqual([]);
    const after = await log.readAllAfter(positions[3], ['counter']);
    expect(after[0]!.position).toBe(positions[4]);
    expect((await log.eventAt(positions[4]!))!.eventId).toBe(all[4]!.eventId);
    expect(await log.canReadFrom(positions[4]!)).toBe(true);
    expect([await log.canReadFrom(positions[4]! + 1n), await log.eventAt(positions[4]! + 1n)]).toEqual([
      false,
      undefined,
    ]);
  });

  it('starts a log once, however many nodes start at once', async () => {
    const ids = await Promise.all(['a', 'b', 'c', 'd'].map((id) => startLog(log, id, at, command())));
    expect(new Set(ids).size).toBe(1);
    expect(await startLog(log, 'later', at, command())).toBe(ids[0]);
  });
});
