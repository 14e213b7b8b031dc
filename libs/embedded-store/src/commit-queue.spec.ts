import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { append } from './append.js';
import type { AppendOutcome } from './append.js';
import { CommitQueue } from './commit-queue.js';
import { LogWriter } from './log-writer.js';
import { SqliteStorage } from './sqlite-storage.js';
import { WriteFailed } from './storage.js';

const RESERVE_BYTES = 4096;

let directory: string;
let storage: SqliteStorage;
let failures: WriteFailed[];
let queue: CommitQueue;
let published: number;
let commits: number;
/** Thrown instead of the commit, after the work was done. */
let commitError: Error | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'commit-queue-'));
  storage = new SqliteStorage(directory, RESERVE_BYTES);
  const database = (storage as unknown as { database: { transaction<T>(work: () => T): T } }).database;
  const real = database.transaction.bind(database);
  database.transaction = (work) =>
    real(() => {
      const result = work();
      commits++;
      if (commitError) throw commitError;
      return result;
    });
  [failures, published, commits, commitError] = [[], 0, 0, undefined];
  queue = new CommitQueue(
    new LogWriter(storage, () => Date.now()),
    (events) => (published += events.length),
    (error) => failures.push(error),
  );
});

afterEach(() => {
  storage.close();
  rmSync(directory, { recursive: true, force: true });
});

function driverError(code: string): Error {
  return Object.assign(new Error(`the driver says ${code}`), { code });
}

function submit(stream: string, critical = false): Promise<AppendOutcome> {
  const event = {
    id: randomUUID(),
    type: 'T',
    contentType: 'application/json',
    data: Buffer.from('{}'),
    metadata: Buffer.alloc(0),
  };
  return new Promise((resolve) =>
    queue.submit<AppendOutcome>({
      bytes: 2,
      critical,
      work: (log) => append(log, { stream, expected: 'any', events: [event] }),
      answer: resolve,
    }),
  );
}

describe('what is submitted in one turn', () => {
  it('is one commit, in the order of its submission', async () => {
    const outcomes = await Promise.all(['a', 'b', 'a'].map((stream) => submit(stream)));
    expect(outcomes).toEqual([
      { kind: 'success', revision: 0, position: 2 },
      { kind: 'success', revision: 0, position: 4 },
      { kind: 'success', revision: 1, position: 6 },
    ]);
    expect({ commits, published }).toEqual({ commits: 1, published: 3 });
  });

  it('is all refused and forgotten when the disk fails, and nothing is stored after that', async () => {
    await submit('a');
    commitError = driverError('SQLITE_IOERR_FSYNC');
    for (const outcome of await Promise.all([submit('a'), submit('b')]))
      expect(outcome.kind).toBe('unavailable');
    expect(failures).toMatchObject([{ full: false }]);
    commitError = undefined;
    expect(await submit('a', true)).toMatchObject({ kind: 'unavailable' });
    expect(published).toBe(1);
    expect(storage.findStream('a')?.last).toBe(0);
    expect(storage.findStream('b')).toBeUndefined();
  });

  it('is refused but for what is critical when the disk is full; later appends go on at the right revision', async () => {
    commitError = driverError('SQLITE_FULL');
    const ordinary = submit('a');
    const critical = submit('b', true);
    const clearing = new Promise<void>((resolve) => setImmediate(resolve));
    await clearing;
    expect(await ordinary).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('full') });
    // The second try failed as well here; with room it is stored.
    expect(await critical).toMatchObject({ kind: 'unavailable' });
    commitError = undefined;
    expect(await submit('b', true)).toMatchObject({ kind: 'success', revision: 0 });
    expect(failures.every(({ full }) => full)).toBe(true);
  });
});

describe('an error that is no failure of the disk', () => {
  it('refuses its group and leaves the store as it was', async () => {
    commitError = new TypeError('a bug');
    expect(await submit('a')).toMatchObject({ kind: 'unavailable', message: 'a bug' });
    commitError = undefined;
    expect(await submit('a')).toMatchObject({ kind: 'success', revision: 0 });
    expect(failures).toEqual([]);
  });
});
