import type { EventLog } from '#libs/event-store';
import type { RecordedFact } from '#libs/kernel';

/** How far a replay of the log has come. */
export interface ReplayProgress {
  /** Events applied by this replay. */
  readonly events: number;
  /** Commit position of the event last applied. */
  readonly position: bigint;
  /** Commit position of the log's newest event when the replay began; undefined when it is not known. */
  readonly head: bigint | undefined;
  readonly eventsPerSecond: number;
}

/** Pages after a position up to the end of the log. The next page is on its way while one is handled: two in memory at most. */
export async function* pagesAfter(
  log: EventLog,
  after: bigint | undefined,
  categories: readonly string[],
): AsyncGenerator<readonly RecordedFact[]> {
  let coming = log.readAllAfter(after, categories);
  for (;;) {
    const page = await coming;
    const last = page.at(-1);
    if (!last) return;
    coming = log.readAllAfter(last.position, categories);
    // Whoever stops early never awaits it; its failure is then nobody's.
    coming.catch(() => undefined);
    yield page;
  }
}

/** Counts events against the clock, for whoever watches a replay. */
export class ReplayMeter {
  private events = 0;
  private readonly startedAt = performance.now();

  constructor(
    private readonly head: bigint | undefined,
    private readonly onProgress: ((progress: ReplayProgress) => void) | undefined,
  ) {}

  applied(events: number, position: bigint): void {
    this.events += events;
    if (!this.onProgress) return;
    const seconds = (performance.now() - this.startedAt) / 1_000;
    const eventsPerSecond = Math.round(this.events / Math.max(seconds, 0.001));
    this.onProgress({ events: this.events, position, head: this.head, eventsPerSecond });
  }
}
