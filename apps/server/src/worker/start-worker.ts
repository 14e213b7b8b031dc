import { usageWholeFrom } from '#libs/read-models';
import { connectRedisForQueues } from '#libs/redis';
import type { Core } from '../start-core.js';
import { ExpireKeys } from './expire-keys.js';
import { ProveRevocations } from './prove-revocations.js';
import { Reconciler } from './reconciler.js';
import { VerifyProjections } from './verify-projections.js';

/** Starts the background work of this process. */
export function startWorker(core: Core): void {
  const { eventLog, readModels, installation, backends, log, closers, drift, projections } = core;
  const connection = connectRedisForQueues(backends.redisTarget);
  const workerConnection = connectRedisForQueues(backends.redisTarget);
  closers.add('queue connections', () =>
    [connection, workerConnection].forEach((redis) => redis.disconnect()),
  );
  const queue = { prefix: installation.redisKey('jobs'), connection, workerConnection };
  const expireKeys = new ExpireKeys(eventLog, readModels, queue, log);
  closers.add('expire-keys', () => expireKeys.close());
  const { logId } = installation;
  const agedBefore = () => usageWholeFrom(core.settings.usageKeptDays, Date.now());
  const models = { file: readModels.database.file, logId, log: eventLog, projections, agedBefore };
  const verifyProjections = new VerifyProjections(models, queue, drift, log);
  closers.add('verify-projections', () => verifyProjections.close());
  const proveRevocations = new ProveRevocations(eventLog, core.membership, readModels, log);
  const reconciler = new Reconciler([proveRevocations, expireKeys, verifyProjections], log);
  reconciler.start();
  closers.add('reconciler', () => reconciler.stop());
}
