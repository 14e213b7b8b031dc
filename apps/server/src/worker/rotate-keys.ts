import { v5 as uuidv5 } from 'uuid';
import { JobQueue, type DesiredJob, type QueuePlace } from '#libs/jobs';
import { endSchedule, keys } from '#libs/keys';
import { now, type Log } from '#libs/platform';
import { dueRotations, endedSchedules, ownersOf, type EndedSchedule } from '#libs/read-models';
import { AutomaticRotation, type RotationParts } from './automatic-rotation.js';

interface RotateJob {
  readonly id: string;
}

/** The scheduler in Redis looks for due rotations this often. */
const SWEEP_EVERY_MS = 30_000;
/** What is due within this time gets its job already, with a delay. */
const AHEAD_MS = 60_000;
/** Jobs added at once; what is beyond comes with the next round. */
const DUE_PAGE = 1_000;
/** Schedules whose end is recorded in one round. */
const ENDED_PAGE = 100;
/** Name space of the command ids of this job: a repeated job is the same command. */
const COMMANDS = '3f6c9b52-7d0e-4f7b-8a15-e2c4d9b0a671';

/** Rotates keys by their schedules, and destroys what opened the targets of schedules that ended with their key. */
export class RotateKeys {
  private readonly queue: JobQueue<RotateJob>;

  constructor(
    private readonly parts: RotationParts,
    queue: QueuePlace,
    processLog: Log,
  ) {
    const rotation = new AutomaticRotation(parts);
    this.queue = new JobQueue<RotateJob>({
      ...queue,
      name: 'rotate-keys',
      process: (job) => rotation.rotate(job.id),
      sweep: () => this.queue.ensure(this.desired()),
      sweepEveryMs: SWEEP_EVERY_MS,
      onError: (error) =>
        processLog.warn({ queue: 'rotate-keys', error: String(error) }, 'a job or its queue failed'),
    });
  }

  /** Puts back whatever Redis has lost. What ends with a key needs no queue: doing it twice does it once. */
  async reconcile(): Promise<void> {
    const { database } = this.parts.readModels;
    for (const ended of endedSchedules(database, ENDED_PAGE)) if (!ended.isShared) await this.forget(ended);
    await this.queue.reconcile(this.desired());
  }

  close(): Promise<void> {
    return this.queue.close();
  }

  /** A function of the read model alone. */
  private desired(): DesiredJob<RotateJob>[] {
    const until = new Date(Date.now() + AHEAD_MS).toISOString();
    return dueRotations(this.parts.readModels.database, until, DUE_PAGE).map(({ id, dueAt }) => ({
      id: `rotate.${id}.${Date.parse(dueAt)}`,
      data: { id },
      runAt: Date.parse(dueAt),
    }));
  }

  /** What opened the target first: a worker that dies here leaves the rest to the next round. */
  private async forget({ id, registry, schedule }: EndedSchedule): Promise<void> {
    const { log, subjectKeys, readModels } = this.parts;
    const { state } = await log.read(keys, id);
    if (state.status === 'none' || state.schedule?.schedule !== schedule) return;
    await (await subjectKeys()).erase(schedule);
    const owners = ownersOf(readModels.database, registry);
    await log.transact(keys, id, endSchedule({ at: now(), schedule }, owners), {
      commandId: uuidv5(`${id} ${schedule}`, COMMANDS),
      actor: { type: 'system', id: 'rotate-keys' },
      correlationId: `rotate-keys.${id}`,
    });
  }
}
