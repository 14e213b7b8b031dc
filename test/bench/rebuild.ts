/**
 * How fast the read models are built from the log, and the memory that takes, beside `readAll` alone through the client.
 * `npm run bench rebuild`: 100,000 keys' worth of events; `LARGE=1 npm run bench rebuild`: 1,000,000 events.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore } from '#libs/embedded-store';
import { EventLog, readHead } from '#libs/event-store';
import { ReadModels, SERVER_PROJECTIONS, serverModelFile, verifyModels } from '#libs/read-models';
import { CURRENT_CLIENT, loadClientPackage } from '../contract/client.js';
import { seedKeys } from '../support/seed-keys.js';

const EVENTS = process.env['LARGE'] === '1' ? 1_000_000 : 100_000;
/** A quarter of the seeded keys has a second event. */
const KEYS = (EVENTS * 4) / 5;
const MIB = 1024 * 1024;
const SAMPLE_EVERY_MS = 50;

const count = (value: number): string => Math.round(value).toLocaleString('en');

/** Runs `work`, and answers its seconds, the highest resident memory and the longest time the event loop stood still. */
async function measured(work: () => Promise<unknown>) {
  globalThis.gc?.();
  const rssBefore = process.memoryUsage.rss();
  let peak = rssBefore;
  let before = performance.now();
  let longestStall = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
    longestStall = Math.max(longestStall, performance.now() - before - SAMPLE_EVERY_MS);
    before = performance.now();
  }, SAMPLE_EVERY_MS);
  const startedAt = performance.now();
  await work();
  clearInterval(timer);
  const seconds = (performance.now() - startedAt) / 1_000;
  return { seconds, peakMib: peak / MIB, grownMib: (peak - rssBefore) / MIB, longestStall };
}

async function readEverything(connectionString: string): Promise<void> {
  const client = loadClientPackage(CURRENT_CLIENT).connect(connectionString);
  let events = 0;
  for await (const _ of client.readAll({ maxCount: 2 * EVENTS })) events++;
  if (events < EVENTS) throw new Error(`readAll gave ${events} of ${EVENTS} events`);
  await client.dispose();
}

const directory = mkdtempSync(join(tmpdir(), 'bench-rebuild-'));
const store = await startEmbeddedStore({ directory: join(directory, 'events') });
const { connectionString } = store;
const log = new EventLog(connectionString, catalogue);
const file = serverModelFile(directory);
try {
  const seeding = await measured(() => seedKeys(connectionString, KEYS));
  console.log(`seeded ${count(EVENTS)} events: ${count(EVENTS / seeding.seconds)} events/s`);
  const raw = await measured(() => readEverything(connectionString));
  console.log(`readAll through the client: ${count(EVENTS / raw.seconds)} events/s`);

  const source = { file, logId: 'bench', log, projections: SERVER_PROJECTIONS };
  const models = await ReadModels.open({
    ...source,
    head: () => readHead(connectionString),
    load: () => undefined,
    onEvents: () => undefined,
    onFailure: (error) => {
      throw error;
    },
  });
  const rebuild = await measured(() => models.follow());
  const rows = models.database.get('SELECT count(*) AS n FROM keys')?.['n'];
  if (rows !== KEYS) throw new Error(`${String(rows)} of ${KEYS} keys`);
  console.log(`rebuild: ${count(EVENTS / rebuild.seconds)} events/s in ${rebuild.seconds.toFixed(1)} s`);
  console.log(`  ${(raw.seconds / rebuild.seconds).toFixed(2)} of readAll alone`);
  console.log(
    `  peak memory ${count(rebuild.peakMib)} MiB with the store's thread (grown by ${count(rebuild.grownMib)} MiB); the file ${count(statSync(file).size / MIB)} MiB`,
  );
  models.close();

  let drift = -1;
  const verify = await measured(async () => (drift = (await verifyModels(source)).drift.length));
  console.log(`verify: ${count(EVENTS / verify.seconds)} events/s in ${verify.seconds.toFixed(1)} s`);
  console.log(
    `  peak memory ${count(verify.peakMib)} MiB (grown by ${count(verify.grownMib)} MiB), event loop held ${verify.longestStall.toFixed(0)} ms`,
  );
  if (drift !== 0) throw new Error(`${drift} tables differ`);
} finally {
  await log.close();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
}
process.exit(0);
