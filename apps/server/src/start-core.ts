import type { FastifyInstance } from 'fastify';
import { AccessModel } from '#libs/access';
import { catalogue } from '#libs/catalogue';
import { EventLog, LaterRelease, readHead, startLog } from '#libs/event-store';
import { JobReport } from '#libs/jobs';
import {
  Closers,
  Metrics,
  mintUuid,
  now,
  randomBase62,
  type Log,
  type Role,
  type Settings,
} from '#libs/platform';
import { ReadModels, ReplayDisplay, type Projection } from '#libs/read-models';
import { IdentityFeed } from './api/identity/identity-feed.js';
import { eventLogChecks } from './event-log-checks.js';
import { Installation } from './installation.js';
import { Membership } from './membership/membership.js';
import { modelsOf } from './models-of-roles.js';
import { ProcessMemory } from './process-memory.js';
import { mountOperations, type Check } from './operations.js';
import { startBackends, type Backends } from './start-backends.js';
import { DriftReport } from './worker/verify-projections.js';

/** What every role of this process stands on. */
export interface Core {
  readonly settings: Settings;
  readonly log: Log;
  readonly closers: Closers;
  readonly metrics: Metrics;
  readonly backends: Backends;
  readonly eventLog: EventLog;
  readonly installation: Installation;
  readonly readModels: ReadModels;
  readonly projections: readonly Projection[];
  readonly membership: Membership;
  /** What the gate decides from; filled only in a process with that role. */
  readonly access: AccessModel;
  /** Users, tokens and roles; only in a process with the API role. */
  readonly identity: IdentityFeed | undefined;
  readonly drift: DriftReport;
  readonly jobs: JobReport;
  readonly runs: (role: Role) => boolean;
  /** The first thing that keeps this process from taking work, `except` for one check; undefined when nothing does. */
  readonly obstacle: (except?: string) => string | undefined;
  /** Mounts `/livez`, `/readyz`, `/metrics` and `/v1/status`. */
  readonly operations: (fastify: FastifyInstance) => void;
  /**
   * Applies the log to its end and follows it. False when it holds a fact that this release must not do without. `prepare` runs
   * before this process is a member, and so before anything is served.
   */
  readonly follow: (prepare: () => Promise<void>) => Promise<boolean>;
}

/** Opens backends, log and read models; nothing is served yet. */
export async function startCore(
  settings: Settings,
  log: Log,
  closers: Closers,
  { isTerminal }: { isTerminal: boolean },
): Promise<Core> {
  const runs = (role: Role): boolean => settings.roles.includes(role);
  const metrics = new Metrics();
  const backends = await startBackends(settings, log, closers);
  const eventLog = new EventLog(backends.eventStoreUrl, catalogue);
  closers.add('event log', () => eventLog.close());
  const installation = await identifyLog(eventLog);
  const access = new AccessModel({ registryDomain: settings.registryDomain });
  const membership = new Membership({
    settings, eventLog, installation, redisTarget: backends.redisTarget, log, metrics,
  }); // prettier-ignore
  closers.add('membership', () => membership.close());
  const identity = runs('api') ? new IdentityFeed(eventLog) : undefined;
  const memory = new ProcessMemory(runs('gate') ? access : undefined, identity, membership);
  const progress = buildProgress(isTerminal, log);
  const { file, projections } = modelsOf(settings);
  const readModels = await ReadModels.open({
    file,
    logId: installation.logId,
    log: eventLog,
    projections,
    watched: memory.watched,
    head: () => readHead(backends.eventStoreUrl),
    onProgress: progress.show,
    load: (database, position) => memory.load(database, position),
    onEvents: (events) => memory.apply(events),
    onFailure: (error) =>
      error instanceof LaterRelease
        ? stopServing(error, membership, log)
        : backends.fail('read models', error),
    onInterrupted: (error) =>
      log.warn({ error: String(error) }, 'the subscription was interrupted; it resumes by itself'),
  });
  closers.add('read models', () => readModels.close());
  const drift = new DriftReport(metrics);
  const jobs = measuredJobs(metrics);
  const checks = checksOf(eventLog, readModels, backends, membership);
  const status = () => ({
    ...statusOf(eventLog, readModels, drift),
    ...membership.status(),
    jobs: jobs.status(),
  });
  return {
    settings, log, closers, metrics, backends, eventLog, installation, readModels, projections, membership, access, identity, drift, jobs, runs,
    obstacle: (except) => obstacleOf(checks, except),
    operations: (fastify) =>
      mountOperations(fastify, { checks, metrics, metricsToken: settings.metricsToken, status }),
    follow: (prepare) =>
      follows(readModels, membership, log, async () => {
        await prepare();
        await identity?.fill();
      }).finally(() => progress.end()),
  }; // prettier-ignore
}

function measuredJobs(metrics: Metrics): JobReport {
  const jobs = new JobReport();
  const [waiting, failed, dead] = ['waiting', 'failed', 'dead'].map((name) => `dockreg_jobs_${name}`);
  metrics.gauges(waiting!, 'Jobs that wait for their time or a worker.', 'queue', () => jobs.of('waiting'));
  metrics.gauges(failed!, 'Attempts that failed since the start.', 'queue', () => jobs.failedAttempts());
  metrics.gauges(dead!, 'Jobs that failed in all their attempts.', 'queue', () => jobs.of('dead'));
  return jobs;
}

async function identifyLog(eventLog: EventLog): Promise<Installation> {
  const context = {
    commandId: mintUuid(),
    actor: { type: 'system', id: 'bootstrap' } as const,
    correlationId: 'bootstrap',
  };
  return new Installation(await startLog(eventLog, randomBase62(16), now(), context));
}

/** A long replay of the log is shown where the operator looks: over one line of the terminal, or in the log. */
function buildProgress(isTerminal: boolean, log: Log): ReplayDisplay {
  return new ReplayDisplay('Building the read models', {
    isTerminal,
    write: (text) => process.stderr.write(text),
    line: (text) => log.info(text),
  });
}

/** False when the log holds a fact that this release must not do without: the process stays up, to say so at `/readyz`. */
async function follows(
  readModels: ReadModels,
  membership: Membership,
  log: Log,
  prepare: () => Promise<void>,
): Promise<boolean> {
  try {
    await readModels.follow();
    await prepare();
    await membership.start(readModels.position);
    return true;
  } catch (error) {
    if (!(error instanceof LaterRelease)) throw error;
    stopServing(error, membership, log);
    return false;
  }
}

/** The check `events` is red from now on (event-log-checks.ts), and the checkpoint stays before that fact. */
function stopServing(obstacle: LaterRelease, membership: Membership, log: Log): void {
  log.fatal({ error: obstacle.message }, 'this node serves nothing until it is upgraded');
  // The lease ends by itself when the log cannot be told.
  membership.resign().catch(() => undefined);
}

function checksOf(
  eventLog: EventLog,
  readModels: ReadModels,
  backends: Backends,
  membership: Membership,
): Check[] {
  return [
    ...eventLogChecks(eventLog),
    {
      name: 'read-models',
      required: true,
      problem: () => (readModels.isCaughtUp ? undefined : 'has not caught up with the log yet'),
    },
    { name: 'lease', required: true, problem: () => membership.problem() },
    {
      name: 'redis',
      required: false,
      problem: () =>
        backends.redis.status === 'ready' ? undefined : `connection is ${backends.redis.status}`,
    },
  ];
}

function statusOf(eventLog: EventLog, readModels: ReadModels, drift: DriftReport): object {
  const position = readModels.position?.toString() ?? null;
  const checkpoint = readModels.checkpoint?.toString() ?? null;
  return { position, checkpoint, eventStore: eventLog.health(), verification: drift.status };
}

function obstacleOf(checks: readonly Check[], except?: string): string | undefined {
  for (const { name, required, problem } of checks) {
    const text = required && name !== except ? problem() : undefined;
    if (text !== undefined) return `${name}: ${text}`;
  }
  return undefined;
}
