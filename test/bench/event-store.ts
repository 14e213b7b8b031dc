import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedStore } from '#libs/embedded-store';
import { CURRENT_CLIENT, loadClientPackage } from '../contract/client.js';
import type { Client, ClientResolvedEvent } from '../contract/client.js';
import { rawSqlite } from '../support/raw-sqlite.js';

/**
 * The embedded store through the official client, on this machine's disk with fsync: the rows of the design's table.
 * The figures compare with one another on one machine, not between machines. Takes about ten seconds.
 */

const ROUND_MS = 1500;
const IN_FLIGHT = 64;
const BATCH_EVENTS = 500;
const DELIVERIES = 1000;
/** A key event with its metadata is about this long. */
const DATA = { secretHash: 'x'.repeat(64), name: 'build server', note: 'y'.repeat(300) };

const library = loadClientPackage(CURRENT_CLIENT);
const makeEvents = (count: number) =>
  Array.from({ length: count }, () =>
    library.jsonEvent({ id: randomUUID(), type: 'KeyGenerated', data: DATA }),
  );

/** Repeats `work` side by side for a while; returns how often it was done per second. */
async function rate(lanes: number, work: (lane: number) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let done = 0;
  const run = async (lane: number) => {
    while (performance.now() - start < ROUND_MS) {
      await work(lane);
      done++;
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)));
  return (done * 1000) / (performance.now() - start);
}

async function measureAppends(client: Client): Promise<void> {
  print(
    'append, one after the other',
    await rate(1, () => client.appendToStream(`key-${randomUUID()}`, makeEvents(1), {})),
    raw.serial,
  );
  print(
    `append, ${IN_FLIGHT} in flight`,
    await rate(IN_FLIGHT, () => client.appendToStream(`key-${randomUUID()}`, makeEvents(1), {})),
  );
  const batches = await rate(4, (lane) =>
    client.appendToStream(`usage-${lane}`, makeEvents(BATCH_EVENTS), {}),
  );
  print(`append in batches of ${BATCH_EVENTS}, events`, batches * BATCH_EVENTS, raw.batches);
}

async function measureReads(client: Client): Promise<void> {
  const start = performance.now();
  let events = 0;
  for await (const _ of client.readAll({ maxCount: 100_000 })) events++;
  print(`readAll, events (${events} read)`, (events * 1000) / (performance.now() - start), raw.reads);
  await client.appendToStream('twenty', makeEvents(20), {});
  const reads = await rate(1, async () => {
    for await (const _ of client.readStream('twenty', { maxCount: 20 }));
  });
  print('readStream of 20 events, reads', reads);
  print('subscription catch-up, events', await catchUp(client, {}));
  const filter = library.streamFilter({ prefixes: ['no-such-stream-'] });
  print('subscription catch-up, filtered, events considered', await catchUp(client, { filter }));
}

async function catchUp(client: Client, options: Record<string, unknown>): Promise<number> {
  let total = 0;
  for await (const { event } of client.readAll({
    fromPosition: 'end',
    direction: 'backwards',
    maxCount: 1,
  })) {
    total = Number(event?.position?.commit);
  }
  const start = performance.now();
  const subscription = client.subscribeToAll(options);
  subscription.on('data', () => undefined);
  await once(subscription, 'caughtUp');
  const perSecond = (total * 1000) / (performance.now() - start);
  await subscription.unsubscribe();
  return perSecond;
}

async function measureDelivery(client: Client): Promise<void> {
  const subscription = client.subscribeToAll({ fromPosition: 'end' });
  const arrivals = new Map<string, (ms: number) => void>();
  subscription.on('data', ({ event }: ClientResolvedEvent) => arrivals.get(event!.id)?.(performance.now()));
  await once(subscription, 'caughtUp');
  const delays: number[] = [];
  for (let count = 0; count < DELIVERIES; count++) {
    const id = randomUUID();
    const start = performance.now();
    const arrived = new Promise<number>((resolve) => arrivals.set(id, resolve));
    await client.appendToStream('delivered', [library.jsonEvent({ id, type: 'KeyRevoked', data: DATA })], {});
    delays.push((await arrived) - start);
    arrivals.delete(id);
  }
  delays.sort((a, b) => a - b);
  const at = (share: number) => delays[Math.floor(delays.length * share)]!.toFixed(2);
  console.log(`append -> delivered: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  await subscription.unsubscribe();
}

/** `raw`: the same number of rows per second in plain SQLite. */
function print(what: string, perSecond: number, raw?: number): void {
  const ratio = raw === undefined ? '' : ` (${(perSecond / raw).toFixed(2)} of plain SQLite)`;
  console.log(`${what}: ${Math.round(perSecond).toLocaleString('en')}/s${ratio}`);
}

const directory = mkdtempSync(join(tmpdir(), 'bench-event-store-'));
const raw = rawSqlite(join(directory, 'raw.sqlite'), JSON.stringify(DATA), BATCH_EVENTS, ROUND_MS);
const store = await startEmbeddedStore({ directory: join(directory, 'events') });
const client = library.connect(store.connectionString);
try {
  await measureAppends(client);
  await measureReads(client);
  await measureDelivery(client);
} finally {
  await client.dispose();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
}
process.exit(0);
