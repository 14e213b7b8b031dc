import { EventStoreUnavailable, type EventLog } from '#libs/event-store';
import { mintUuid, type Log } from '#libs/platform';
import { usage, usageStreamId, type TakenUsage, type UsageCounter, type UsageFact } from '#libs/usage';

/** What is due is looked for so often: the first use of a key in a minute is in the log within a second. */
const TAKE_EVERY_MS = 250;
/** Facts of one append: a hundred of at most 2 kB are far below what the store takes. */
const FACTS_PER_APPEND = 100;
const STREAMS_AT_ONCE = 8;
/** Facts that wait: all that one minute of KEYS_COUNTED_MAX keys may end with, and some 30 MB. What comes then is dropped. */
export const WAITING_MAX = 60_000;
const SECONDS_PER_DAY = 86_400;

/** One stream that this process writes. */
interface Stream {
  readonly id: string;
  readonly day: string;
  /** Of its newest event; -1: it is new. */
  revision: bigint;
  /** Whether its retention is set. */
  isKept: boolean;
  readonly waiting: UsageFact[];
  /** The append that is under way or whose outcome is not known: it is made again just so. */
  current: { readonly facts: readonly UsageFact[]; readonly commandId: string } | undefined;
}

export interface WriteUsageParts {
  readonly counter: UsageCounter;
  readonly eventLog: Pick<EventLog, 'extend' | 'keepOnly'>;
  /** Of this process: no other one writes to its streams. */
  readonly incarnation: string;
  readonly keptDays: number;
  readonly log: Pick<Log, 'warn'>;
  readonly now?: () => number;
}

/**
 * Appends what the counter says is due, each registry's and day's facts to a stream of their own, in order. Whatever fails is
 * tried again with the same event ids, so that nothing is counted twice; what cannot be kept meanwhile is dropped and counted.
 */
export class WriteUsage {
  readonly #streams = new Map<string, Stream>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #waiting = 0;
  #dropped = 0;
  #written = 0;

  constructor(private readonly parts: WriteUsageParts) {}

  /** Facts that were lost because the store was away too long. */
  get dropped(): number {
    return this.#dropped;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get written(): number {
    return this.#written;
  }

  start(): void {
    this.#timer = setInterval(() => void (this.#round ??= this.#write(false)), TAKE_EVERY_MS);
  }

  /** Writes all that was counted, if the store takes it now. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
    await this.#write(true);
  }

  async #write(all: boolean): Promise<void> {
    try {
      const now = this.parts.now?.() ?? Date.now();
      for (const taken of this.parts.counter.take(now, all)) this.#add(taken);
      this.#forgetIdle(now);
      const due = [...this.#streams.values()].filter(({ waiting, current }) => current || waiting.length > 0);
      const lanes = Array.from({ length: STREAMS_AT_ONCE }, () => this.#drain(due));
      await Promise.all(lanes);
    } finally {
      this.#round = undefined;
    }
  }

  #add({ registry, day, facts }: TakenUsage): void {
    const fitting = facts.slice(0, Math.max(0, WAITING_MAX - this.#waiting));
    this.#dropped += facts.length - fitting.length;
    if (fitting.length === 0) return;
    this.#waiting += fitting.length;
    const id = usageStreamId(registry, day, this.parts.incarnation);
    let stream = this.#streams.get(id);
    if (!stream) {
      stream = { id, day, revision: -1n, isKept: false, waiting: [], current: undefined };
      this.#streams.set(id, stream);
    }
    stream.waiting.push(...fitting);
  }

  /** One of the lanes that share the list. */
  async #drain(due: Stream[]): Promise<void> {
    for (let stream = due.shift(); stream; stream = due.shift()) {
      try {
        await this.#drainStream(stream);
      } catch (error) {
        if (!(error instanceof EventStoreUnavailable)) this.#lose(stream);
        this.parts.log.warn({ error: String(error) }, 'usage could not be written yet');
        // With the store away the other streams would only wait as long.
        due.length = 0;
      }
    }
  }

  async #drainStream(stream: Stream): Promise<void> {
    const { eventLog, keptDays } = this.parts;
    if (!stream.isKept) await eventLog.keepOnly(usage, stream.id, { $maxAge: keptDays * SECONDS_PER_DAY });
    stream.isKept = true;
    while (stream.current || stream.waiting.length > 0) {
      stream.current ??= { facts: stream.waiting.splice(0, FACTS_PER_APPEND), commandId: mintUuid() };
      const { facts, commandId } = stream.current;
      const actor = { type: 'system', id: 'count-usage' } as const;
      const context = { commandId, actor, correlationId: `count-usage.${this.parts.incarnation}` };
      const { revision } = await eventLog.extend(usage, stream.id, stream.revision, facts, context);
      stream.revision = revision;
      stream.current = undefined;
      this.#waiting -= facts.length;
      this.#written += facts.length;
    }
  }

  /** The store never takes this append. */
  #lose(stream: Stream): void {
    const lost = stream.current?.facts.length ?? 0;
    this.#dropped += lost;
    this.#waiting -= lost;
    stream.current = undefined;
  }

  /** The last minute of a day is written on the next one. */
  #forgetIdle(now: number): void {
    const yesterday = new Date(now - SECONDS_PER_DAY * 1_000).toISOString().slice(0, 10);
    for (const [id, { day, waiting, current }] of this.#streams) {
      if (day < yesterday && waiting.length === 0 && current === undefined) this.#streams.delete(id);
    }
  }
}
