import type { EventLog } from '#libs/event-store';
import { counters, type Counted } from './counters.js';

export interface FollowedCounters {
  /** What each event counted, in the order of delivery. */
  readonly seen: readonly number[];
  /** Resolves when so many events have been delivered. */
  readonly until: (length: number) => Promise<void>;
  /** Resolves at the next interruption. */
  readonly interruption: () => Promise<void>;
  readonly end: () => void;
}

/** Follows all counters from the beginning of the log. */
export function followCounters(log: EventLog): FollowedCounters {
  const seen: number[] = [];
  let changed = (): void => undefined;
  let interrupted = (): void => undefined;
  const subscription = log.subscribe(undefined, [counters.category], {
    onEvents: (events) => {
      seen.push(...events.map(({ data }) => (data as Counted['data']).by));
      changed();
    },
    onInterrupted: () => interrupted(),
    onFailure: (error) => {
      throw error;
    },
  });
  const until = (length: number): Promise<void> =>
    new Promise((resolve) => {
      changed = () => seen.length >= length && resolve();
      changed();
    });
  const interruption = (): Promise<void> => new Promise((resolve) => (interrupted = resolve));
  return { seen, until, interruption, end: () => subscription.close() };
}
