import { EventStoreUnavailable, type EventLog } from '#libs/event-store';
import { command, counters, countTo } from './counters.js';
import { RelayedStore } from './relayed-store.js';

/** Each appends one event after the other, and repeats a command until it is answered. */
const WRITERS = 16;
/** Acknowledged appends before the outage, and again after it. */
const APPENDS = 400;

export interface Drilled {
  /** Per stream, the counts whose append was answered as done, in that order. */
  readonly acknowledged: ReadonlyMap<string, readonly number[]>;
  /** Per stream, what the log holds, and what the subscription delivered. */
  readonly stored: ReadonlyMap<string, readonly number[]>;
  readonly delivered: ReadonlyMap<string, readonly number[]>;
  /** Appends that ended as EventStoreUnavailable and were repeated. */
  readonly outages: number;
  readonly interruptions: number;
  /** From the end of the outage to the first append answered, and to the first event delivered. */
  readonly appendsAgainMs: number;
  readonly deliversAgainMs: number;
}

/** Takes the server away for `outageMs` while everybody writes. */
export async function reconnectDrill(outageMs: number): Promise<Drilled> {
  const store = await RelayedStore.start();
  const drill = new Drill(store.log(), store.log());
  try {
    drill.start();
    await drill.acknowledgements(APPENDS);
    store.relay.cut();
    await new Promise((resolve) => setTimeout(resolve, outageMs));
    store.relay.open();
    drill.outageEnded();
    await drill.acknowledgements(APPENDS);
    return await drill.finish();
  } finally {
    await store.close();
  }
}

class Drill {
  private readonly acknowledged = new Map<string, number[]>();
  private readonly delivered = new Map<string, number[]>();
  private writers: Promise<void>[] = [];
  private writing = true;
  private answered = 0;
  private deliveredCount = 0;
  private outages = 0;
  private interruptions = 0;
  private changed = (): void => undefined;
  /** Moments on the monotonic clock, in ms. */
  private endedAt: number | undefined;
  private appendsAgainAt: number | undefined;
  private deliversAgainAt: number | undefined;

  constructor(
    private readonly log: EventLog,
    private readonly reader: EventLog,
  ) {}

  start(): void {
    this.reader.subscribe(undefined, [counters.category], {
      onEvents: (events) => {
        for (const { id, data } of events) add(this.delivered, id, (data as { by: number }).by);
        this.deliveredCount += events.length;
        if (this.endedAt !== undefined) this.deliversAgainAt ??= performance.now();
        this.changed();
      },
      onInterrupted: () => void this.interruptions++,
      onFailure: (error) => {
        throw error;
      },
    });
    this.writers = Array.from({ length: WRITERS }, (_, index) => this.write(`w${index}`));
  }

  outageEnded(): void {
    this.endedAt = performance.now();
  }

  /** Resolves after so many more. */
  acknowledgements(more: number): Promise<void> {
    const wanted = this.answered + more;
    return this.until(() => this.answered >= wanted);
  }

  async finish(): Promise<Drilled> {
    this.writing = false;
    await Promise.all(this.writers);
    await this.until(() => this.deliveredCount >= this.answered);
    const stored = new Map<string, number[]>();
    for (const id of this.acknowledged.keys()) {
      const { events } = await this.log.read(counters, id);
      for (const { data } of events) add(stored, id, (data as unknown as { by: number }).by);
    }
    return {
      acknowledged: this.acknowledged,
      stored,
      delivered: this.delivered,
      outages: this.outages,
      interruptions: this.interruptions,
      appendsAgainMs: Math.round(this.appendsAgainAt! - this.endedAt!),
      deliversAgainMs: Math.round(this.deliversAgainAt! - this.endedAt!),
    };
  }

  /** The n-th event of a stream counts by n, so that a lost, a doubled and a misplaced one all show. */
  private async write(id: string): Promise<void> {
    for (let n = 1; this.writing; n++) {
      await this.countOnce(id, (n * (n + 1)) / 2);
      add(this.acknowledged, id, n);
      this.answered++;
      if (this.endedAt !== undefined) this.appendsAgainAt ??= performance.now();
      this.changed();
    }
  }

  /** The same command, as a caller repeats it, until it is answered. */
  private async countOnce(id: string, sum: number): Promise<void> {
    const same = command();
    for (;;) {
      try {
        await this.log.transact(counters, id, countTo(sum), same);
        return;
      } catch (error) {
        if (!(error instanceof EventStoreUnavailable)) throw error;
        this.outages++;
      }
    }
  }

  private until(isReached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.changed = () => isReached() && resolve();
      this.changed();
    });
  }
}

function add(lists: Map<string, number[]>, id: string, value: number): void {
  const list = lists.get(id) ?? [];
  list.push(value);
  lists.set(id, list);
}
