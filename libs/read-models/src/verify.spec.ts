import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { Database } from '#libs/sqlite';
import { seededKey, seedKeys } from '../../../test/support/seed-keys.js';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { ReadModels } from './read-models.js';
import { SERVER_PROJECTIONS } from './server-models.js';
import { hashTable } from './table-rows.js';
import { verifyModels } from './verify.js';

const KEYS = 1_200;

describe('verify', () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, 'models', 'models.sqlite');
  let store: EmbeddedStore;
  let log: EventLog;
  let models: ReadModels;
  const source = () => ({ file, log, logId: 'log-1', projections: SERVER_PROJECTIONS });
  const verify = () => verifyModels(source());

  beforeAll(async () => {
    store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
    log = new EventLog(store.connectionString, catalogue);
    await seedKeys(store.connectionString, KEYS);
    models = await ReadModels.open({
      ...source(),
      load: () => undefined,
      onEvents: () => undefined,
      onFailure: (error) => {
        throw error;
      },
    });
    await models.follow();
  });
  afterAll(async () => {
    models.close();
    await log.close();
    await store.close();
    directory.remove();
  });
  beforeEach(() =>
    models.database.exec('DROP TABLE IF EXISTS kept; CREATE TEMP TABLE kept AS SELECT * FROM keys'),
  );

  /** Undoes what a test did to the tables. */
  const mend = (): void =>
    models.database.exec('DELETE FROM keys; INSERT INTO keys SELECT * FROM kept; DELETE FROM registry_hosts');

  it('finds every table equal, while a server has the file', async () => {
    const { tables, drift, position, events } = await verify();
    expect(drift).toEqual([]);
    expect(position).toBe(models.position);
    expect(events).toBe(1_500);
    expect(tables.map(({ table, rows }) => [table, rows])).toEqual([
      ['alert_configurations', 0],
      ['alerts', 0],
      ['channels', 0],
      ['deliveries', 0],
      ['denials', 0],
      ['grants', KEYS],
      ['key_history', KEYS / 4],
      ['keys', KEYS],
      ['last_uses', 0],
      ['notification_secrets', 0],
      ['registries', 0],
      ['registry_hosts', 0],
      ['registry_members', 0],
      ['reminder_keys', (KEYS * 3) / 4],
      ['reminder_rules', 0],
      ['reservations', 0],
      ['rotation_schedules', 0],
      ['usage_clock', 0],
      ['usage_counts', 0],
      ['usage_tops', 0],
    ]);
    expect(tables.every(({ sha256, replayed }) => sha256 === replayed)).toBe(true);
  });

  it('names the first row that differs', async () => {
    const [one, other] = [seededKey(700), seededKey(900)];
    const { born } = models.database.get('SELECT born FROM keys WHERE id = ?', [one.id])!;
    models.database.run(`UPDATE keys SET status = 'active', revoked_at = NULL WHERE id IN (?, ?)`, [
      other.id,
      one.id,
    ]);
    const { drift } = await verify();
    mend();
    expect(drift).toEqual([{ table: 'keys', key: `["${String(born)}"]`, kind: 'differs' }]);
  });

  it('names a version of a row that was never so', async () => {
    const { id } = seededKey(400);
    const { born, since } = models.database.get('SELECT born, since FROM key_history WHERE id = ?', [id])!;
    const revoke = `UPDATE key_history SET status = 'revoked' WHERE id = ?`;
    models.database.run(revoke, [id]);
    const { drift } = await verify();
    models.database.run(revoke.replace('revoked', 'active'), [id]);
    expect(drift).toEqual([
      { table: 'key_history', key: `["${String(born)}","${String(since)}"]`, kind: 'differs' },
    ]);
  });

  it('names a row that is missing', async () => {
    const { id } = seededKey(3);
    const { born } = models.database.get('SELECT born FROM keys WHERE id = ?', [id])!;
    models.database.run('DELETE FROM keys WHERE id = ?', [id]);
    const { drift } = await verify();
    mend();
    expect(drift).toEqual([{ table: 'keys', key: `["${String(born)}"]`, kind: 'missing in the file' }]);
  });

  it('names a row that the log knows nothing of', async () => {
    models.database.run(
      `INSERT INTO registry_hosts (host, registry, place) VALUES ('evil.example', 'reg_x', 0)`,
    );
    const { drift } = await verify();
    mend();
    expect(drift).toEqual([{ table: 'registry_hosts', key: '["evil.example"]', kind: 'only in the file' }]);
  });

  it('compares one moment of the file, whatever is written meanwhile', async () => {
    const verifying = verify();
    const seeding = seedKeys(store.connectionString, 1, { first: KEYS });
    const [{ drift }] = await Promise.all([verifying, seeding]);
    expect(drift).toEqual([]);
  });

  it('leaves nothing beside the file', () => {
    const names = readdirSync(join(directory.path, 'models'));
    expect(names.filter((name) => name.includes('verify') || name.includes('next'))).toEqual([]);
  });

  it('ends when it is told to', async () => {
    const ended = verifyModels({ ...source(), signal: AbortSignal.abort(new Error('the server ends')) });
    await expect(ended).rejects.toThrow('the server ends');
  });

  it('refuses a file that is of another log, or none', async () => {
    await expect(verifyModels({ ...source(), logId: 'log-2' })).rejects.toThrow('needs a rebuild');
    await expect(verifyModels({ ...source(), file: `${file}-none` })).rejects.toThrow('needs a rebuild');
    expect(readdirSync(join(directory.path, 'models'))).not.toContain('models.sqlite-none');
  });
});

describe('the hash of a table', () => {
  const filled = (rows: readonly (readonly [string, number, bigint | null])[]): Database => {
    const database = new Database(':memory:');
    database.exec(
      'CREATE TABLE t (a TEXT, b INTEGER, c INTEGER, d BLOB, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID',
    );
    for (const [a, b, c] of rows)
      database.run('INSERT INTO t VALUES (?, ?, ?, ?)', [a, b, c, Buffer.from(a)]);
    return database;
  };
  const rows = [['b', 1, null], ['a', 2, 9_007_199_254_740_993n], ['a', 1, 0n]] as const; // prettier-ignore

  it('is the same whatever the order in which the rows came', async () => {
    const [one, other] = [filled(rows), filled(rows.toReversed())];
    expect(await hashTable(one, 't')).toEqual(await hashTable(other, 't'));
  });

  it('is the SHA-256 of its canonical rows, as documented', async () => {
    // printf '%s\n' '[["a","TEXT"],["b","INTEGER"],["c","INTEGER"],["d","BLOB"]]' '{"a":"a","b":"1","c":"0","d":"YQ=="}' … | sha256sum
    expect(await hashTable(filled(rows), 't')).toEqual({
      table: 't',
      rows: 3,
      sha256: '81b660482087b28fb7ba4e94b208cc475bc5a4d8578fd75084ca2b4276b1ba8c',
    });
  });

  it('tells integers apart that a number of JavaScript does not', async () => {
    const changed = [rows[0], ['a', 2, 9_007_199_254_740_992n] as const, rows[2]];
    expect((await hashTable(filled(changed), 't')).sha256).not.toBe(
      (await hashTable(filled(rows), 't')).sha256,
    );
  });

  it('needs a primary key', async () => {
    const database = new Database(':memory:');
    database.exec('CREATE TABLE t (a TEXT)');
    await expect(hashTable(database, 't')).rejects.toThrow('no primary key');
  });
});
