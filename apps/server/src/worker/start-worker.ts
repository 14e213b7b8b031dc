import type { EventLog } from '#libs/event-store';
import type { Closers, Log } from '#libs/platform';
import type { ReadModels } from '#libs/read-models';
import { connectRedisForQueues } from '#libs/redis';
import type { Installation } from '../installation.js';
import type { Backends } from '../start-backends.js';
import { ExpireKeys } from './expire-keys.js';
import { Reconciler } from './reconciler.js';
import { VerifyProjections, type DriftReport } from './verify-projections.js';

/** Starts the background work of this process. */
export function startWorker(parts: {
  eventLog: EventLog;
  readModels: ReadModels;
  installation: Installation;
  backends: Backends;
  log: Log;
  closers: Closers;
  drift: DriftReport;
}): void {
  const { eventLog, readModels, installation, backends, log, closers, drift } = parts;
  const connection = connectRedisForQueues(backends.redisTarget);
  const workerConnection = connectRedisForQueues(backends.redisTarget);
  closers.add('queue connections', () =>
    [connection, workerConnection].forEach((redis) => redis.disconnect()),
  );
  const queue = { prefix: installation.redisKey('jobs'), connection, workerConnection };
  const expireKeys = new ExpireKeys(eventLog, readModels, queue, log);
  closers.add('expire-keys', () => expireKeys.close());
  const models = { file: readModels.database.file, logId: installation.logId, log: eventLog };
  const verifyProjections = new VerifyProjections(models, queue, drift, log);
  closers.add('verify-projections', () => verifyProjections.close());
  const reconciler = new Reconciler([expireKeys, verifyProjections], log);
  reconciler.start();
  closers.add('reconciler', () => reconciler.stop());
}
