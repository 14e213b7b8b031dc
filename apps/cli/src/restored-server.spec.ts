import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '#libs/sqlite';
import type { GeneratedKey } from '../../../test/e2e/api.js';
import { hasDelayedExpiry, withPrivateRedis } from '../../../test/e2e/private-redis.js';
import { eventually, Installation, type ServerProcess } from '../../../test/e2e/server-process.js';
import { dockreg } from './testing/dockreg.js';

interface Status {
  readonly position: string;
  readonly verification: { readonly drift: readonly unknown[]; readonly events: number } | null;
}

/** The checkpoint's log id, and the ids of the keys, of an installation whose server is stopped. */
function modelOf(dataDir: string): { logId: string; keys: string[] } {
  const database = new Database(join(dataDir, 'read-models', 'server.sqlite'));
  try {
    const keys = database.all('SELECT id FROM keys ORDER BY id').map((row) => row['id'] as string);
    return { logId: database.get('SELECT log_id FROM checkpoint')!['log_id'] as string, keys };
  } finally {
    database.close();
  }
}

describe('a server on a restored log', () => {
  const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
  const { dataDir, folder } = installation;
  const file = join(folder, 'backup.gz');
  const keys: GeneratedKey[] = [];
  let old: { logId: string; keys: string[] };
  let server: ServerProcess;

  beforeAll(async () => {
    server = await installation.start();
    for (let count = 0; count < 3; count++) keys.push(await server.api.generateKey());
    await server.api.revoke(keys[1]!.id);
    expect(await dockreg(dataDir, ['backup', file])).toMatchObject({ code: 0 });
    // What happens after the backup is lost with the log, and must not live on in what was kept beside it.
    keys.push(await server.api.generateKey({ expiresIn: 'PT50S' }));
    await server.api.revoke(keys[0]!.id);
    // A start looks for jobs that are due soon at once.
    await server.stop();
    server = await installation.start();
    await withPrivateRedis(dataDir, (redis) =>
      eventually('the job waits', 10_000, () => hasDelayedExpiry(redis, keys[3]!.id)),
    );
    await server.stop();
    old = modelOf(dataDir);
    // The disk of the log is lost; the read models and Redis of the old log are still there.
    renameSync(join(dataDir, 'events'), join(folder, 'lost'));
    expect(await dockreg(dataDir, ['restore', file])).toMatchObject({ code: 0 });
    server = await installation.start();
  }, 120_000);
  afterAll(() => installation.remove(), 20_000);

  it('knows what the backup knows, and nothing of what came after', async () => {
    const verdicts = await Promise.all(keys.map(({ id, key }) => server.api.v2(key, { user: id })));
    // The second was revoked before the backup, the first after it; the last did not exist then.
    expect(verdicts.map(({ status }) => status)).toEqual([200, 401, 200, 401]);
    expect((await server.api.list()).map(({ id }) => id).sort()).toEqual(
      keys
        .slice(0, 3)
        .map(({ id }) => id)
        .sort(),
    );
  });

  it('takes new keys and revocations', async () => {
    const { id, key } = await server.api.generateKey();
    expect((await server.api.v2(key, { user: id })).status).toBe(200);
    await server.api.revoke(id);
    expect((await server.api.v2(key, { user: id })).status).toBe(401);
  });

  it('says in /v1/status and /metrics that its read model is what the log says', async () => {
    const { verification } = await server.api.get<Status>('/v1/status');
    expect(verification).toMatchObject({ drift: [] });
    const { text } = await server.api.call('/metrics');
    expect(text).toMatch(/^dockreg_projection_drift 0$/m);
  });

  it('publishes the way to its store for this user alone', async () => {
    const status = await dockreg(dataDir, ['projections', 'status', '--json']);
    expect(status.code).toBe(0);
    const connection = readFileSync(join(dataDir, 'events', 'connection'), 'utf8').trim();
    expect(connection).toMatch(/^kurrentdb:\/\/127\.0\.0\.1:/);
    expect(server.output).not.toContain(connection.split('connectionName=')[1]!);
  });

  it('lets the jobs of the old log lie, and has its own', async () => {
    const names = await withPrivateRedis(dataDir, (redis) => redis.keys('*:jobs:*'));
    const of = (logId: string) => names.filter((name) => name.startsWith(`${logId}:`));
    const own = names.map((name) => name.split(':')[0]!).filter((logId) => logId !== old.logId);
    expect(of(old.logId).some((name) => name.includes(keys[3]!.id))).toBe(true);
    expect(new Set(own).size).toBe(1);
    expect(of(own[0]!).some((name) => name.includes(keys[3]!.id))).toBe(false);
  });

  it('built its read models anew', async () => {
    await server.stop();
    const { logId, keys: known } = modelOf(dataDir);
    expect(logId).not.toBe(old.logId);
    expect(known).not.toContain(keys[3]!.id);
    expect(known).toEqual(expect.arrayContaining(keys.slice(0, 3).map(({ id }) => id)));
  });
});
