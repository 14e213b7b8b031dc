import { setTimeout as delay } from 'node:timers/promises';
import { EventStoreUnavailable, isTransient } from './errors.js';

/** A call is made again (an append with the same bytes) for this long: an election takes 0.6-1.7 s. */
const RETRY_FOR_MS = 2_500;
/** Pause before a new try; shorter at random, so that those whom an outage stopped do not come back all at once. */
const RETRY_AFTER_MS = 250;

/** Repeats a call that failed for lack of an answer. Throws EventStoreUnavailable when it goes on failing. */
export async function retry<Result>(operation: string, call: () => Promise<Result>): Promise<Result> {
  const startedAt = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!isTransient(error)) throw error;
      // A call that ran into its own deadline (5 s) is made a second time all the same: the answer may only have been lost.
      const isOver = attempt > 1 && performance.now() - startedAt > RETRY_FOR_MS;
      if (isOver) throw new EventStoreUnavailable(operation, error);
      await delay(jittered(RETRY_AFTER_MS));
    }
  }
}

/** From half of it to all of it. */
export function jittered(milliseconds: number): number {
  return milliseconds * (0.5 + Math.random() / 2);
}
