import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { EventLog } from '#libs/event-store';
import { JobQueue, type QueuePlace } from '#libs/jobs';
import type { Log, Metrics } from '#libs/platform';
import { verifyModels, type Projection, type Verification } from '#libs/read-models';

/** A fault that lets tables drift is found within a day; a replay of 1,000,000 events takes about a minute of one core. */
const VERIFY_EVERY_MS = 24 * 3_600_000;

/** What the last comparison of this node's read-model file with the log has found; for the metric and `/v1/status`. */
export class DriftReport {
  private last: { readonly at: string; readonly verification: Verification } | undefined;

  constructor(metrics: Metrics) {
    metrics.gauge(
      'dockreg_projection_drift',
      'Tables of the read model that differ from a replay of the log; -1 before the first comparison',
      () => this.last?.verification.drift.length ?? -1,
    );
    metrics.gauge(
      'dockreg_projection_verified_timestamp_seconds',
      'When the read model was last compared with a replay of the log; 0 before the first comparison',
      () => (this.last ? Date.parse(this.last.at) / 1_000 : 0),
    );
  }

  found(verification: Verification): void {
    this.last = { at: new Date().toISOString(), verification };
  }

  /** `null` before the first comparison. */
  get status(): object | null {
    if (!this.last) return null;
    const { at, verification } = this.last;
    const { position, events, drift } = verification;
    return { at, position: position?.toString() ?? null, events, drift };
  }
}

/**
 * Replays the log beside the read model once a day and compares. What it finds is logged and reported, never repaired:
 * a difference is a fault in the code or on the disk, and whoever looks for it needs both sides (docs/projections.md).
 */
export class VerifyProjections {
  private readonly queue: JobQueue<Record<string, never>>;
  private readonly closing = new AbortController();
  private running: Promise<Verification> | undefined;

  constructor(
    private readonly source: {
      readonly file: string;
      readonly logId: string;
      readonly log: EventLog;
      readonly projections: readonly Projection[];
      /** The minute from which the log has all facts of usage; asked at each comparison. */
      readonly agedBefore?: () => number;
    },
    queue: QueuePlace,
    private readonly report: DriftReport,
    private readonly log: Log,
  ) {
    this.queue = new JobQueue({
      ...queue,
      // Every node has a file of its own, so each has a queue of its own.
      name: `verify-projections.${nodeName(source.file)}`,
      process: () => this.verify().then(() => undefined),
      sweep: () => this.verify().then(() => undefined),
      sweepEveryMs: VERIFY_EVERY_MS,
      onError: (error) => {
        if (this.closing.signal.aborted) return;
        log.warn({ queue: 'verify-projections', error: String(error) }, 'a job or its queue failed');
      },
    });
  }

  /** Makes sure that the schedule exists. */
  reconcile(): Promise<void> {
    return this.queue.reconcile([]);
  }

  /** Compares at once; joins a comparison that is under way. Works in short turns, so that requests go on beside it. */
  verify(): Promise<Verification> {
    this.running ??= this.run().finally(() => (this.running = undefined));
    return this.running;
  }

  /** A comparison under way is given up. */
  close(): Promise<void> {
    this.closing.abort();
    return this.queue.close();
  }

  private async run(): Promise<Verification> {
    const startedAt = performance.now();
    const { agedBefore, ...source } = this.source;
    const verification = await verifyModels({
      ...source,
      ...(agedBefore && { agedBefore: agedBefore() }),
      signal: this.closing.signal,
    });
    this.report.found(verification);
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    const { position, events, drift } = verification;
    const facts = { position: position?.toString(), events, seconds };
    if (drift.length === 0) this.log.info(facts, 'the read model is what the log says');
    for (const one of drift) {
      this.log.error({ ...facts, ...one }, 'the read model has drifted from the log');
    }
    return verification;
  }
}

/** The same after every restart, another one for every node. */
function nodeName(file: string): string {
  return createHash('sha256').update(`${hostname()} ${file}`).digest('hex').slice(0, 12);
}
