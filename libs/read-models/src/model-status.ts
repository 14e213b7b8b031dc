import { existsSync, statSync } from 'node:fs';
import { Database } from '#libs/sqlite';
import { readCheckpoint, type Checkpoint } from './checkpoint.js';
import { isDamage, signature, type ModelSource } from './model-file.js';
import { tablesOf } from './table-rows.js';

export interface ModelStatus {
  readonly file: string;
  readonly state: 'missing' | 'broken' | 'of another log' | 'of other projections' | 'current';
  /** What it stands at; undefined when it is missing or broken. */
  readonly checkpoint: Checkpoint | undefined;
  readonly bytes: number;
  readonly tables: readonly { readonly table: string; readonly rows: number }[];
}

/** Looks at a read-model file without changing it; a server may be using it. */
export function modelStatus(
  file: string,
  wanted: Omit<ModelSource, 'logId'> & { readonly logId: string | undefined },
): ModelStatus {
  const nothing = { file, checkpoint: undefined, bytes: 0, tables: [] };
  if (!existsSync(file)) return { ...nothing, state: 'missing' };
  const bytes = statSync(file).size;
  let database: Database | undefined;
  try {
    database = new Database(file);
    const checkpoint = readCheckpoint(database);
    if (!checkpoint) return { ...nothing, bytes, state: 'broken' };
    return { file, state: stateOf(checkpoint, wanted), checkpoint, bytes, tables: rowCounts(database) };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { ...nothing, bytes, state: 'broken' };
  } finally {
    database?.close();
  }
}

function stateOf(checkpoint: Checkpoint, wanted: Parameters<typeof modelStatus>[1]): ModelStatus['state'] {
  if (checkpoint.logId !== wanted.logId) return 'of another log';
  return checkpoint.projections === signature(wanted) ? 'current' : 'of other projections';
}

function rowCounts(database: Database): { table: string; rows: number }[] {
  return tablesOf(database).map((table) => ({
    table,
    rows: Number(database.get(`SELECT count(*) AS rows FROM "${table}"`)?.['rows']),
  }));
}
