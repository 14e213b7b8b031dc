import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { EventLog, Subscription } from '#libs/event-store';
import type { RecordedFact } from '#libs/kernel';
import type { Database } from '#libs/sqlite';
import { build, openBeside } from './build.js';
import {
  applyPage,
  categoriesOf,
  goOn,
  isDamage,
  isLeft,
  nextFile,
  openMatching,
  removeModelFile,
  type ModelFile,
} from './model-file.js';
import { PositionWaiters } from './position-waiters.js';
import type { Projection } from './projection.js';
import { pagesAfter, ReplayMeter, type ReplayProgress } from './replay.js';

/** Between two parts of what is left for later, some 10 ms each: most of the time is everybody else's. */
const LATER_PAUSE_MS = 25;

export interface ReadModelsOptions {
  readonly file: string;
  readonly logId: string;
  readonly log: EventLog;
  readonly projections: readonly Projection[];
  /**
   * Categories that only the memory follows. Their events move no checkpoint: the store drops superseded ones, and a
   * checkpoint has to stand on an event that stays.
   */
  readonly watched?: readonly string[];
  /** Fills what is kept in memory from the tables, before the first event after the checkpoint. */
  readonly load: (database: Database, position: bigint | undefined) => void;
  /** Applies events to what is kept in memory. Called before the tables change: a revocation reaches the gate first. */
  readonly onEvents: (events: readonly RecordedFact[]) => void;
  /** The projection cannot go on (a full disk, a fault in the code): the process should end. */
  readonly onFailure: (error: unknown) => void;
  readonly onInterrupted?: (error: unknown) => void;
  /** Commit position of the log's newest event, only to show how far a replay has come. */
  readonly head?: () => Promise<bigint | undefined>;
  /** Called after each page of a replay, thousands of events apart. */
  readonly onProgress?: (progress: ReplayProgress) => void;
}

/**
 * This node's read-model file and the one subscription that feeds it and the memory beside it. The file is a cache: when
 * it is missing, broken, of another log or of other projections, another one is built from the log beside it and takes
 * its place when it has caught up. A build that a crash interrupted is gone on with.
 */
export class ReadModels {
  private subscription: Subscription | undefined;
  private readonly waiters = new PositionWaiters();
  private caughtUp = false;
  private closed = false;
  private goingOn: NodeJS.Timeout | undefined;
  /** Position applied to memory by this process; beyond the checkpoint when the newest events are watched ones. */
  private reached: bigint | undefined;
  private readonly listeners: ((events: readonly RecordedFact[]) => void)[] = [];
  private readonly modelled: ReadonlySet<string>;

  private constructor(
    private readonly options: ReadModelsOptions,
    private model: ModelFile,
    private building: boolean,
  ) {
    this.modelled = new Set(categoriesOf(options.projections));
  }

  /** Resolves at once, also when there is much to build: `follow` does that. Throws when the disk or the log fails. */
  static async open(options: ReadModelsOptions): Promise<ReadModels> {
    mkdirSync(dirname(options.file), { recursive: true, mode: 0o700 });
    const current = await openMatching(options.file, options);
    if (current && loaded(options, current)) {
      removeModelFile(nextFile(options.file));
      return new ReadModels(options, current, false);
    }
    return new ReadModels(options, await openBeside(options.file, options), true);
  }

  /** The tables; of the file that is being built until it has taken its place. Ask each time, do not keep it. */
  get database(): Database {
    return this.model.database;
  }

  /** Commit position of the newest event applied to memory and tables; undefined when the log held none. */
  get position(): bigint | undefined {
    return this.reached ?? this.model.checkpoint.position;
  }

  /** Commit position of the newest event in the tables; watched events are not among them. */
  get checkpoint(): bigint | undefined {
    return this.model.checkpoint.position;
  }

  /** Whether everything that stood in the log at the start has been applied. It stays true: see `waitFor` for freshness. */
  get isCaughtUp(): boolean {
    return this.caughtUp;
  }

  /** Applies the log page by page up to its end, then follows it. Resolves when this node has caught up. */
  async follow(): Promise<void> {
    const { log, watched = [], head, onProgress } = this.options;
    const categories = [...this.modelled, ...watched];
    const meter = new ReplayMeter(onProgress && (await head?.().catch(() => undefined)), onProgress);
    if (this.building) await this.buildAnew(meter);
    for await (const page of pagesAfter(log, this.position, categories)) {
      this.refuseWhenClosed();
      this.apply(page);
      meter.applied(page.length, this.position!);
    }
    this.refuseWhenClosed();
    this.caughtUp = true;
    this.goOnSoon();
    this.subscription = log.subscribe(this.position, categories, {
      onEvents: (events) => this.apply(events),
      onFailure: this.options.onFailure,
      ...(this.options.onInterrupted ? { onInterrupted: this.options.onInterrupted } : {}),
    });
  }

  /** Resolves to true once everything up to `position` is applied here, to false after `withinMs`. */
  waitFor(position: bigint, withinMs: number): Promise<boolean> {
    return this.waiters.wait(position, this.building ? undefined : this.position, withinMs);
  }

  /** Calls the listener with all events that are applied from now on, once memory and tables hold them. It must not throw. */
  whenApplied(listener: (events: readonly RecordedFact[]) => void): void {
    this.listeners.push(listener);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.goingOn);
    this.subscription?.close();
    this.waiters.close();
    this.database.close();
  }

  /** Tables first, memory from the tables: so a rebuild fills memory as a restart does, and once. */
  private async buildAnew(meter: ReplayMeter): Promise<void> {
    const { file, load } = this.options;
    try {
      this.model = await build(this.model, file, this.options, (events) => {
        this.refuseWhenClosed();
        meter.applied(events, this.position!);
      });
    } catch (error) {
      this.refuseWhenClosed();
      throw error;
    }
    if (this.closed) this.database.close();
    this.refuseWhenClosed();
    load(this.database, this.position);
    this.building = false;
    if (this.position !== undefined) this.waiters.applied(this.position);
  }

  private apply(events: readonly RecordedFact[]): void {
    this.options.onEvents(events);
    const modelled = events.filter(({ category }) => this.modelled.has(category));
    if (modelled.length > 0) this.change(() => applyPage(this.model, this.options.projections, modelled));
    if (this.caughtUp) this.goOnSoon();
    this.reached = events.at(-1)!.position;
    this.waiters.applied(this.reached);
    for (const listener of this.listeners) listener(events);
  }

  private change(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!isDamage(error)) throw error;
      removeModelFile(this.options.file);
      throw new Error('the read-model file was damaged; it is removed and built anew at the next start', {
        cause: error,
      });
    }
  }

  /** What events have left for later, part by part until nothing is left. */
  private goOnSoon(): void {
    const { projections, onFailure } = this.options;
    if (this.goingOn || !isLeft(this.model, projections)) return;
    this.goingOn = setTimeout(() => {
      this.goingOn = undefined;
      try {
        this.change(() => goOn(this.model, projections));
        this.goOnSoon();
      } catch (error) {
        onFailure(error);
      }
    }, LATER_PAUSE_MS);
  }

  private refuseWhenClosed(): void {
    if (this.closed) throw new Error('the read models were closed while they caught up');
  }
}

/** Fills the memory. False when the tables turn out to be damaged, and what was loaded will be loaded anew. */
function loaded(options: ReadModelsOptions, model: ModelFile): boolean {
  try {
    options.load(model.database, model.checkpoint.position);
    return true;
  } catch (error) {
    model.database.close();
    if (!isDamage(error)) throw error;
    return false;
  }
}
