import { v5 as uuidv5 } from 'uuid';
import type { CommandContext, EventLog } from '#libs/event-store';
import { JobQueue, type DesiredJob, type QueuePlace } from '#libs/jobs';
import { deliveries, nextAttempt, recordAttempt, type DeliveryFact } from '#libs/notifications';
import { now, type Log } from '#libs/platform';
import { dueDeliveries, findDelivery, type DeliveryRow, type ReadModels } from '#libs/read-models';
import { disableGoneChannel, registries } from '#libs/registries';
import type { Attempt } from './attempt.js';
import type { SendNotification } from './send-notification.js';

interface DeliverJob {
  readonly id: string;
}

/** The scheduler in Redis looks for due deliveries this often; the watch below finds new ones much sooner. */
const SWEEP_EVERY_MS = 30_000;
/** A fact is told of within about a second: the watch asks the tables this often, and Redis only for what is new. */
const WATCH_EVERY_MS = 500;
/** What is due within this time gets its job already, with a delay. */
const AHEAD_MS = 30_000;
/** Jobs added at once; what is beyond comes with the next round. */
const DUE_PAGE = 500;
/** Of one target: a slow one holds up nobody else for long. */
const PER_TARGET = 20;
/** A job that was added is not added again by the watch for so long; the reconciler adds it as soon as it is gone. */
const REMEMBERED_MS = 20_000;
/** Name space of the command ids of this job: a repeated job is the same command. */
const COMMANDS = '5d0b8c0a-2f3e-4a53-9c43-0b7a1f4f9e27';

/** Tells channels and users what the log says they are to be told, until they take it or the retry schedule is over. */
export class DeliverNotifications {
  private readonly queue: JobQueue<DeliverJob>;
  private readonly timer: NodeJS.Timeout;
  private readonly added = new Map<string, number>();
  private adding = false;

  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
    private readonly send: SendNotification,
    queue: QueuePlace,
    private readonly processLog: Log,
  ) {
    this.queue = new JobQueue<DeliverJob>({
      ...queue,
      name: 'deliver-notifications',
      process: (job) => this.deliver(job.id),
      sweep: () => this.queue.ensure(this.desired()),
      sweepEveryMs: SWEEP_EVERY_MS,
      onError: (error) => this.warn(error),
    });
    this.timer = setInterval(() => void this.watch(), WATCH_EVERY_MS);
  }

  /** Puts back whatever Redis has lost. */
  reconcile(): Promise<void> {
    return this.queue.reconcile(this.desired());
  }

  close(): Promise<void> {
    clearInterval(this.timer);
    return this.queue.close();
  }

  /** A function of the read model alone. */
  private desired(): DesiredJob<DeliverJob>[] {
    const until = new Date(Date.now() + AHEAD_MS).toISOString();
    const { database } = this.readModels;
    return dueDeliveries(database, until, {
      limit: DUE_PAGE,
      perTarget: PER_TARGET,
      mailsUsers: this.send.canMail,
    }).map(({ id, round, attempts, nextAttemptAt }) => ({
      id: `deliver.${id}.${round}.${attempts}`,
      data: { id },
      runAt: Date.parse(nextAttemptAt!),
    }));
  }

  /** With Redis away, adding waits for it: the next look then does nothing. */
  private async watch(): Promise<void> {
    if (this.adding) return;
    this.adding = true;
    try {
      const at = Date.now();
      for (const [id, since] of this.added) if (at - since > REMEMBERED_MS) this.added.delete(id);
      const fresh = this.desired().filter(({ id }) => !this.added.has(id));
      await this.queue.ensure(fresh);
      for (const { id } of fresh) this.added.set(id, at);
    } catch (error) {
      this.warn(error);
    } finally {
      this.adding = false;
    }
  }

  /** One attempt, unless the log says that it is not due: the tables of this node may be behind, or another worker was here. */
  private async deliver(id: string): Promise<void> {
    const row = findDelivery(this.readModels.database, id);
    if (!row || row.nextAttemptAt === null) return;
    const { state } = await this.log.read(deliveries, id);
    const isDue = Date.parse(state.nextAttemptAt ?? row.at) <= Date.now();
    if (state.round !== row.round || state.attempts !== row.attempts || state.over || !isDue) return;
    const startedAt = performance.now();
    const attempt = await this.send.attempt(row);
    if (!attempt) return;
    const outcome = outcomeOf(row, attempt, Math.round(performance.now() - startedAt));
    const context = this.contextOf(row);
    await this.log.transact(deliveries, id, recordAttempt(row.round, outcome), context);
    if (attempt.isGone) {
      await this.log.transact(registries, row.registry, disableGoneChannel(row.target, now()), context);
    }
  }

  private contextOf({ id, round, attempts }: DeliveryRow): CommandContext {
    return {
      commandId: uuidv5(`${id} ${round} ${attempts}`, COMMANDS),
      actor: { type: 'system', id: 'deliver-notifications' },
      correlationId: `deliver-notifications.${id}`,
    };
  }

  private warn(error: unknown): void {
    const queue = 'deliver-notifications';
    this.processLog.warn({ queue, error: String(error) }, 'a job or its queue failed');
  }
}

function outcomeOf({ registry, target, attempts }: DeliveryRow, attempt: Attempt, durationMs: number) {
  const { status, error, isFinal, notBefore } = attempt;
  const at = now();
  const of = { at, registry, channel: target };
  const number = attempts + 1;
  if (error === null) {
    const data = { ...of, attempts: number, status: status ?? 0, durationMs };
    return { type: 'NotificationDelivered', data } satisfies DeliveryFact;
  }
  const next = isFinal ? undefined : nextAttempt(number, Date.parse(at), notBefore);
  const nextAttemptAt = next === undefined ? null : new Date(next).toISOString();
  const data = { ...of, attempt: number, status, error, nextAttemptAt, durationMs };
  return { type: 'NotificationFailed', data } satisfies DeliveryFact;
}
