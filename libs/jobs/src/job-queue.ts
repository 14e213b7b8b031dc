import { Queue, Worker, type ConnectionOptions, type Job } from 'bullmq';
import type { JobReport } from './job-report.js';

/** A job that should exist. `id` is a function of what it is for, so that adding it twice adds it once. */
export interface DesiredJob<Data> {
  /** Parts joined by `.`: BullMQ refuses most ids with `:`. */
  readonly id: string;
  readonly data: Data;
  /** Unix milliseconds; the past means now. */
  readonly runAt: number;
}

export interface JobQueueOptions<Data> {
  readonly name: string;
  /** Begins every Redis key of the queue. */
  readonly prefix: string;
  /** Connections that never give up a command (`maxRetriesPerRequest: null`); the worker blocks on its own. */
  readonly connection: ConnectionOptions;
  readonly workerConnection: ConnectionOptions;
  /** Runs one job. Running it twice must do nothing twice. */
  readonly process: (data: Data) => Promise<void>;
  /** Runs every `sweepEveryMs` by a scheduler that Redis keeps. */
  readonly sweep: () => Promise<void>;
  readonly sweepEveryMs: number;
  /** Jobs that one worker runs at the same time; without it CONCURRENCY. */
  readonly concurrency?: number;
  readonly onError: (error: unknown) => void;
  /** Is told how the queue stands after each reconciliation. */
  readonly report?: JobReport;
}

/** Where a queue stands; what all queues of a process share. */
export type QueuePlace = Pick<
  JobQueueOptions<unknown>,
  'prefix' | 'connection' | 'workerConnection' | 'report'
>;

const ATTEMPTS = 5;
const FIRST_RETRY_AFTER_MS = 1_000;
const CONCURRENCY = 8;
/** Failed jobs looked at in one reconciliation; more than that is an outage, and the next round takes the rest. */
const FAILED_PAGE = 1_000;
const SWEEP = 'sweep';

/**
 * A BullMQ queue whose jobs can all be made again: what is desired is a function of the read model, so Redis may lose
 * everything. Nothing on a request's way may await it: with Redis down, adding a job waits for ever.
 */
export class JobQueue<Data> {
  private readonly queue: Queue;
  private readonly worker: Worker;

  constructor(private readonly options: JobQueueOptions<Data>) {
    const { name, prefix, connection, workerConnection } = options;
    this.queue = new Queue(name, { prefix, connection });
    this.worker = new Worker(name, (job) => this.run(job), {
      prefix,
      connection: workerConnection,
      concurrency: options.concurrency ?? CONCURRENCY,
    });
    this.queue.on('error', options.onError);
    this.worker.on('error', options.onError);
    this.worker.on('failed', (_job, error) => {
      options.report?.failed(name);
      options.onError(error);
    });
  }

  /** Makes sure that the scheduler and these jobs exist; a failed job of the same id is tried again. */
  async reconcile(desired: readonly DesiredJob<Data>[]): Promise<void> {
    await this.queue.upsertJobScheduler(
      SWEEP,
      { every: this.options.sweepEveryMs },
      { name: SWEEP, opts: { removeOnComplete: true, removeOnFail: true } },
    );
    await this.ensure(desired);
    await this.count();
  }

  /** Adds what is missing. */
  async ensure(desired: readonly DesiredJob<Data>[]): Promise<void> {
    if (desired.length === 0) return;
    const ids = new Set(desired.map((job) => job.id));
    for (const job of await this.queue.getFailed(0, FAILED_PAGE)) {
      if (job.id !== undefined && ids.has(job.id)) await job.remove();
    }
    const now = Date.now();
    await this.queue.addBulk(
      desired.map(({ id, data, runAt }) => ({
        name: this.options.name,
        data,
        opts: {
          jobId: id,
          delay: Math.max(0, runAt - now),
          attempts: ATTEMPTS,
          backoff: { type: 'exponential', delay: FIRST_RETRY_AFTER_MS },
          removeOnComplete: true,
        },
      })),
    );
  }

  /** Waits for the jobs that run; what they leave is done by the next worker. */
  async close(): Promise<void> {
    await this.worker.close();
    await this.queue.close();
  }

  private async count(): Promise<void> {
    const { report, name } = this.options;
    if (!report) return;
    const counts = await this.queue.getJobCounts('waiting', 'delayed', 'active', 'failed');
    const { waiting = 0, delayed = 0, active = 0, failed: dead = 0 } = counts;
    report.counted(name, { waiting: waiting + delayed, active, dead });
  }

  private run(job: Job): Promise<void> {
    return job.name === SWEEP ? this.options.sweep() : this.options.process(job.data as Data);
  }
}
