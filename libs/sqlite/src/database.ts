import { isArrayBuffer } from 'node:util/types';
import * as libsql from 'libsql';

/** What this file uses of the driver; its own types describe a module that Node does not load. */
interface DriverDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): DriverStatement;
  close(): void;
}

interface DriverStatement {
  all(parameters: SqlValue[]): Row[];
  get(parameters: SqlValue[]): Row | undefined;
  iterate(parameters: SqlValue[]): IterableIterator<Row>;
  run(parameters: SqlValue[]): { changes: number };
  safeIntegers(on: boolean): unknown;
}

/** A value that SQLite stores. Integers come back as numbers (53 bits) unless a statement is asked for BigInts. */
export type SqlValue = string | number | bigint | Uint8Array | null;

/** A blob in a row is always a Buffer. */
export type Row = Record<string, SqlValue>;

const OpenDatabase = libsql.default as unknown as new (file: string) => DriverDatabase;

/**
 * The one door to the SQLite driver, so that the driver can change when the floor is Node 22. Synchronous; one
 * connection; owned by one thread. Parameters are always bound as an array: the driver aborts the process when a
 * Buffer is its only argument.
 */
export class Database {
  private readonly driver: DriverDatabase;
  private readonly statements = new Map<string, Statement>();

  /** Opens or creates the file. Throws when it is no database or is locked. `:memory:` opens one in memory. */
  constructor(readonly file: string) {
    this.driver = new OpenDatabase(file);
  }

  /** Runs statements without parameters, separated by `;`. */
  exec(sql: string): void {
    this.driver.exec(sql);
  }

  /** The prepared statement of this text, made once and kept. */
  statement(sql: string): Statement {
    let statement = this.statements.get(sql);
    if (!statement) {
      statement = new Statement(this.driver.prepare(sql));
      this.statements.set(sql, statement);
    }
    return statement;
  }

  all(sql: string, parameters: readonly SqlValue[] = []): Row[] {
    return this.statement(sql).all(parameters);
  }

  get(sql: string, parameters: readonly SqlValue[] = []): Row | undefined {
    return this.statement(sql).get(parameters);
  }

  run(sql: string, parameters: readonly SqlValue[] = []): number {
    return this.statement(sql).run(parameters);
  }

  /** Runs `work` in one transaction: all of it is stored, or nothing when it throws. Does not nest. */
  transaction<Result>(work: () => Result): Result {
    this.exec('BEGIN IMMEDIATE');
    let result: Result;
    try {
      result = work();
      this.exec('COMMIT');
    } catch (error) {
      this.rollback();
      throw error;
    }
    return result;
  }

  close(): void {
    this.statements.clear();
    this.driver.close();
  }

  /** After some errors (a full disk) SQLite has already rolled back, and says so; the first error is the one to report. */
  private rollback(): void {
    try {
      this.exec('ROLLBACK');
    } catch {
      // Already rolled back by SQLite.
    }
  }
}

export class Statement {
  constructor(private readonly driver: DriverStatement) {}

  all(parameters: readonly SqlValue[] = []): Row[] {
    const rows = this.driver.all([...parameters]);
    for (const row of rows) normalize(row);
    return rows;
  }

  get(parameters: readonly SqlValue[] = []): Row | undefined {
    const row = this.driver.get([...parameters]);
    return row && normalize(row);
  }

  *iterate(parameters: readonly SqlValue[] = []): IterableIterator<Row> {
    for (const row of this.driver.iterate([...parameters])) yield normalize(row);
  }

  /** Number of rows changed. */
  run(parameters: readonly SqlValue[] = []): number {
    return this.driver.run([...parameters]).changes;
  }

  /** Integers of this statement's rows come back as BigInt. */
  withBigInts(): this {
    this.driver.safeIntegers(true);
    return this;
  }
}

/**
 * The driver hands out a blob as an ArrayBuffer (`all`, `iterate`) or as a Buffer (`get`, which also adds a column of
 * its own, `_metadata`). Here a blob is a Buffer on the same memory, and a row has the columns that were selected.
 */
function normalize(row: Row): Row {
  for (const column in row) {
    const value: unknown = row[column];
    if (typeof value !== 'object' || value === null) continue;
    if (isArrayBuffer(value)) row[column] = Buffer.from(value);
    else if (column === '_metadata' && !ArrayBuffer.isView(value)) delete row[column];
  }
  return row;
}
