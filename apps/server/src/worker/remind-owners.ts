import { v5 as uuidv5 } from 'uuid';
import type { EventLog } from '#libs/event-store';
import { JobQueue, type DesiredJob, type JobQueueOptions } from '#libs/jobs';
import { keys, remindKey } from '#libs/keys';
import { now, type Log } from '#libs/platform';
import { dueReminders, findRegistry, ownersOf, type ReadModels } from '#libs/read-models';

interface RemindJob {
  readonly id: string;
  readonly registry: string;
  readonly dueAt: string;
}

/** The scheduler in Redis looks for due reminders this often. */
const SWEEP_EVERY_MS = 30_000;
/** Reminders that come within this time get their job already, with a delay. */
const AHEAD_MS = 60_000;
/** Jobs added at once; what is beyond comes with the next round. */
const DUE_PAGE = 1_000;
/** Name space of the command ids of this job: a repeated job is the same command. */
const COMMANDS = '2f9a7d34-1c5e-4b06-a1d8-7e60c3b92f15';

/**
 * Records that people are reminded of a key's expiry, or of the date by which it should be rotated: its creator and the owners
 * of its registry. What is recorded here is sent elsewhere, by whoever follows the facts.
 */
export class RemindOwners {
  private readonly queue: JobQueue<RemindJob>;

  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
    queue: Pick<JobQueueOptions<RemindJob>, 'prefix' | 'connection' | 'workerConnection'>,
    processLog: Log,
  ) {
    this.queue = new JobQueue<RemindJob>({
      ...queue,
      name: 'remind-owners',
      process: (job) => this.remind(job),
      sweep: () => this.queue.ensure(this.desired()),
      sweepEveryMs: SWEEP_EVERY_MS,
      onError: (error) =>
        processLog.warn({ queue: 'remind-owners', error: String(error) }, 'a job or its queue failed'),
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
  private desired(): DesiredJob<RemindJob>[] {
    const until = new Date(Date.now() + AHEAD_MS).toISOString();
    return dueReminders(this.readModels.database, until, DUE_PAGE).map((row) => ({
      id: `remind.${row.id}.${Date.parse(row.dueAt)}`,
      data: row,
      runAt: Date.parse(row.dueAt),
    }));
  }

  /** By the policy and the owners of now: what was due when the job was made may be due no more. */
  private async remind({ id, registry, dueAt }: RemindJob): Promise<void> {
    const { database } = this.readModels;
    const policy = findRegistry(database, registry)?.policy;
    if (!policy) return;
    const owners = ownersOf(database, registry);
    await this.log.transact(keys, id, (state) => remindKey(now(), policy, owners)(state), {
      commandId: uuidv5(`${id} ${dueAt}`, COMMANDS),
      actor: { type: 'system', id: 'remind-owners' },
      correlationId: `remind-owners.${id}`,
    });
  }
}
