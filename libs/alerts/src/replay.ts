import { RegistryWatch, type Override, type WatchedFact } from './alert-watch.js';
import type { Finding } from './finding.js';
import type { RuleName } from './rules.js';

/** What a replay is asked for. Times in ms since the epoch. */
export interface ReplayAsked {
  readonly registry: string;
  readonly rule: RuleName;
  /** Uses from this time on, */
  readonly from: number;
  /** and before this one. */
  readonly to: number;
  /** Tried out in place of what was laid down. */
  readonly override?: Override;
}

/**
 * What a rule would have found, by the very code that runs live: it folds the facts of the registry from the beginning of what
 * the log still has, since habits are older than the time that is asked about. Facts of other registries change nothing.
 */
export class RuleReplay {
  readonly #watch: RegistryWatch;

  constructor(private readonly asked: ReplayAsked) {
    this.#watch = new RegistryWatch(asked.registry, undefined, asked.override);
  }

  apply(fact: WatchedFact): readonly Finding[] {
    const { registry, rule, from, to } = this.asked;
    const owner = fact.category === 'registry' ? fact.id : (fact.data as { registry?: unknown }).registry;
    if (owner !== registry) return [];
    return this.#watch
      .apply(fact)
      .filter((finding) => finding.rule === rule && finding.at >= from && finding.at < to);
  }
}
