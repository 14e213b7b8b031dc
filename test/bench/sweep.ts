/**
 * What a sweep for due work costs: the same 1,000 due keys among 100,000 and among 1,000,000. `npm run bench sweep`; fails when
 * ten times the keys cost more than 1.3 times the time. The tables are filled by the projections, without a store.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordedFact } from '#libs/kernel';
import {
  dueKeys,
  dueReminders,
  dueRotations,
  endedGraces,
  keyTable,
  reminderTable,
  rotationTable,
  type Projection,
} from '#libs/read-models';
import { Database } from '#libs/sqlite';

const SIZES = [100_000, 1_000_000] as const;
const DUE = 1_000;
const RATIO_MAX = 1.3;
const ROUNDS = 41;
/** As many as a sweep takes of one kind. */
const PAGE = 1_000;
const PROJECTIONS: readonly Projection[] = [keyTable, reminderTable, rotationTable];

const NOW = Date.parse('2026-06-01T00:00:00.000Z');
const DAY = 86_400_000;
const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();
const registry = 'reg_0000000000000001';
const metadata = {
  schemaVersion: 3,
  actor: { type: 'system', id: 'bench' },
  correlationId: 'bench',
  causationId: 'bench',
} as const;

let position = 0n;
function fact(id: string, type: string, data: object, revision: bigint): RecordedFact {
  const stream = `key-${id}`;
  return { type, data, metadata, stream, category: 'key', id, revision, position: ++position, eventId: '' };
}

/** What is due of a key, if anything: each kind of work has a quarter. */
type Kind = 'expiry' | 'grace' | 'reminder' | 'rotation';
const KINDS: readonly Kind[] = ['expiry', 'grace', 'reminder', 'rotation'];

/** A key of which this is due, or nothing for months; every one has an expiry, a grace, a reminder and a rotation to come. */
function factsOf(number: number, due: Kind | undefined): RecordedFact[] {
  const id = `drk_${String(number).padStart(16, '0')}`;
  const at = iso(due === 'reminder' ? NOW - 70 * DAY : NOW - DAY - number);
  const expiresAt = iso(due === 'expiry' ? NOW - number : NOW + 400 * DAY + number);
  const generated = fact(id, 'KeyGenerated', {
    at, registry, registryRevision: '0', createdBy: 'usr_0000000000000001', name: `Key ${number}`, permission: 'read',
    secretHash: '', expiresAt, description: null, labels: {}, repositories: [], networks: [], expectedCountries: [], rotates: null,
  }, 0n); // prettier-ignore
  if (due === 'grace' || (due === undefined && number % 3 === 0)) {
    const graceEndsAt = iso(due === 'grace' ? NOW - number : NOW + 20 * DAY + number);
    return [generated, fact(id, 'KeyRotated', { at, registry, successor: 'drk_next', graceEndsAt }, 1n)];
  }
  const isScheduled = due === 'rotation' || (due === undefined && number % 3 === 1);
  if (!isScheduled) return [generated];
  const dueAt = iso(due === 'rotation' ? NOW - number : NOW + 20 * DAY + number);
  const schedule = {
    schedule: `rot_${number}`,
    every: 'P30D',
    gracePeriod: 'PT1H',
    kind: 'vault',
    target: {},
    dueAt,
  };
  return [generated, fact(id, 'KeyRotationScheduled', { at, registry, ...schedule }, 1n)];
}

function filled(file: string, keys: number): Database {
  const database = new Database(file);
  for (const { schema } of PROJECTIONS) database.exec(schema);
  const apart = keys / DUE;
  database.exec('BEGIN');
  for (let number = 0; number < keys; number++) {
    const due = number % apart === 0 ? KINDS[(number / apart) % KINDS.length] : undefined;
    for (const each of factsOf(number, due)) for (const { apply } of PROJECTIONS) apply(database, each);
  }
  database.exec('COMMIT');
  for (const { indexes } of PROJECTIONS) database.exec(indexes);
  return database;
}

/** What the workers ask in each round; how many keys that were. */
function sweep(database: Database): number {
  const now = iso(NOW);
  const due = [dueKeys, endedGraces, dueReminders, dueRotations].map(
    (query) => query(database, now, PAGE).length,
  );
  return due.reduce((sum, count) => sum + count, 0);
}

/** Median milliseconds of each, in turns, so that whatever slows the machine down slows down both. */
function medians(databases: readonly Database[]): number[] {
  const times: number[][] = databases.map(() => []);
  for (let round = -ROUNDS; round < ROUNDS; round++) {
    for (const [index, database] of databases.entries()) {
      const startedAt = performance.now();
      const found = sweep(database);
      if (found !== DUE) throw new Error(`${found} of ${DUE} due keys were found`);
      // The rounds before the first are compiled and read from the disk.
      if (round >= 0) times[index]!.push(performance.now() - startedAt);
    }
  }
  return times.map((each) => each.sort((one, other) => one - other)[ROUNDS >> 1]!);
}

const directory = mkdtempSync(join(tmpdir(), 'bench-sweep-'));
try {
  const databases = SIZES.map((keys) => filled(join(directory, `${keys}.sqlite`), keys));
  const found = medians(databases);
  for (const database of databases) database.close();
  for (const [index, keys] of SIZES.entries()) {
    const counts = `${keys.toLocaleString('en')} keys, ${DUE.toLocaleString('en')} due`;
    console.log(`${counts}: ${found[index]!.toFixed(2)} ms a sweep`);
  }
  const ratio = found[1]! / found[0]!;
  console.log(`ten times the keys: ${ratio.toFixed(2)} of the time (at most ${RATIO_MAX})`);
  if (ratio > RATIO_MAX) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
