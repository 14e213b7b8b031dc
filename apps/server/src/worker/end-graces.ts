import { v5 as uuidv5 } from 'uuid';
import type { EventLog } from '#libs/event-store';
import { JobQueue, type DesiredJob, type JobQueueOptions } from '#libs/jobs';
import { endGrace, keys } from '#libs/keys';
import { now, type Log } from '#libs/platform';
import { endedGraces, findRegistry, type ReadModels } from '#libs/read-models';
import type { Membership } from '../membership/membership.js';
import { ProveRevocation } from '../membership/prove-revocation.js';

interface EndGraceJob {
  readonly id: string;
}

/** The scheduler in Redis looks for graces that are over this often. */
const SWEEP_EVERY_MS = 30_000;
/** Graces that end within this time get their job already, with a delay. */
const AHEAD_MS = 60_000;
/** Jobs added at once; what is beyond comes with the next round. */
const DUE_PAGE = 1_000;
/** Name space of the command ids of this job: a repeated job is the same command. */
const COMMANDS = '6d0f2c1b-7a3e-4f58-8c96-21b7e4d9a5f3';

/**
 * Records `KeyRevoked` (cause `rotated`) for rotated keys whose grace is over, and proves it. The gate refuses them from that
 * moment on by itself.
 */
export class EndGraces {
  private readonly queue: JobQueue<EndGraceJob>;
  private readonly proveRevocation: ProveRevocation;

  constructor(
    private readonly log: EventLog,
    membership: Membership,
    private readonly readModels: ReadModels,
    queue: Pick<JobQueueOptions<EndGraceJob>, 'prefix' | 'connection' | 'workerConnection'>,
    processLog: Log,
  ) {
    this.proveRevocation = new ProveRevocation(log, membership);
    this.queue = new JobQueue<EndGraceJob>({
      ...queue,
      name: 'end-graces',
      process: (job) => this.end(job.id),
      sweep: () => this.queue.ensure(this.desired()),
      sweepEveryMs: SWEEP_EVERY_MS,
      onError: (error) =>
        processLog.warn({ queue: 'end-graces', error: String(error) }, 'a job or its queue failed'),
    });
  }

  /** Puts back whatever Redis has lost. */
  reconcile(): Promise<void> {
    return this.queue.reconcile(this.desired());
  }

  close(): Promise<void> {
    return this.queue.close();
  }

  /** A function of the read model alone. */
  private desired(): DesiredJob<EndGraceJob>[] {
    const until = new Date(Date.now() + AHEAD_MS).toISOString();
    return endedGraces(this.readModels.database, until, DUE_PAGE).map(({ id, graceEndsAt }) => ({
      id: `grace.${id}.${Date.parse(graceEndsAt)}`,
      data: { id },
      runAt: Date.parse(graceEndsAt),
    }));
  }

  private async end(id: string): Promise<void> {
    const context = {
      commandId: uuidv5(id, COMMANDS),
      actor: { type: 'system', id: 'end-graces' } as const,
      correlationId: `end-graces.${id}`,
    };
    const { state, facts, position } = await this.log.transact(keys, id, endGrace(now()), context);
    // Whoever revoked it otherwise proves it; a worker that dies here leaves that to prove-revocations.
    if (facts.length === 0 || state.status === 'none') return;
    const { registry } = state.generated;
    const serveReadsFor = findRegistry(this.readModels.database, registry)?.serveReadsFor ?? null;
    await this.proveRevocation.of({ id, registry, serveReadsFor }, context, position);
  }
}
