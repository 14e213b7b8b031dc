import type { AllStreamResolvedEvent } from '@kurrent/kurrentdb-client';
import type { RecordedFact } from '#libs/kernel';
import { decodeAll } from './codec.js';
import type { Connection, OpenSubscription } from './connection.js';
import { ANSWER_WITHIN_MS } from './deadline.js';
import { OwnDeadline, SubscriptionEnded } from './errors.js';
import { HealthRecord, type PartHealth } from './health.js';
import { jittered } from './retry.js';

export interface SubscriptionHandler {
  /** Events in log order, each once. Must not throw: an error here ends the subscription through `onFailure`. */
  readonly onEvents: (events: readonly RecordedFact[]) => void;
  /** The store says that nothing newer exists; everything before was handed to `onEvents`. Comes again after reconnects. */
  readonly onCaughtUp?: () => void;
  /** The connection was lost, or never made; the subscription tries again by itself. Comes once until it is back. */
  readonly onInterrupted?: (error: unknown) => void;
  /**
   * Nothing more is delivered: `onEvents` threw, an event cannot be read, or (LaterRelease) the next one narrows access in
   * a way that this release does not understand. Everything before it was handed to `onEvents`.
   */
  readonly onFailure: (error: unknown) => void;
}

/**
 * First pause before a new try, doubled up to the largest: a gate holds requests for 1 s at most, and goes on only when its
 * subscription has delivered. Each is shortened at random, so that the gates do not come back all at once.
 */
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 250;

/**
 * Follows `$all` from a position. The client's subscription never resumes: it sends one `error` and no `end`
 * (EVENT-STORE.md, defect 5), so this one opens a new one after the last event delivered, on a new connection.
 * Events that arrive in one turn of the loop are delivered together.
 */
export class Subscription {
  private readonly healthRecord = new HealthRecord();
  private current: OpenSubscription | undefined;
  private pending: AllStreamResolvedEvent[] = [];
  private caughtUpPending = false;
  private flushScheduled = false;
  private closed = false;
  private isAway = false;
  /** Of the next try, or of the wait for the confirmation of this one. */
  private timer: NodeJS.Timeout | undefined;
  private backoffMs = BACKOFF_FIRST_MS;

  constructor(
    private readonly connection: Connection,
    private readonly prefixes: readonly string[],
    private after: bigint | undefined,
    private readonly handler: SubscriptionHandler,
    private readonly onClosed: () => void,
  ) {
    this.open();
  }

  get health(): PartHealth {
    return this.healthRecord.health;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.abandon();
    this.onClosed();
  }

  private open(): void {
    const opened = this.connection.subscribe(this.after, this.prefixes);
    this.current = opened;
    const isCurrent = (): boolean => this.current === opened;
    const interrupted = (error: unknown): void => {
      if (isCurrent()) this.interrupted(error);
    };
    opened.events.on('confirmation', () => isCurrent() && this.confirmed());
    opened.events.on('data', (event) => isCurrent() && this.arrived(event));
    opened.events.on('caughtUp', () => isCurrent() && this.reachedEnd());
    opened.events.on('error', interrupted);
    opened.events.on('end', () => interrupted(new SubscriptionEnded()));
    opened.events.on('close', () => interrupted(new SubscriptionEnded()));
    const silence = new OwnDeadline('subscribe', ANSWER_WITHIN_MS);
    this.timer = setTimeout(() => interrupted(silence), ANSWER_WITHIN_MS);
  }

  private confirmed(): void {
    clearTimeout(this.timer);
    this.isAway = false;
    this.healthRecord.answered();
  }

  private arrived(event: AllStreamResolvedEvent): void {
    this.pending.push(event);
    this.scheduleFlush();
  }

  private reachedEnd(): void {
    this.caughtUpPending = true;
    this.scheduleFlush();
  }

  private scheduleFlush(): void {
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    setImmediate(() => {
      this.flushScheduled = false;
      if (!this.closed) this.flush();
    });
  }

  private flush(): void {
    const arrived = this.pending;
    const caughtUp = this.caughtUpPending;
    this.pending = [];
    this.caughtUpPending = false;
    try {
      const { facts, obstacle } = this.connection.catalogue.upToObstacle(
        decodeAll(arrived, this.connection.catalogue),
      );
      if (facts.length > 0) {
        this.handler.onEvents(facts);
        this.after = facts.at(-1)!.position;
        this.backoffMs = BACKOFF_FIRST_MS;
      }
      if (obstacle) throw obstacle;
      if (caughtUp) this.handler.onCaughtUp?.();
    } catch (error) {
      this.close();
      this.handler.onFailure(error);
    }
  }

  private interrupted(error: unknown): void {
    clearTimeout(this.timer);
    this.flush();
    if (this.closed) return;
    const { renew } = this.current!;
    this.abandon();
    renew();
    this.healthRecord.failed(error);
    this.timer = setTimeout(() => this.open(), jittered(this.backoffMs));
    this.backoffMs = Math.min(this.backoffMs * 2, BACKOFF_MAX_MS);
    const isNew = !this.isAway;
    this.isAway = true;
    if (isNew) this.handler.onInterrupted?.(error);
  }

  /** What still comes from the client's subscription is no longer ours. */
  private abandon(): void {
    const abandoned = this.current;
    this.current = undefined;
    if (abandoned) void abandoned.events.unsubscribe().catch(() => undefined);
  }
}
