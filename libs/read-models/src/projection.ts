import type { RecordedFact } from '#libs/kernel';
import type { Database } from '#libs/sqlite';

/** Tables that are a function of the log. Pure apart from its own tables: no clock, no chance, no look at other tables. */
export interface Projection {
  readonly name: string;
  /** Raised whenever `schema`, `indexes` or `apply` changes: the tables are then rebuilt from the log. */
  readonly version: number;
  /** Stream categories whose events it wants. */
  readonly categories: readonly string[];
  /** `CREATE TABLE` statements, and indexes that `apply` needs. Each table has a primary key, by which it is compared with a replay of the log. */
  readonly schema: string;
  /**
   * Tables whose rows go when the log no longer has what they are made of: they have a column `minute`, the minute since 1970
   * at which the time that a row is about begins.
   */
  readonly aging?: readonly string[];
  /** `CREATE INDEX IF NOT EXISTS` statements for the readers; run when the tables have caught up, so that rows come cheap. */
  readonly indexes: string;
  /**
   * Where one event changes more rows than one transaction may hold up the node for: `apply` changes some and leaves the rest
   * for later. Readers get the old rows until then; once nothing is left, the tables are a function of the log again.
   */
  readonly later?: {
    readonly isLeft: (database: Database) => boolean;
    /** Does a bounded part of it, inside a transaction. */
    readonly goOn: (database: Database) => void;
  };
  /** Called inside the transaction that also stores the checkpoint. Ignores event types that it does not know. */
  readonly apply: (database: Database, event: RecordedFact) => void;
}
