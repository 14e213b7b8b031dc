import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { createLog, Metrics, startPrivateRedis, type Log, type PrivateRedis } from '#libs/platform';
import { ReadModels, SERVER_PROJECTIONS } from '#libs/read-models';
import { connectRedisForQueues, type Redis } from '#libs/redis';
import { seedKeys } from '../../../../test/support/seed-keys.js';
import { temporaryDirectory } from '../../../../test/support/temporary-directory.js';
import { DriftReport, VerifyProjections } from './verify-projections.js';

const KEYS = 200;

describe('the worker that verifies the read model', () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, 'models.sqlite');
  const connections: Redis[] = [];
  let redisServer: PrivateRedis;
  let store: EmbeddedStore;
  let log: EventLog;
  let models: ReadModels;
  let metrics: Metrics;
  let report: DriftReport;
  let worker: VerifyProjections;
  let logged: { level: string; facts: object; text: string }[] = [];
  let onLogged = (): void => undefined;

  const record = (level: string) => (facts: object, text: string) => {
    logged.push({ level, facts, text });
    onLogged();
  };
  const processLog = { info: record('info'), warn: record('warn'), error: record('error') } as unknown as Log;
  const connect = (): Redis => {
    const redis = connectRedisForQueues(redisServer.connection);
    connections.push(redis);
    return redis;
  };
  const start = (prefix: string): void => {
    metrics = new Metrics();
    report = new DriftReport(metrics);
    const queue = { prefix, connection: connect(), workerConnection: connect() };
    worker = new VerifyProjections(
      { file, logId: 'log', log, projections: SERVER_PROJECTIONS },
      queue,
      report,
      processLog,
    );
  };

  beforeAll(async () => {
    redisServer = await startPrivateRedis({
      directory: join(directory.path, 'redis'),
      log: createLog('fatal'),
    });
    store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
    log = new EventLog(store.connectionString, catalogue);
    await seedKeys(store.connectionString, KEYS);
    models = await ReadModels.open({
      file,
      logId: 'log',
      log,
      projections: SERVER_PROJECTIONS,
      load: () => undefined,
      onEvents: () => undefined,
      onFailure: (error) => {
        throw error;
      },
    });
    await models.follow();
  }, 30_000);
  afterEach(async () => {
    await worker.close();
    connections.forEach((redis) => redis.disconnect());
    connections.length = 0;
    logged = [];
  });
  afterAll(async () => {
    models.close();
    await log.close();
    await store.close();
    await redisServer.stop();
    directory.remove();
  });

  it('runs by its schedule, at once when there was none, and not again when it is there', async () => {
    start('schedule');
    expect(report.status).toBeNull();
    const ran = new Promise<void>((resolve) => (onLogged = resolve));
    await worker.reconcile();
    await ran;
    await worker.reconcile();
    await worker.reconcile();
    expect(logged).toEqual([
      {
        level: 'info',
        facts: expect.objectContaining({ events: 250 }),
        text: 'the read model is what the log says',
      },
    ]);
    expect(report.status).toMatchObject({ position: String(models.position), events: 250, drift: [] });
    const next = await connections[0]!.keys('schedule:verify-projections.*:repeat:sweep:*');
    const [due] = next.map((name) => Number(name.split(':').at(-1)) - Date.now());
    expect(due).toBeGreaterThan(23 * 3_600_000);
    expect(due).toBeLessThanOrEqual(24 * 3_600_000);
  });

  it('reports drift in the log, the metric and the status', async () => {
    start('drift');
    expect(await metrics.text()).toMatch(/^dockreg_projection_drift -1$/m);
    models.database.run(`UPDATE keys SET permission = 'read' WHERE name = 'Key 9'`);
    const { drift } = await worker.verify();
    models.database.run(`UPDATE keys SET permission = 'read-write' WHERE name = 'Key 9'`);
    expect(drift).toMatchObject([{ table: 'keys', kind: 'differs' }]);
    expect(logged).toMatchObject([
      { level: 'error', facts: drift[0], text: 'the read model has drifted from the log' },
    ]);
    expect(await metrics.text()).toMatch(/^dockreg_projection_drift 1$/m);
    expect(report.status).toMatchObject({ drift });
    await worker.verify();
    expect(await metrics.text()).toMatch(/^dockreg_projection_drift 0$/m);
  });

  it('runs once for callers that come together', async () => {
    start('together');
    const [one, other] = await Promise.all([worker.verify(), worker.verify()]);
    expect(one).toBe(other);
    expect(logged.length).toBe(1);
  });

  it('gives up when the server ends', async () => {
    start('closing');
    const verifying = worker.verify();
    const closed = worker.close();
    await expect(verifying).rejects.toThrow(/abort/i);
    await closed;
    expect(report.status).toBeNull();
  });
});
