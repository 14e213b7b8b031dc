import { LaterRelease } from '#libs/event-store';
import type { QueuePlace } from '#libs/jobs';
import { Outgoing } from '#libs/outgoing';
import { alertStateFile, usageWholeFrom } from '#libs/read-models';
import { connectRedisForQueues } from '#libs/redis';
import { subjectKeysAtFirstUse } from '../open-subject-keys.js';
import type { Core } from '../start-core.js';
import { DeliverNotifications } from './deliver-notifications.js';
import { DigestAlerts } from './digest-alerts.js';
import { DiscardSuccessors } from './discard-successors.js';
import { EndGraces } from './end-graces.js';
import { ExpireKeys } from './expire-keys.js';
import { mailerOf } from './mailer.js';
import { ProveRevocations } from './prove-revocations.js';
import { RaiseAlerts } from './raise-alerts.js';
import { ReleaseReservations } from './release-reservations.js';
import { RemindOwners } from './remind-owners.js';
import { Reconciler } from './reconciler.js';
import { RotateKeys } from './rotate-keys.js';
import { SendNotification } from './send-notification.js';
import { DeliverSecret, REQUEST_TIMEOUT_MS } from './targets/deliver-secret.js';
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
  const rotateKeys = rotateKeysOf(core, queue);
  const discardSuccessors = new DiscardSuccessors(eventLog, readModels, log);
  const releaseReservations = new ReleaseReservations(eventLog, readModels, log);
  const { logId } = installation;
  const agedBefore = () => usageWholeFrom(core.settings.usageKeptDays, Date.now());
  const models = { file: readModels.database.file, logId, log: eventLog, projections, agedBefore };
  const verifyProjections = new VerifyProjections(models, queue, drift, log);
  closers.add('verify-projections', () => verifyProjections.close());
  const proveRevocations = new ProveRevocations(eventLog, core.membership, readModels, log);
  const deliver = deliverNotifications(core, queue);
  const digestAlerts = new DigestAlerts(eventLog, readModels);
  raiseAlerts(core);
  const reconciler = new Reconciler(
    [
      proveRevocations, discardSuccessors, releaseReservations, expireKeys, endGraces, remindOwners, rotateKeys, verifyProjections,
      digestAlerts,
      deliver,
    ], // prettier-ignore
    log,
  );
  reconciler.start();
  closers.add('reconciler', () => reconciler.stop());
}

function rotateKeysOf(core: Core, queue: QueuePlace): RotateKeys {
  const { eventLog, readModels, membership, settings, log, closers } = core;
  const requests = new Outgoing(settings.allowPrivateTargets, { timeoutMs: REQUEST_TIMEOUT_MS });
  const deliver = new DeliverSecret(requests, settings.rotationFilesDir);
  const subjectKeys = subjectKeysAtFirstUse(core);
  const rotateKeys = new RotateKeys(
    { log: eventLog, readModels, membership, subjectKeys, deliver },
    queue,
    log,
  );
  closers.add('rotate-keys', () => rotateKeys.close());
  return rotateKeys;
}

/** It opens its state beside; a process that cannot raise alerts any more ends, and another start goes on. */
function raiseAlerts({
  eventLog: log,
  readModels,
  installation,
  settings,
  backends,
  closers,
  ...core
}: Core) {
  const { logId } = installation;
  const onFailure = (error: unknown): void => {
    // The read models have met the same fact, and say so.
    if (!(error instanceof LaterRelease)) backends.fail('alerts', error);
  };
  const stateFile = alertStateFile(settings.dataDir);
  const started = RaiseAlerts.start({ log, readModels, stateFile, logId, processLog: core.log, onFailure });
  let running: RaiseAlerts | undefined;
  started.then((alerts) => (running = alerts), onFailure);
  core.metrics.gauge(
    'dockreg_alerts_told',
    'Alerts and repeats that were recorded since the start',
    () => running?.raised ?? 0,
  );
  core.metrics.gauge(
    'dockreg_alerts_waiting',
    'Findings of the rules that wait for the event store',
    () => running?.waiting ?? 0,
  );
  closers.add('raise-alerts', async () => (await started.catch(() => undefined))?.close());
}

function deliverNotifications(core: Core, queue: QueuePlace): DeliverNotifications {
  const { eventLog, readModels, settings, log, closers } = core;
  const mailer = mailerOf(settings);
  const requests = new Outgoing(settings.allowPrivateTargets);
  const send = new SendNotification(
    eventLog, readModels, subjectKeysAtFirstUse(core), requests, mailer, settings.publicUrl,
  ); // prettier-ignore
  const deliver = new DeliverNotifications(eventLog, readModels, send, queue, log);
  closers.add('deliver-notifications', () => deliver.close());
  return deliver;
}
