import type { Log } from '#libs/platform';

/** A kind of background work whose jobs follow from the read model. */
export interface Reconciled {
  reconcile(): Promise<void>;
}

/** Whatever Redis lost is back within 60 s at the latest: two rounds and some slack. */
const ROUND_EVERY_MS = 20_000;

/**
 * Makes sure that every desired job exists. A plain timer in every worker, because a scheduler kept in Redis would die
 * with Redis. Each kind goes its own way: one that waits for Redis, or fails, keeps no other from its work, and is not
 * joined by a second round of its own.
 */
export class Reconciler {
  private timer: NodeJS.Timeout | undefined;
  private readonly running = new Set<Reconciled>();

  constructor(
    private readonly kinds: readonly Reconciled[],
    private readonly log: Log,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.round(), ROUND_EVERY_MS);
    this.round();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private round(): void {
    for (const kind of this.kinds) if (!this.running.has(kind)) void this.reconcile(kind);
  }

  private async reconcile(kind: Reconciled): Promise<void> {
    this.running.add(kind);
    try {
      await kind.reconcile();
    } catch (error) {
      const what = kind.constructor.name;
      this.log.warn({ what, error: String(error) }, 'a round of the reconciler failed; the next one follows');
    } finally {
      this.running.delete(kind);
    }
  }
}
