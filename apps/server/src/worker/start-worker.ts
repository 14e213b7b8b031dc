import type { QueuePlace } from '#libs/jobs';
import { Outgoing } from '#libs/outgoing';
import { usageWholeFrom } from '#libs/read-models';
import { connectRedisForQueues } from '#libs/redis';
import { subjectKeysAtFirstUse } from '../open-subject-keys.js';
import type { Core } from '../start-core.js';
import { DeliverNotifications } from './deliver-notifications.js';
import { DiscardSuccessors } from './discard-successors.js';
import { EndGraces } from './end-graces.js';
import { ExpireKeys } from './expire-keys.js';
import { mailerOf } from './mailer.js';
import { ProveRevocations } from './prove-revocations.js';
import { RemindOwners } from './remind-owners.js';
import { Reconciler } from './reconciler.js';
import { SendNotification } from './send-notification.js';
import { VerifyProjections } from './verify-projections.js';

/** Starts the background work of this process. */
export function startWorker(core: Core): void {
  const { eventLog, readModels, installation, backends, log, closers, drift, projections } = core;
  const connection = connectRedisForQueues(backends.redisTarget);
  const workerConnection = connectRedisForQueues(backends.redisTarget);
  closers.add('queue connections', () =>
    [connection, workerConnection].forEach((redis) => redis.disconnect()),
  );
  const queue = { prefix: installation.redisKey('jobs'), connection, workerConnection, report: core.jobs };
  const expireKeys = new ExpireKeys(eventLog, readModels, queue, log);
  closers.add('expire-keys', () => expireKeys.close());
  const endGraces = new EndGraces(eventLog, core.membership, readModels, queue, log);
  closers.add('end-graces', () => endGraces.close());
  const remindOwners = new RemindOwners(eventLog, readModels, queue, log);
  closers.add('remind-owners', () => remindOwners.close());
  const discardSuccessors = new DiscardSuccessors(eventLog, readModels, log);
  const { logId } = installation;
  const agedBefore = () => usageWholeFrom(core.settings.usageKeptDays, Date.now());
  const models = { file: readModels.database.file, logId, log: eventLog, projections, agedBefore };
  const verifyProjections = new VerifyProjections(models, queue, drift, log);
  closers.add('verify-projections', () => verifyProjections.close());
  const proveRevocations = new ProveRevocations(eventLog, core.membership, readModels, log);
  const deliver = deliverNotifications(core, queue);
  const reconciler = new Reconciler(
    [
      proveRevocations, discardSuccessors, expireKeys, endGraces, remindOwners, verifyProjections, deliver,
    ], // prettier-ignore
    log,
  );
  reconciler.start();
  closers.add('reconciler', () => reconciler.stop());
}

function deliverNotifications(core: Core, queue: QueuePlace): DeliverNotifications {
  const { eventLog, readModels, settings, log, closers } = core;
  const mailer = mailerOf(settings);
  const requests = new Outgoing(settings.allowPrivateTargets);
  const send = new SendNotification(eventLog, readModels, subjectKeysAtFirstUse(core), requests, mailer);
  const deliver = new DeliverNotifications(eventLog, readModels, send, queue, log);
  closers.add('deliver-notifications', () => deliver.close());
  return deliver;
}
