import { describe, expect, it } from '@jest/globals';
import { Database } from './database.js';

function withBlob(): Database {
  const database = new Database(':memory:');
  database.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, blob BLOB, text TEXT)');
  database.run('INSERT INTO t VALUES (?, ?, ?)', [1, Buffer.from([1, 2, 3]), 'x']);
  return database;
}

describe('a row', () => {
  it('has a blob as a Buffer however it is asked for', () => {
    const database = withBlob();
    const rows = [
      ...database.all('SELECT * FROM t'),
      database.get('SELECT * FROM t'),
      ...database.statement('SELECT * FROM t').iterate(),
    ];
    expect(rows).toHaveLength(3);
    for (const row of rows) {
      expect(Buffer.isBuffer(row?.['blob'])).toBe(true);
      expect((row?.['blob'] as Buffer).equals(Buffer.from([1, 2, 3]))).toBe(true);
    }
  });

  it('has exactly the selected columns', () => {
    const database = withBlob();
    expect(Object.keys(database.get('SELECT id, text FROM t') ?? {})).toEqual(['id', 'text']);
    expect(Object.keys(database.all('SELECT id, text FROM t')[0] ?? {})).toEqual(['id', 'text']);
  });

  it('is undefined when there is none', () => {
    expect(withBlob().get('SELECT * FROM t WHERE id = ?', [9])).toBeUndefined();
  });

  it('keeps an empty blob and a NULL apart', () => {
    const database = withBlob();
    database.run('INSERT INTO t VALUES (2, ?, NULL)', [Buffer.alloc(0)]);
    const row = database.all('SELECT * FROM t WHERE id = 2')[0];
    expect(row?.['blob']).toEqual(Buffer.alloc(0));
    expect(row?.['text']).toBeNull();
  });
});

describe('a transaction', () => {
  it('stores nothing when its work throws', () => {
    const database = withBlob();
    expect(() =>
      database.transaction(() => {
        database.run('DELETE FROM t');
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(database.all('SELECT id FROM t')).toHaveLength(1);
  });
});
