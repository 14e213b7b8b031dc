import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Database } from '#libs/sqlite';
import { append } from './append.js';
import { RESERVE_BYTES } from './disk-reserve.js';
import { decodeEventFrame } from './event-frame.js';
import { LogWriter } from './log-writer.js';
import { SqliteStorage } from './sqlite-storage.js';
import { PAGE_BYTES_MAX } from './storage.js';

let directory: string;
let storage: SqliteStorage;
let log: LogWriter;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sqlite-storage-'));
  open();
});

afterEach(() => {
  storage.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(): void {
  storage = new SqliteStorage(directory);
  log = new LogWriter(storage, () => Date.now());
}

function write(stream: string, data = '{}', count = 1) {
  const events = Array.from({ length: count }, () => ({
    id: randomUUID(),
    type: 'T',
    contentType: 'application/json',
    data: Buffer.from(data),
    metadata: Buffer.alloc(0),
  }));
  log.begin();
  return storage.transaction(() => append(log, { stream, expected: 'any', events }));
}

function revisionsOf(stream: string): number[] {
  const { id } = storage.findStream(stream)!;
  return storage.readStream(id, 0, 1000, 1000, false).map(({ revision }) => revision);
}

describe('a stream with $maxCount 1', () => {
  it('keeps its newest append alone: the superseded one goes in the same commit', () => {
    write('$$lease-1', '{"$maxCount":1}');
    for (let renewal = 0; renewal < 5; renewal++) write('lease-1');
    expect(revisionsOf('lease-1')).toEqual([4]);
    write('lease-1', '{}', 3);
    expect(revisionsOf('lease-1')).toEqual([5, 6, 7]);
    write('key-1');
    write('key-1');
    expect(revisionsOf('key-1')).toEqual([0, 1]);
  });

  it('goes on at the next revision after a restart', () => {
    write('$$lease-1', '{"$maxCount":1}');
    write('lease-1');
    write('lease-1');
    storage.close();
    open();
    expect(write('lease-1')).toMatchObject({ kind: 'success', revision: 2 });
    expect(revisionsOf('lease-1')).toEqual([2]);
  });
});

describe('an event', () => {
  it('that was moved to another place is not served there', () => {
    write('a');
    write('b');
    storage.close();
    const database = new Database(join(directory, 'events.db'));
    database.exec('PRAGMA journal_mode = WAL');
    database.run('UPDATE events SET stream = ?, revision = 1 WHERE position = 4', [1]);
    database.exec('PRAGMA journal_mode = DELETE');
    database.close();
    open();
    expect(() => storage.readAll(1, 10, false)).toThrow('position 4 is not what was stored');
    expect(storage.readAll(1, 1, false)).toHaveLength(1);
  });

  it('that is missing in the middle of its stream is noticed', () => {
    write('a', '{}', 3);
    storage.transaction(() =>
      (storage as unknown as { database: Database }).database.run('DELETE FROM events WHERE position = 4'),
    );
    expect(() => storage.readStream(1, 0, 10, 10, false)).toThrow(
      'between positions 2 and 6 is not what was stored',
    );
  });
});

describe('a page', () => {
  it('is cut at its bytes and holds at least one event', () => {
    for (let count = 0; count < 3; count++) write('large', JSON.stringify('x'.repeat(PAGE_BYTES_MAX * 0.6)));
    expect(storage.readAll(1, 10, false)).toHaveLength(1);
    expect(storage.readAll(6, 10, true).map(({ position }) => position)).toEqual([6]);
    expect(storage.readPositions([2, 6], true).map(({ position }) => position)).toEqual([6]);
  });
});

describe('a position', () => {
  it('that an empty append was given is not given again after a restart', () => {
    write('a');
    expect(write('a', '{}', 0)).toMatchObject({ kind: 'success', position: 4 });
    storage.close();
    open();
    expect(write('a')).toMatchObject({ kind: 'success', position: 6 });
  });
});

describe('a read', () => {
  it('may begin where an event stands or stood, and beyond the head, and nowhere between events', () => {
    write('a');
    write('a');
    storage.transaction(() => storage.drop(storage.findStream('a')!.id, 1));
    expect([0, 1, 2, 3, 4, 5].map((position) => storage.isPosition(position))).toEqual([
      true, false, true, false, true, true,
    ]); // prettier-ignore
  });

  it('may begin at each event of a file from before there were gaps, and the next position is beyond them', () => {
    storage.head = 2;
    jest.spyOn(storage, 'nextPosition').mockReturnValueOnce(3);
    write('a');
    storage.close();
    open();
    expect([1, 3].map((position) => storage.isPosition(position))).toEqual([false, true]);
    expect(storage.nextPosition()).toBe(4);
  });
});

describe('time', () => {
  it('does not fall along the log when the clock is set back', () => {
    let now = 5000;
    log = new LogWriter(storage, () => now);
    write('a');
    now = 1000;
    write('a');
    expect(storage.readAll(1, 10, false).map(({ frame }) => decodeEventFrame(frame).createdMs)).toEqual([
      5000, 5000,
    ]);
  });
});

describe('the directory', () => {
  it('holds the reserve in real bytes, and one database file after an orderly end', () => {
    write('a');
    storage.close();
    expect(readdirSync(directory).sort()).toEqual(['events.db', 'reserve']);
    const { size, blocks } = statSync(join(directory, 'reserve'));
    expect(size).toBe(RESERVE_BYTES);
    expect(blocks * 512).toBeGreaterThanOrEqual(RESERVE_BYTES);
    open();
  });

  it('of a newer program is refused', () => {
    storage.close();
    const database = new Database(join(directory, 'events.db'));
    database.exec('PRAGMA user_version = 99');
    database.close();
    expect(() => new SqliteStorage(directory)).toThrow('has schema version 99; this program knows 1');
    // The lock of the refused file lasts until the driver's objects are collected: go on in another directory.
    rmSync(directory, { recursive: true });
    directory = mkdtempSync(join(tmpdir(), 'sqlite-storage-'));
    open();
  });
});
