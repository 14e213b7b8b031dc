import { v5 as uuidv5 } from 'uuid';
import type { EventLog } from '#libs/event-store';
import { JobQueue, type DesiredJob, type QueuePlace } from '#libs/jobs';
import { expireKey, keys } from '#libs/keys';
import { now, type Log } from '#libs/platform';
import { dueKeys, type ReadModels } from '#libs/read-models';

interface ExpireKeyJob {
  readonly id: string;
}

/** The scheduler in Redis looks for due keys this often. */
const SWEEP_EVERY_MS = 30_000;
/** Keys that end within this time get their job already, with a delay; one that is younger than a round waits for the next. */
const AHEAD_MS = 60_000;
/** Jobs added at once; what is beyond comes with the next round. */
const DUE_PAGE = 1_000;
/** Name space of the command ids of this job: a repeated job is the same command. */
const COMMANDS = '0b5c1d9e-5f0c-4c58-9d2f-1d3f6a5e8c11';

/** Records `KeyExpired` for keys whose time is over. The gate refuses them from that moment on by itself. */
export class ExpireKeys {
  private readonly queue: JobQueue<ExpireKeyJob>;

  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
    queue: QueuePlace,
    processLog: Log,
  ) {
    this.queue = new JobQueue<ExpireKeyJob>({
      ...queue,
      name: 'expire-keys',
      process: (job) => this.expire(job.id),
      sweep: () => this.queue.ensure(this.desired()),
      sweepEveryMs: SWEEP_EVERY_MS,
      onError: (error) =>
        processLog.warn({ queue: 'expire-keys', error: String(error) }, 'a job or its queue failed'),
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
  private desired(): DesiredJob<ExpireKeyJob>[] {
    const until = new Date(Date.now() + AHEAD_MS).toISOString();
    return dueKeys(this.readModels.database, until, DUE_PAGE).map(({ id, expiresAt }) => ({
      id: `expire.${id}.${Date.parse(expiresAt)}`,
      data: { id },
      runAt: Date.parse(expiresAt),
    }));
  }

  private async expire(id: string): Promise<void> {
    await this.log.transact(keys, id, expireKey(now()), {
      commandId: uuidv5(id, COMMANDS),
      actor: { type: 'system', id: 'expire-keys' },
      correlationId: `expire-keys.${id}`,
    });
  }
}
