import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { EventLog } from '#libs/event-store';
import {
  API_PROJECTIONS,
  apiModelFile,
  GATE_PROJECTIONS,
  gateModelFile,
  rebuildModels,
} from '#libs/read-models';
import { Database } from '#libs/sqlite';
import { seedKeys } from '../../../test/support/seed-keys.js';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { dockreg } from './testing/dockreg.js';
import { runStore, type RunningStore } from './testing/running-store.js';

interface Shown {
  readonly file: string;
  readonly state: string;
  readonly drift: readonly { table: string }[];
  readonly tables: readonly { table: string; rows: number }[];
}

describe('dockreg projections on a node with fewer than all roles', () => {
  const directory = temporaryDirectory();
  const dataDir = join(directory.path, 'data');
  const models = join(dataDir, 'read-models');
  let store: RunningStore | undefined;
  const run = async (command: string, code = 0): Promise<Shown[]> => {
    const ran = await dockreg(dataDir, ['projections', command, '--json']);
    expect(ran).toMatchObject({ code });
    return (JSON.parse(ran.out) as { files: Shown[] }).files;
  };
  const namesOf = (files: readonly Shown[]) => files.map(({ file }) => basename(file));
  const corrupt = (file: string, statement: string): void => {
    const database = new Database(file);
    database.exec(statement);
    database.close();
  };

  beforeAll(async () => {
    store = await runStore(dataDir);
    await seedKeys(store.connectionString, 20);
    const log = new EventLog(store.connectionString, catalogue);
    const source = { log, logId: 'log0000000000001' };
    await rebuildModels({ ...source, file: apiModelFile(dataDir), projections: API_PROJECTIONS });
    await rebuildModels({ ...source, file: gateModelFile(dataDir), projections: GATE_PROJECTIONS });
    await log.close();
  }, 30_000);
  afterAll(async () => {
    await store?.stop();
    directory.remove();
  });

  it('shows every file that is there, each with its own tables', async () => {
    const files = await run('status');
    expect(namesOf(files)).toEqual(['server.sqlite', 'api.sqlite', 'gate.sqlite']);
    const tables = files.slice(1).map((one) => one.tables.map(({ table }) => table));
    expect(tables[0]).toContain('keys');
    expect(tables[0]).not.toContain('grants');
    expect(tables[1]).toContain('grants');
    expect(tables[1]).not.toContain('keys');
    for (const { state } of files) expect(state).toBe('current');
    await store!.stop();
    store = undefined;
  });

  it('shows, compares and builds anew those alone', async () => {
    for (const name of readdirSync(models)) if (name.startsWith('server.')) rmSync(join(models, name));
    const those = ['api.sqlite', 'gate.sqlite'];
    expect(namesOf(await run('status'))).toEqual(those);
    expect(namesOf(await run('verify'))).toEqual(those);
    expect(namesOf(await run('rebuild'))).toEqual(those);
    expect(readdirSync(models).filter((name) => name.endsWith('.sqlite'))).toEqual(those);
  });

  it('finds what is wrong in any of them, says in which, and mends it', async () => {
    corrupt(gateModelFile(dataDir), `DELETE FROM grants WHERE rowid IN (SELECT rowid FROM grants LIMIT 1)`);
    const found = await run('verify', 3);
    expect(found.map(({ drift }) => drift.map(({ table }) => table))).toEqual([[], ['grants']]);
    await run('rebuild');
    await run('verify');
  });

  it('compares the others when one cannot be compared, and fails', async () => {
    corrupt(apiModelFile(dataDir), `UPDATE checkpoint SET log_id = 'another'`);
    const ran = await dockreg(dataDir, ['projections', 'verify']);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/api\.sqlite is missing, broken, .*needs a rebuild/);
    expect(ran.out).toMatch(/gate\.sqlite is what the log says/);
  });
});
