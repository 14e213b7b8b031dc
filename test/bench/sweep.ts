/**
 * What a sweep of the workers costs with 100,000 and with 1,000,000 keys, of which 1,000 are due for a reminder, 1,000 have
 * expired and 1,000 graces are over: it should follow what is due, so that ten times the keys cost at most 1.3 times as much.
 */
import type { RecordedFact } from '#libs/kernel';
import { dueKeys, dueReminders, endedGraces, keyTable, reminderTable } from '#libs/read-models';
import { Database } from '#libs/sqlite';

const DUE = 1_000;
const SIZES = [100_000, 1_000_000];
const ROUNDS = 50;
const DAY_MS = 86_400_000;
const NOW = Date.parse('2026-06-01T00:00:00.000Z');
const at = (days: number) => new Date(NOW + days * DAY_MS).toISOString();

/** Tables with so many keys; of each kind of work DUE of them are due, spread over all. */
function tablesWith(count: number): Database {
  const database = new Database(':memory:');
  for (const { schema } of [keyTable, reminderTable]) database.exec(schema);
  let position = 0n;
  const apply = (id: string, type: string, data: object) => {
    const event = { type, data, id, category: 'key', position: ++position } as unknown as RecordedFact;
    for (const table of [keyTable, reminderTable]) table.apply(database, event);
  };
  const every = count / DUE;
  database.transaction(() => {
    for (let number = 0; number < count; number++) {
      const id = `drk_${String(number).padStart(16, '0')}`;
      const place = number % every;
      // Of every so many keys one has expired, one is reminded of its expiry, one has ended its grace, and the rest live on.
      const [born, expiresAt] = place === 0 ? [-60, at(-1)] : place === 1 ? [-60, at(5)] : [-1, at(400)];
      apply(id, 'KeyGenerated', {
        at: at(born), registry: `reg_${number % 1_000}`, registryRevision: '0', createdBy: 'usr_a', name: `Key ${number}`,
        permission: 'read', secretHash: 'ab'.repeat(32), expiresAt, description: null, labels: {}, repositories: [], networks: [],
        expectedCountries: [], rotates: null,
      }); // prettier-ignore
      const registry = `reg_${number % 1_000}`;
      const data = { at: at(-1), registry, successor: 'drk_next', graceEndsAt: at(-0.5) };
      if (place === 2) apply(id, 'KeyRotated', data);
    }
  });
  for (const { indexes } of [keyTable, reminderTable]) database.exec(indexes);
  return database;
}

function sweep(database: Database): number {
  const now = at(0);
  return [dueReminders, dueKeys, endedGraces].reduce(
    (sum, due) => sum + due(database, now, 2 * DUE).length,
    0,
  );
}

/** Milliseconds of the median round. */
function measure(count: number): number {
  const database = tablesWith(count);
  const found = sweep(database);
  const rounds = Array.from({ length: ROUNDS }, () => {
    const startedAt = performance.now();
    sweep(database);
    return performance.now() - startedAt;
  }).toSorted((one, other) => one - other);
  const median = rounds[ROUNDS / 2]!;
  console.log(`${count.toLocaleString('en')} keys: ${found} are due, a sweep takes ${median.toFixed(2)} ms`);
  database.close();
  return median;
}

const [few, many] = SIZES.map(measure) as [number, number];
console.log(`ten times the keys: ${(many / few).toFixed(2)} times the time (at most 1.3)`);
if (many / few > 1.3) process.exitCode = 1;
