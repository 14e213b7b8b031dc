import { Injectable } from '@nestjs/common';
import type { RecordedFact } from '#libs/kernel';
import { ReadModels } from '#libs/read-models';
import { FEED_CATEGORIES } from './shown-facts.js';

/** Facts kept in memory for whoever follows closely: some 2 MB. Whoever is further behind reads the log. */
const KEPT = 1_024;

/**
 * The newest facts that this node has applied, from its one subscription: every follower of the feed reads them here, and waits
 * here for the next. Facts are in it once memory and tables have them, so rights are never older than what they guard.
 */
@Injectable()
export class RecentChanges {
  private facts: readonly RecordedFact[] = [];
  private readonly waiting = new Set<() => void>();
  private applied = 0;

  constructor(private readonly readModels: ReadModels) {
    readModels.whenApplied((facts) => this.add(facts));
  }

  /** Rises whenever something was added. */
  get version(): number {
    return this.applied;
  }

  /** Commit position of the newest fact of the feed on this node; 0 when there is none. */
  get head(): bigint {
    return this.facts.at(-1)?.position ?? this.readModels.checkpoint ?? 0n;
  }

  /** Everything after a position; undefined when it may go back further than what is kept. */
  after(position: bigint): readonly RecordedFact[] | undefined {
    const { facts } = this;
    if (facts.length === 0 || position < facts[0]!.position) return undefined;
    return facts.slice(facts.findLastIndex((fact) => fact.position <= position) + 1);
  }

  /** Resolves once something was added after `version` was read, when the signal ends it, or after `withinMs`. */
  async addedSince(version: number, withinMs: number, signal: AbortSignal): Promise<void> {
    if (version !== this.applied || signal.aborted) return;
    let wake: () => void = () => undefined;
    const woken = new Promise<void>((resolve) => (wake = resolve));
    const timer = setTimeout(wake, withinMs);
    signal.addEventListener('abort', wake);
    this.waiting.add(wake);
    try {
      await woken;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      this.waiting.delete(wake);
    }
  }

  private add(applied: readonly RecordedFact[]): void {
    const facts = applied.filter(({ category }) => FEED_CATEGORIES.includes(category));
    if (facts.length === 0) return;
    this.facts = [...this.facts, ...facts].slice(-KEPT);
    this.applied++;
    for (const wake of this.waiting) wake();
  }
}
