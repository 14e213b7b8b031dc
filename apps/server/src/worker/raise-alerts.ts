import { v5 as uuidv5 } from 'uuid';
import {
  alerts,
  isHeld,
  registryOf,
  RegistryWatch,
  tellAlert,
  WATCHED_CATEGORIES,
  type Finding,
  type WatchSnapshot,
} from '#libs/alerts';
import { EventStoreUnavailable, type EventLog, type Subscription } from '#libs/event-store';
import type { RecordedFact } from '#libs/kernel';
import { now, type Log } from '#libs/platform';
import { AlertState, newestFound, type ReadModels } from '#libs/read-models';

/** The state is kept so often while it changes: what a crash loses is read again from the log. */
const KEEP_EVERY_MS = 10_000;
/** Pause while the event store takes nothing. */
const PAUSE_MS = 1_000;
/** What is found about a use so long ago is no news any more: after an upgrade, say, of a release without alerts. */
const NEWS_MS = 7 * 86_400_000;
/** Name space of the command ids of this job: computed again, a finding is the same command. */
const COMMANDS = '0f0c7a54-6a0c-4c0e-8b4b-5f6f5f1b9a3d';

export interface RaiseAlertsParts {
  readonly log: EventLog;
  readonly readModels: ReadModels;
  readonly stateFile: string;
  readonly logId: string;
  readonly processLog: Pick<Log, 'warn' | 'error'>;
  /** Nothing is watched any more: the log holds what this release must not pass, or a rule failed. */
  readonly onFailure: (error: unknown) => void;
}

interface Told {
  readonly finding: Finding;
  readonly position: bigint;
  /** Whether channels are told at once. */
  readonly tells: boolean;
}

/**
 * Follows what keys do and raises what the rules find, in the order of the log. Any number of workers may do so: they compute
 * the same alerts under the same ids, and the first append counts. What the rules remember is kept beside the read models, as
 * of a fact up to which everything was raised; without it the state is folded from the log, and nothing is raised again up to
 * the newest alert of the log. Findings of one fact are told one after the other, so a worker may end between two of them: going
 * on from a kept state, the same rules find the same again, and what is told already adds nothing.
 */
export class RaiseAlerts {
  readonly #watches: Map<string, RegistryWatch>;
  readonly #changed = new Set<RegistryWatch>();
  readonly #untold: Told[] = [];
  /** Whatever was found up to there is told, or is not to be. */
  readonly #toldUpTo: bigint;
  #subscription: Subscription | undefined;
  #newest: RecordedFact | undefined;
  #telling: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #raised = 0;

  private constructor(
    private readonly parts: RaiseAlertsParts,
    private readonly state: AlertState,
  ) {
    this.#watches = state.load();
    const newest = newestFound(parts.readModels.database) ?? -1n;
    // Of the newest fact that was told of some findings may be missing. Rules that begin anew may judge it otherwise than those
    // that told of it: they cannot tell what is missing from what is new.
    this.#toldUpTo = state.position === undefined ? newest : newest - 1n;
  }

  /** The tables have to have caught up with the log. */
  static async start(parts: RaiseAlertsParts): Promise<RaiseAlerts> {
    const { log, logId, stateFile, onFailure } = parts;
    const started = new RaiseAlerts(parts, await AlertState.open(stateFile, logId, log));
    started.#subscription = log.subscribe(started.state.position, WATCHED_CATEGORIES, {
      onEvents: (events) => started.#apply(events),
      onFailure,
    });
    started.#timer = setInterval(() => started.#keep(), KEEP_EVERY_MS);
    return started;
  }

  /** Alerts and repeats that this process recorded, or found recorded, since the start. */
  get raised(): number {
    return this.#raised;
  }

  /** Findings that wait for the event store. */
  get waiting(): number {
    return this.#untold.length;
  }

  /** Commit position of the newest fact that the rules have seen. */
  get position(): bigint | undefined {
    return this.#newest?.position ?? this.state.position;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#subscription?.close();
    await this.#telling;
    this.#keep();
    this.state.close();
  }

  #apply(events: readonly RecordedFact[]): void {
    for (const event of events) {
      const registry = registryOf(event);
      if (registry === undefined) continue;
      const watch = this.#watchOf(registry);
      const found = watch.apply(event);
      this.#changed.add(watch);
      if (event.position <= this.#toldUpTo) continue;
      for (const finding of found) this.#note(watch, finding, event.position);
    }
    this.#newest = events.at(-1) ?? this.#newest;
    if (this.#untold.length > 0) this.#telling ??= this.#tell().finally(() => (this.#telling = undefined));
  }

  #note(watch: RegistryWatch, finding: Finding, position: bigint): void {
    const time = Date.now();
    if (finding.at < time - NEWS_MS) return;
    const tells = !isHeld(finding.severity, watch.configuration, time);
    this.#untold.push({ finding, position, tells });
  }

  #watchOf(registry: string): RegistryWatch {
    let watch = this.#watches.get(registry);
    if (!watch) this.#watches.set(registry, (watch = new RegistryWatch(registry)));
    return watch;
  }

  /** One after the other, so that the newest alert of the log says up to where all were raised. */
  async #tell(): Promise<void> {
    while (!this.#closed && this.#untold.length > 0) {
      try {
        await this.#raise(this.#untold[0]!);
        this.#raised += 1;
        this.#untold.shift();
      } catch (error) {
        if (error instanceof EventStoreUnavailable) {
          await new Promise((resume) => setTimeout(resume, PAUSE_MS));
          continue;
        }
        const { alert, rule } = this.#untold.shift()!.finding;
        this.parts.processLog.error({ alert, rule, error: String(error) }, 'an alert could not be raised');
      }
    }
  }

  async #raise({ finding, position, tells }: Told): Promise<void> {
    const context = {
      commandId: uuidv5(`${finding.alert} ${finding.count}`, COMMANDS),
      actor: { type: 'system', id: 'raise-alerts' } as const,
      correlationId: `raise-alerts.${finding.alert}`,
    };
    await this.parts.log.transact(alerts, finding.alert, tellAlert(finding, now(), position, tells), context);
  }

  /** Only when everything that was found is raised: after a crash the fold goes on from here. */
  #keep(): void {
    if (this.#untold.length > 0 || this.#newest === undefined) return;
    const changes = new Map<string, WatchSnapshot>();
    for (const watch of this.#changed) changes.set(watch.registry, watch.takeChanges());
    if (changes.size === 0) return;
    try {
      this.state.save(changes, this.#newest);
      this.#changed.clear();
    } catch (error) {
      // What was taken is not in the file: it has to be kept with what follows, so nothing less than all of it will do.
      this.parts.processLog.warn({ error: String(error) }, 'the state of the rules could not be kept');
      this.parts.onFailure(error);
    }
  }
}
