import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { AccessModel } from '#libs/access';
import { catalogue } from '#libs/catalogue';
import { EventLog, LaterRelease, readHead, startLog } from '#libs/event-store';
import { Closers, LOG, Metrics, mintUuid, now, randomBase62, Settings, type Log } from '#libs/platform';
import { ReadModels, ReplayDisplay, SERVER_PROJECTIONS, serverModelFile } from '#libs/read-models';
import { Redis } from '#libs/redis';
import { loadAccess } from './access-view.js';
import { apiAdapter, configureApi } from './api/http/configure-api.js';
import {
  Administrator,
  prepareAdministrator,
  type PreparedAdministrator,
} from './api/identity/administrator.js';
import { bootstrapRegistry } from './bootstrap-registry.js';
import { eventLogChecks } from './event-log-checks.js';
import { GateAddress } from './gate-address.js';
import { startGate } from './gate/gate.js';
import { Installation } from './installation.js';
import { mountOperations, type Check } from './operations.js';
import { startBackends, type Backends } from './start-backends.js';
import { ServerModule } from './server.module.js';
import { startWorker } from './worker/start-worker.js';
import { DriftReport } from './worker/verify-projections.js';

export interface RunningServer {
  readonly apiUrl: string;
  readonly gateUrl: string;
  /** Port of the gate, for the `docker login` line. */
  readonly gatePort: number;
  readonly administrator: PreparedAdministrator;
  /** Why it takes no work; undefined when it does. */
  readonly obstacle: () => string | undefined;
  /** Resolves when a part fails that the server cannot do without. */
  readonly failed: Promise<Error>;
}

/**
 * Starts everything in this process, in the order in which parts need each other. Both ports answer `/livez` and `/readyz`
 * before the read model has caught up; until then the gate says 503. Resolves when the server is ready.
 */
export async function startServer(
  settings: Settings,
  log: Log,
  closers: Closers,
  options: { isTerminal: boolean },
): Promise<RunningServer> {
  const metrics = new Metrics();
  const backends = await startBackends(settings, log, closers);
  const eventLog = new EventLog(backends.eventStoreUrl, catalogue);
  closers.add('event log', () => eventLog.close());
  const installation = await identifyLog(eventLog);
  const administrator = await prepareAdministrator(settings, installation, options);
  const access = new AccessModel({ registryDomain: settings.registryDomain });
  const progress = buildProgress(options.isTerminal, log);
  const readModels = await openReadModels(settings, eventLog, installation, access, backends, log, progress);
  closers.add('read models', () => readModels.close());

  const drift = new DriftReport(metrics);
  const checks = checksOf(eventLog, readModels, backends);
  const status = (): object => statusOf(eventLog, readModels, drift);
  const operations = (fastify: FastifyInstance): void =>
    mountOperations(fastify, { checks, metrics, metricsToken: settings.metricsToken, status });
  const gateAddress = new GateAddress();
  const api = await startApi(
    [
      value(Settings, settings), value(Installation, installation), value(EventLog, eventLog),
      value(ReadModels, readModels), value(Redis, backends.redis), value(GateAddress, gateAddress),
      value(Administrator, administrator.administrator), { provide: LOG, useValue: log },
    ], // prettier-ignore
    settings,
    log,
    operations,
  );
  closers.add('management API', () => api.close());
  const gate = await startGate({
    host: settings.gateHost,
    port: settings.gatePort,
    access,
    upstream: backends.upstream,
    ready: () => obstacleOf(checks) ?? true,
    now: () => Date.now(),
    log,
    metrics: gateMetrics(metrics),
    operations,
  });
  closers.add('gate', () => gate.close(), GATE_CLOSE_WITHIN_MS);
  gateAddress.port = gate.port;
  if (await follows(readModels, log).finally(() => progress.end())) {
    await readModels.waitFor(await bootstrapRegistry(eventLog, settings), BOOTSTRAP_WAIT_MS);
    startWorker({ eventLog, readModels, installation, backends, log, closers, drift });
  }
  return {
    apiUrl: await api.getUrl(),
    gateUrl: `http://${gate.address}:${gate.port}`,
    gatePort: gate.port,
    administrator,
    obstacle: () => obstacleOf(checks),
    failed: backends.failed,
  };
}

/** Transfers under way may end first: the gate itself cuts them after 5 s. */
const GATE_CLOSE_WITHIN_MS = 6_000;
/** The read model needs milliseconds for the two events of the first registry. */
const BOOTSTRAP_WAIT_MS = 10_000;

async function identifyLog(eventLog: EventLog): Promise<Installation> {
  const context = {
    commandId: mintUuid(),
    actor: { type: 'system', id: 'bootstrap' } as const,
    correlationId: 'bootstrap',
  };
  return new Installation(await startLog(eventLog, randomBase62(16), now(), context));
}

function openReadModels(
  settings: Settings,
  eventLog: EventLog,
  installation: Installation,
  access: AccessModel,
  backends: Backends,
  log: Log,
  progress: ReplayDisplay,
): Promise<ReadModels> {
  return ReadModels.open({
    file: serverModelFile(settings.dataDir),
    logId: installation.logId,
    log: eventLog,
    projections: SERVER_PROJECTIONS,
    head: () => readHead(backends.eventStoreUrl),
    onProgress: progress.show,
    load: (database, position) => loadAccess(access, database, position),
    onEvents: (events) => events.forEach((event) => access.apply(event)),
    onFailure: (error) =>
      error instanceof LaterRelease ? stopServing(error, log) : backends.fail('read models', error),
    onInterrupted: (error) =>
      log.warn({ error: String(error) }, 'the subscription was interrupted; it resumes by itself'),
  });
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
async function follows(readModels: ReadModels, log: Log): Promise<boolean> {
  try {
    await readModels.follow();
    return true;
  } catch (error) {
    if (!(error instanceof LaterRelease)) throw error;
    stopServing(error, log);
    return false;
  }
}

/** The check `events` is red from now on (event-log-checks.ts), and the checkpoint stays before that fact. */
function stopServing(obstacle: LaterRelease, log: Log): void {
  log.fatal({ error: obstacle.message }, 'this node serves nothing until it is upgraded');
}

async function startApi(
  parts: Parameters<typeof ServerModule.on>[0],
  settings: Settings,
  log: Log,
  operations: (fastify: FastifyInstance) => void,
): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(ServerModule.on(parts), apiAdapter(), {
    bodyParser: false,
    logger: false,
    abortOnError: false,
  });
  await configureApi(app, log);
  operations(app.getHttpAdapter().getInstance());
  await app.listen(settings.apiPort, settings.apiHost);
  return app;
}

/** A started part, injected by its class (whose constructor may be private). */
function value(provide: { readonly prototype: object }, useValue: unknown) {
  return { provide: provide as Type, useValue };
}

function checksOf(eventLog: EventLog, readModels: ReadModels, backends: Backends): Check[] {
  return [
    ...eventLogChecks(eventLog),
    {
      name: 'read-models',
      required: true,
      problem: () => (readModels.isCaughtUp ? undefined : 'has not caught up with the log yet'),
    },
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
  return { position, eventStore: eventLog.health(), verification: drift.status };
}

/** The first thing that keeps the server from taking work. */
function obstacleOf(checks: readonly Check[]): string | undefined {
  for (const { name, required, problem } of checks) {
    const text = required ? problem() : undefined;
    if (text !== undefined) return `${name}: ${text}`;
  }
  return undefined;
}

function gateMetrics(metrics: Metrics) {
  const decisions = metrics.counter('dockreg_gate_decisions_total', 'Requests at the gate by verdict', [
    'verdict',
  ]);
  return { decided: (verdict: string) => decisions.inc({ verdict }) };
}
