import { Database } from '#libs/sqlite';

/** Rows per second of plain SQLite with an fsync per commit, in one process without any protocol: what the disk and SQLite allow. */
export interface RawSqlite {
  /** One row a commit. */
  readonly serial: number;
  /** `batchRows` rows a commit. */
  readonly batches: number;
  /** Reading every row. */
  readonly reads: number;
}

/** Measures for about `roundMs` each, with rows of `data`. */
export function rawSqlite(file: string, data: string, batchRows: number, roundMs: number): RawSqlite {
  const database = new Database(file);
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (data TEXT NOT NULL) STRICT',
  );
  const commit = (rows: number): void =>
    database.transaction(() => {
      for (let row = 0; row < rows; row++) database.run('INSERT INTO rows (data) VALUES (?)', [data]);
    });
  const serial = rate(roundMs, 1, () => commit(1));
  const batches = rate(roundMs, batchRows, () => commit(batchRows));
  const start = performance.now();
  const { length } = database.all('SELECT data FROM rows');
  const reads = (length * 1_000) / (performance.now() - start);
  database.close();
  return { serial, batches, reads };
}

function rate(roundMs: number, rows: number, work: () => void): number {
  const start = performance.now();
  let done = 0;
  for (; performance.now() - start < roundMs; done += rows) work();
  return (done * 1_000) / (performance.now() - start);
}
