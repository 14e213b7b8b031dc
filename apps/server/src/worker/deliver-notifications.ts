import { v5 as uuidv5 } from 'uuid';
import type { CommandContext, EventLog } from '#libs/event-store';
import { JobQueue, type DesiredJob, type QueuePlace } from '#libs/jobs';
import { deliveries, nextAttempt, recordAttempt, type DeliveryFact } from '#libs/notifications';
import { now, type Log } from '#libs/platform';
import { dueDeliveries, findDelivery, type DeliveryRow, type ReadModels } from '#libs/read-models';
import { disableGoneChannel, isUnchanged, registries } from '#libs/registries';
import type { Attempt } from './attempt.js';
import type { SendNotification } from './send-notification.js';

interface DeliverJob {
  readonly id: string;
}

/** The scheduler in Redis looks for due deliveries this often; the watch below finds new ones much sooner. */
const SWEEP_EVERY_MS = 30_000;
/** A fact is told of within about a second: the watch asks the tables this often, and Redis only for what is new. */
const WATCH_EVERY_MS = 500;
/** After a delivery the next one of its registry follows within this time, */
const FOLLOW_MS = 25;
/** but with much to do, looking for it takes its time: this many times as long passes until the next look. */
const FOLLOW_FACTOR = 10;
/** Jobs added at once; what is beyond comes with the next round. */
const DUE_PAGE = 500;
/** Sent at the same time by one worker, which mostly waits for answers. */
const AT_ONCE = 64;
/**
 * Of one registry: an eighth of what a worker sends at the same time. One whose targets all hang (10 s each) holds no more, and
 * what else it has to tell waits in the tables, before nobody. Targets that answer get dozens of deliveries a second all the same.
 */
const PER_REGISTRY = 8;
/** Of one target, half of that: while one hangs, the other targets of its registry have places left. */
const PER_TARGET = 4;
/** A delivery that nothing came of, say because its key cannot be opened here, leaves its place to others for so long. */
const ASIDE_MS = 60_000;
/** With more of them it is an outage: then waiting is right. */
const ASIDE_MAX = 100;
/** A job that was added is not added again by the watch for so long; the reconciler adds it as soon as it is gone. */
const REMEMBERED_MS = 20_000;
/** Name space of the command ids of this job: a repeated job is the same command. */
const COMMANDS = '5d0b8c0a-2f3e-4a53-9c43-0b7a1f4f9e27';

/** Tells channels and users what the log says they are to be told, until they take it or the retry schedule is over. */
export class DeliverNotifications {
  private readonly queue: JobQueue<DeliverJob>;
  private readonly timer: NodeJS.Timeout;
  private readonly added = new Map<string, number>();
  /** Deliveries set aside, and since when (Unix milliseconds). */
  private readonly aside = new Map<string, number>();
  /** How many this worker sends now, by registry. */
  private readonly sending = new Map<string, number>();
  private adding = false;
  /** How long it took to look for what is due, the last time. */
  private lookMs = 0;
  private following: NodeJS.Timeout | undefined;

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
      process: (job) => this.run(job.id),
      concurrency: AT_ONCE,
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

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.queue.close();
    clearTimeout(this.following);
  }

  /** A function of the read model, but for what failed here without an outcome. */
  private desired(): DesiredJob<DeliverJob>[] {
    const startedAt = performance.now();
    const due = dueDeliveries(this.readModels.database, now(), {
      limit: DUE_PAGE,
      perTarget: PER_TARGET,
      perRegistry: PER_REGISTRY,
      mailsUsers: this.send.canMail,
      except: [...this.aside.keys()],
    });
    this.lookMs = performance.now() - startedAt;
    return due.map((row) => ({
      id: jobIdOf(row),
      data: { id: row.id },
      runAt: Date.parse(row.nextAttemptAt!),
    }));
  }

  /** With Redis away, adding waits for it: the next look then does nothing. */
  private async watch(): Promise<void> {
    if (this.adding) return;
    this.adding = true;
    try {
      const at = Date.now();
      for (const [id, since] of this.added) if (at - since > REMEMBERED_MS) this.added.delete(id);
      for (const [id, since] of this.aside) if (at - since > ASIDE_MS) this.aside.delete(id);
      const fresh = this.desired().filter(({ id }) => !this.added.has(id));
      await this.queue.ensure(fresh);
      for (const { id } of fresh) this.added.set(id, at);
    } catch (error) {
      this.warn(error);
    } finally {
      this.adding = false;
    }
  }

  private async run(id: string): Promise<void> {
    const row = findDelivery(this.readModels.database, id);
    if (!row || row.nextAttemptAt === null) return;
    const { registry } = row;
    const sending = this.sending.get(registry) ?? 0;
    // Places were given by tables that may have changed since: what is over the share gets a job again in a later round.
    if (sending >= PER_REGISTRY) return void this.added.delete(jobIdOf(row));
    this.sending.set(registry, sending + 1);
    try {
      await this.deliver(row);
    } catch (error) {
      if (this.aside.size < ASIDE_MAX) this.aside.set(id, Date.now());
      throw error;
    } finally {
      const others = this.sending.get(registry)! - 1;
      if (others > 0) this.sending.set(registry, others);
      else this.sending.delete(registry);
      this.following ??= setTimeout(() => this.follow(), Math.max(FOLLOW_MS, this.lookMs * FOLLOW_FACTOR));
    }
  }

  private follow(): void {
    this.following = undefined;
    void this.watch();
  }

  /** One attempt, unless the log says that it is not due: the tables of this node may be behind, or another worker was here. */
  private async deliver(row: DeliveryRow): Promise<void> {
    const { state } = await this.log.read(deliveries, row.id);
    const isDue = Date.parse(state.nextAttemptAt ?? row.at) <= Date.now();
    if (state.round !== row.round || state.attempts !== row.attempts || state.over || !isDue) return;
    const startedAt = performance.now();
    const attempt = await this.stillTrue(row, await this.send.attempt(row));
    const outcome = outcomeOf(row, attempt, Math.round(performance.now() - startedAt));
    const context = this.contextOf(row);
    await this.log.transact(deliveries, row.id, recordAttempt(row.round, outcome), context);
    if (attempt.isGone) {
      const disable = disableGoneChannel(attempt.asked!, now());
      await this.log.transact(registries, row.registry, disable, context);
    }
  }

  /** That a target is gone holds for the channel that was asked: one that was changed meanwhile is asked again. */
  private async stillTrue({ registry }: DeliveryRow, attempt: Attempt): Promise<Attempt> {
    if (!attempt.isGone) return attempt;
    const { state } = await this.log.read(registries, registry);
    return isUnchanged(state, attempt.asked!) ? attempt : { ...attempt, isFinal: false, isGone: false };
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

function jobIdOf({ id, round, attempts }: DeliveryRow): string {
  return `deliver.${id}.${round}.${attempts}`;
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
