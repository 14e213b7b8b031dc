import { setTimeout as delay } from 'node:timers/promises';
import { countRuns, shownError, shownResolvedEvent, summarize } from './answers.js';
import type { AnswerObject } from './answers.js';
import type { ClientResolvedEvent, ClientSubscription, Position } from './client.js';
import type { JsonObject, Names } from './scenario.js';

const CONFIRMATION_MS = 3000;
const COLLECT_MS = 4000;
const SETTLE_MS = 150;
const AFTER_UNSUBSCRIBE_MS = 100;

/** What a subscription has shown, in the order in which it was seen. */
export class WatchedSubscription {
  private seen: string[] = [];
  private events: ClientResolvedEvent[] = [];
  private checkpoints: bigint[] = [];
  private error: unknown;
  private subscription: ClientSubscription | undefined;
  private changed: () => void = () => undefined;

  constructor(private readonly names: Names) {}

  /** Given to the filter, which is made before the subscription. */
  readonly checkpointReached = (_: unknown, position: Position): void => {
    this.checkpoints.push(position.commit);
    this.saw('checkpoint');
  };

  open(subscription: ClientSubscription): void {
    this.subscription = subscription;
    subscription.on('data', (event: ClientResolvedEvent) => {
      const stream = (event.link ?? event.event)?.streamId ?? '';
      if (!stream.includes(this.names.tag)) return;
      this.events.push(event);
      this.saw('e');
    });
    subscription.on('confirmation', () => this.saw('confirmed'));
    subscription.on('caughtUp', () => this.saw('caughtUp'));
    subscription.on('error', (error) => {
      this.error = error;
      this.saw('error');
    });
    subscription.on('end', () => this.saw('end'));
    subscription.on('close', () => this.saw('close'));
  }

  async started(): Promise<void> {
    await this.until(() => this.seen.includes('confirmed') || this.error !== undefined, CONFIRMATION_MS);
  }

  async collect(args: JsonObject): Promise<AnswerObject> {
    const until = args['until'] as Record<string, number>;
    const counts = () => ({
      events: this.events.length,
      caughtUp: this.count('caughtUp'),
      checkpoints: this.checkpoints.length,
      error: this.count('error'),
    });
    const reached = () => Object.entries(until).every(([what, count]) => counts()[what as 'events'] >= count);
    const inTime = await this.until(
      () => reached() || this.error !== undefined,
      (args['timeoutMs'] as number | undefined) ?? COLLECT_MS,
    );
    await delay((args['settleMs'] as number | undefined) ?? SETTLE_MS);
    const monotonic = this.checkpoints.every((at, index) => index === 0 || at > this.checkpoints[index - 1]!);
    const answer = {
      seq: runLengths(this.seen),
      ...this.shownEvents(args),
      caughtUp: counts().caughtUp,
      checkpoints: this.checkpoints.length,
      ...(this.checkpoints.length > 0 ? { checkpointsMonotonic: monotonic } : {}),
      ...(this.error === undefined ? {} : { error: shownError(this.error) }),
      ...(inTime ? {} : { timedOut: true }),
    };
    this.seen = [];
    this.events = [];
    this.checkpoints = [];
    this.error = undefined;
    return answer;
  }

  async unsubscribe(): Promise<AnswerObject> {
    const before = this.seen.length;
    await this.subscription?.unsubscribe();
    await delay(AFTER_UNSUBSCRIBE_MS);
    const after = runLengths(this.seen.splice(before));
    return { after };
  }

  private shownEvents(args: JsonObject): AnswerObject {
    if (args['runs'] !== undefined) return countRuns(this.events, String(args['runs']), false);
    if (args['summary'] !== true)
      return { events: this.events.map((event) => shownResolvedEvent(this.names, event)) };
    const { last: _, ...summary } = summarize(this.names, this.events, false);
    return summary;
  }

  private count(what: string): number {
    return this.seen.filter((item) => item === what).length;
  }

  private saw(what: string): void {
    this.seen.push(what);
    this.changed();
  }

  private async until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    if (condition()) return true;
    const reached = new Promise<true>((resolve) => {
      this.changed = () => condition() && resolve(true);
    });
    const abort = new AbortController();
    const late = delay(timeoutMs, false, { signal: abort.signal }).catch(() => false);
    const inTime = await Promise.race([reached, late]);
    abort.abort();
    this.changed = () => undefined;
    return inTime;
  }
}

/** `confirmed e*3 caughtUp` */
function runLengths(items: readonly string[]): string {
  const runs: [string, number][] = [];
  for (const item of items) {
    const last = runs.at(-1);
    if (last?.[0] === item) last[1]++;
    else runs.push([item, 1]);
  }
  return runs.map(([item, count]) => (count === 1 ? item : `${item}*${count}`)).join(' ');
}
