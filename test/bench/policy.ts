/**
 * What a change of a registry's reminders costs a node that has a million keys of it: the transaction of the fact itself, which
 * holds up everything else, the longest of those that follow, and all of them. `npm run bench policy`; fails when one of them
 * takes longer than 100 ms. The table is filled by the projection, without a store.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordedFact } from '#libs/kernel';
import { dueReminders, reminderTable } from '#libs/read-models';
import { DEFAULT_POLICY } from '#libs/registries';
import { Database } from '#libs/sqlite';

const KEYS = 1_000_000;
const LONGEST_MAX_MS = 100;
const DAY_MS = 86_400_000;
const BORN = Date.parse('2026-06-01T00:00:00.000Z');
const registry = 'reg_0000000000000001';

let position = 0n;
function apply(
  database: Database,
  category: 'key' | 'registry',
  id: string,
  type: string,
  data: object,
): void {
  const event = { type, data, category, id, position: ++position };
  reminderTable.apply(database, event as unknown as RecordedFact);
}

function fill(database: Database): void {
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; ${reminderTable.schema}`);
  database.transaction(() => {
    for (let number = 0; number < KEYS; number++) {
      const at = new Date(BORN + number).toISOString();
      const expiresAt = new Date(BORN + 400 * DAY_MS + number).toISOString();
      apply(database, 'key', `drk_${String(number).padStart(16, '0')}`, 'KeyGenerated', {
        at,
        registry,
        expiresAt,
      });
    }
  });
  database.exec(reminderTable.indexes);
}

/** Milliseconds of one transaction. */
function timed(database: Database, work: () => void): number {
  const startedAt = performance.now();
  database.transaction(work);
  return performance.now() - startedAt;
}

/** Milliseconds of each part that the fact left for later. */
function goOn(database: Database): number[] {
  const parts: number[] = [];
  for (const later = reminderTable.later!; ;) {
    if (!later.isLeft(database)) return parts;
    parts.push(timed(database, () => later.goOn(database)));
  }
}

const directory = mkdtempSync(join(tmpdir(), 'bench-policy-'));
try {
  const database = new Database(join(directory, 'models.sqlite'));
  fill(database);
  const policy = { ...DEFAULT_POLICY, rotationPeriod: 'P90D', reminders: ['P7D', 'P1D'] };
  const fact = timed(database, () =>
    apply(database, 'registry', registry, 'RegistryPolicyChanged', { policy }),
  );
  const parts = goOn(database);
  const due = new Date(BORN + 84 * DAY_MS).toISOString();
  const found = dueReminders(database, due, KEYS).length;
  database.close();
  if (found !== KEYS) throw new Error(`${found} of ${KEYS} keys follow the policy`);
  const [longest, all] = [Math.max(fact, ...parts), parts.reduce((sum, each) => sum + each, fact)];
  console.log(
    `${KEYS.toLocaleString('en')} keys of one registry: ${fact.toFixed(1)} ms for the fact, ${parts.length} parts more`,
  );
  console.log(
    `longest: ${longest.toFixed(1)} ms (at most ${LONGEST_MAX_MS}); all: ${(all / 1_000).toFixed(1)} s`,
  );
  if (longest > LONGEST_MAX_MS) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
