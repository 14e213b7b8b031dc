import type { CommittedEvent, LogWriter } from './log-writer.js';
import { Status } from './responses.js';
import { RecordDamaged, WriteFailed } from './storage.js';

/** Why the store does not take a write; `code` is a gRPC status. */
export interface Unavailable {
  readonly kind: 'unavailable';
  readonly code: number;
  readonly message: string;
}

interface Job<Outcome> {
  readonly work: (log: LogWriter) => Outcome;
  /** Small and critical: it is stored in the reserve of a full disk. */
  readonly critical: boolean;
  readonly bytes: number;
  readonly answer: (outcome: Outcome | Unavailable) => void;
}

/** Data of one transaction: several appends of the largest size; keeps the write-ahead log near its 4 MiB. */
const COMMIT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Group commit: everything submitted in one turn of the event loop becomes one transaction with one fsync; then the
 * committed events are published and the answers sent. Jobs are done in the order of their submission.
 */
export class CommitQueue {
  private jobs: Job<unknown>[] = [];
  private scheduled = false;

  constructor(
    private readonly log: LogWriter,
    private readonly publish: (events: readonly CommittedEvent[]) => void,
    private readonly onWriteFailed: (error: WriteFailed) => void,
  ) {}

  submit<Outcome>(job: Job<Outcome>): void {
    this.jobs.push(job as Job<unknown>);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  /** Commits all that is waiting. */
  flush(): void {
    while (this.jobs.length > 0) this.commit(this.takeGroup());
  }

  private takeGroup(): Job<unknown>[] {
    let bytes = 0;
    let count = 0;
    while (count < this.jobs.length && bytes < COMMIT_BYTES_MAX) bytes += this.jobs[count++]!.bytes;
    return this.jobs.splice(0, count);
  }

  private commit(group: Job<unknown>[]): void {
    const accepted = this.log.storage.writeState === 'full' ? this.refuseUncritical(group) : group;
    if (accepted.length === 0) return;
    let outcomes: unknown[];
    try {
      this.log.begin();
      outcomes = this.log.storage.transaction(() => accepted.map((job) => this.perform(job)));
    } catch (error) {
      this.recover(accepted, error);
      return;
    }
    this.publish(this.log.committed);
    accepted.forEach((job, index) => job.answer(outcomes[index]));
  }

  /** A damaged record that a job stumbles over stops that job; when it has already written, everything. */
  private perform(job: Job<unknown>): unknown {
    const written = this.log.committed.length;
    try {
      return job.work(this.log);
    } catch (error) {
      if (!(error instanceof RecordDamaged) || this.log.committed.length > written) throw error;
      return unavailable(error);
    }
  }

  /** Nothing of the group is on the disk. What is critical gets a second try in the room that the reserve gave free. */
  private recover(group: Job<unknown>[], error: unknown): void {
    this.log.rolledBack();
    if (error instanceof WriteFailed) this.onWriteFailed(error);
    if (error instanceof WriteFailed && error.full && group.some((job) => !job.critical)) {
      this.commit(this.refuseUncritical(group));
      return;
    }
    for (const job of group) job.answer(unavailable(error));
  }

  private refuseUncritical(group: Job<unknown>[]): Job<unknown>[] {
    for (const job of group) if (!job.critical) job.answer(unavailable(new WriteFailed(true, undefined)));
    return group.filter((job) => job.critical);
  }
}

function unavailable(error: unknown): Unavailable {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RecordDamaged) return { kind: 'unavailable', code: Status.DATA_LOSS, message };
  if (error instanceof WriteFailed && error.full)
    return { kind: 'unavailable', code: Status.RESOURCE_EXHAUSTED, message };
  return { kind: 'unavailable', code: Status.UNAVAILABLE, message };
}
