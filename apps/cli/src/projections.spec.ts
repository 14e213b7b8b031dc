import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { seedKeys } from '../../../test/support/seed-keys.js';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { dockreg, type Ran } from './testing/dockreg.js';
import { runStore, type RunningStore } from './testing/running-store.js';

const KEYS = 400;

describe('dockreg projections', () => {
  const directory = temporaryDirectory();
  const dataDir = join(directory.path, 'data');
  let running: RunningStore | undefined;
  const outputs: Ran[] = [];
  const run = async (...args: string[]): Promise<Ran> => {
    const ran = await dockreg(dataDir, args);
    outputs.push(ran);
    return ran;
  };
  const resultOf = ({ out }: Ran) => JSON.parse(out) as Record<string, unknown>;

  beforeAll(async () => {
    running = await runStore(dataDir);
    await seedKeys(running.connectionString, KEYS);
    await running.models.waitFor((await running.raw.head())!, 10_000);
  }, 30_000);
  afterAll(async () => {
    await running?.stop();
    directory.remove();
  });

  it('status tells what a running server has built, and that it is up to date', async () => {
    const ran = await run('projections', 'status', '--json');
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(resultOf(ran)).toMatchObject({
      logId: 'log0000000000001',
      files: [
        {
          file: join(dataDir, 'read-models', 'server.sqlite'),
          state: 'current',
          eventsBehind: 0,
          position: String(running!.models.position),
          tables: expect.arrayContaining([{ table: 'keys', rows: KEYS }]),
        },
      ],
    });
  });

  it('status is a table for a person, without escape codes when it is no terminal', async () => {
    const { code, out } = await run('projections', 'status');
    expect(code).toBe(0);
    expect(out).toMatch(/^State +current, up to date$/m);
    expect(out).toMatch(/^keys +400$/m);
    expect(out).not.toContain('\u001b');
  });

  it('verify ends with 0 when the file is what the log says', async () => {
    const ran = await run('projections', 'verify', '--json');
    expect(ran.code).toBe(0);
    expect(resultOf(ran)).toMatchObject({ files: [{ events: 500, drift: [] }] });
  });

  it('verify ends with 3 and names the row when it is not', async () => {
    running!.models.database.run(`UPDATE keys SET name = 'drifted' WHERE name = 'Key 17'`);
    const { code, out } = await run('projections', 'verify');
    expect(code).toBe(3);
    expect(out).toMatch(/^First row in keys: \["\d+"\] differs$/m);
  });

  it('rebuild is refused while a server runs', async () => {
    const { code, err } = await run('projections', 'rebuild');
    expect(code).toBe(1);
    expect(err).toMatch(/A server, or another dockreg, uses .*Stop it first/);
    expect((await run('declare-restored')).err).toMatch(/Stop it first/);
  });

  it('rebuild mends the file when none runs, also after one that was killed', async () => {
    const stale = running!.connectionString;
    await running!.stop();
    running = undefined;
    writeFileSync(join(dataDir, 'events', 'connection'), stale);
    const ran = await run('projections', 'rebuild', '--json');
    expect(ran).toMatchObject({ code: 0 });
    expect(resultOf(ran)).toMatchObject({ files: [{ events: 500 }] });
    expect((await run('projections', 'verify')).code).toBe(0);
  });

  it('declare-restored makes another log of it, for which the file is no longer good', async () => {
    const ran = await run('declare-restored', '--json');
    expect(ran).toMatchObject({ code: 0 });
    expect(resultOf(ran)).toMatchObject({ oldLogId: 'log0000000000001' });
    const { logId } = resultOf(ran);
    expect(logId).toMatch(/^[0-9A-Za-z]{16}$/);
    const status = resultOf(await run('projections', 'status', '--json'));
    expect(status).toMatchObject({ logId, files: [{ state: 'of another log' }] });
    const verify = await run('projections', 'verify');
    expect(verify).toMatchObject({ code: 1, err: expect.stringContaining('it needs a rebuild') });
  });

  it('refuses a data directory without a log, and makes none', async () => {
    const missing = join(directory.path, 'missing');
    const { code, err } = await dockreg(missing, ['projections', 'status']);
    expect({ code, err }).toEqual({
      code: 1,
      err: `dockreg: ${missing} holds no event store. Set DATA_DIR, or EVENTSTORE_URL.\n`,
    });
    expect(existsSync(missing)).toBe(false);
  });

  it('says in one line that an event store does not answer, without the password in its URL', async () => {
    const url = 'kurrentdb://admin:tops3cret@127.0.0.1:1?tls=false&maxDiscoverAttempts=1';
    const { code, err } = await dockreg(dataDir, ['projections', 'status'], { EVENTSTORE_URL: url });
    expect(code).toBe(1);
    expect(err).toMatch(/^dockreg: the event store did not answer/);
    expect(err).not.toContain('tops3cret');
  }, 60_000);

  it('tells a wrong command line by its exit code', async () => {
    expect((await run('projections', 'nonsense')).code).toBe(2);
    expect((await run('backup')).code).toBe(2);
    expect((await run('--help')).code).toBe(0);
  });

  it('never prints the token of the store', () => {
    const everything = outputs.map(({ out, err }) => out + err).join('');
    expect(everything).not.toContain('connectionName');
    expect(everything.length).toBeGreaterThan(1_000);
  });
});
