import type { Log } from '#libs/platform';

/** A kind of background work whose jobs follow from the read model. */
export interface Reconciled {
  reconcile(): Promise<void>;
}

/** Whatever Redis lost is back within 60 s at the latest: two rounds and some slack. */
const ROUND_EVERY_MS = 20_000;

/**
 * Makes sure that every desired job exists. A plain timer in every worker, because a scheduler kept in Redis would die
 * with Redis. A round that waits for Redis is not joined by a second one.
 */
export class Reconciler {
  private timer: NodeJS.Timeout | undefined;
  private running = false;

  constructor(
    private readonly kinds: readonly Reconciled[],
    private readonly log: Log,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.round(), ROUND_EVERY_MS);
    void this.round();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async round(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      for (const kind of this.kinds) await kind.reconcile();
    } catch (error) {
      this.log.warn({ error: String(error) }, 'a round of the reconciler failed; the next one follows');
    } finally {
      this.running = false;
    }
  }
}
