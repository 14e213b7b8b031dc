import type { Closers, Log, Settings } from '#libs/platform';
import { bootstrapRegistry } from './bootstrap-registry.js';
import { startApiRole, type StartedApi } from './start-api.js';
import { startCore, type Core } from './start-core.js';
import { startGateRole } from './start-gate-role.js';
import { startOperations } from './start-operations.js';
import { forgetOldUsage } from './usage/forget-usage.js';
import { startUsage } from './usage/start-usage.js';
import { startWorker } from './worker/start-worker.js';

export interface RunningServer {
  readonly api: StartedApi | undefined;
  readonly gate: { readonly url: string; readonly port: number } | undefined;
  /** Where a process with neither answers `/livez` and `/metrics`. */
  readonly operationsUrl: string | undefined;
  /** Why it takes no work; undefined when it does. */
  readonly obstacle: () => string | undefined;
  /** Resolves when a part fails that the server cannot do without. */
  readonly failed: Promise<Error>;
}

/**
 * Starts the roles of this process, in the order in which parts need each other. Every port answers `/livez` and `/readyz`
 * before the read model has caught up; until then the gate says 503. Resolves when the server is ready.
 */
export async function startServer(
  settings: Settings,
  log: Log,
  closers: Closers,
  options: { isTerminal: boolean },
): Promise<RunningServer> {
  const core = await startCore(settings, log, closers, options);
  const { runs } = core;
  const usage = runs('api') || runs('gate') ? await startUsage(core) : undefined;
  const api = usage && runs('api') ? await startApiRole(core, usage, options) : undefined;
  const gate = usage && runs('gate') ? await startGateRole(core, usage) : undefined;
  if (gate && api) api.gateAddress.port = gate.port;
  const operationsUrl = api || gate ? undefined : await startOperations(core);
  if (await core.follow(async () => api?.prepare())) {
    if (runs('api')) await createFirstRegistry(core);
    void api?.complete();
    forgetOldUsage(core);
    if (runs('worker')) startWorker(core);
  }
  return { api, gate, operationsUrl, obstacle: core.obstacle, failed: core.backends.failed };
}

/** The read model needs milliseconds for the few events of the first registry. */
const BOOTSTRAP_WAIT_MS = 10_000;

async function createFirstRegistry({ eventLog, settings, readModels }: Core): Promise<void> {
  await readModels.waitFor(await bootstrapRegistry(eventLog, settings), BOOTSTRAP_WAIT_MS);
}
