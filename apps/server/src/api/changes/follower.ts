import type { RecordedFact } from '#libs/kernel';
import { findKey, type ReadModels } from '#libs/read-models';
import type { Caller } from '../http/caller.js';
import type { Standing } from '../http/standing.js';
import { needOf, shownFact, type ShownFact } from './shown-facts.js';

export interface Seen {
  readonly items: readonly ShownFact[];
  /** Commit position up to which the facts were looked at. */
  readonly next: bigint;
}

/** Somebody who follows the feed, for as long as the session or access token holds that the request came with. */
export class Follower {
  constructor(
    private readonly caller: Caller,
    private readonly standing: Standing,
    private readonly readModels: ReadModels,
  ) {}

  /** What the follower may see of these facts, by the rights of now, up to `limit`. Throws as `Standing.decide` does. */
  see(facts: readonly RecordedFact[], wanted: (type: string) => boolean, limit: number): Promise<Seen> {
    return this.standing.decide(this.caller, () => {
      const items: ShownFact[] = [];
      for (const fact of facts) {
        const item = wanted(fact.type) ? this.shown(fact) : undefined;
        if (item) items.push(item);
        if (items.length === limit) return { items, next: fact.position };
      }
      return { items, next: facts.at(-1)!.position };
    });
  }

  /** Throws 401 when session or token have ended, as far as this node knows. */
  requireCredential(): Promise<void> {
    return this.standing.require(this.caller);
  }

  /** Text that changes whenever the follower's rights do. */
  rights(): string {
    return this.standing.rights(this.caller);
  }

  private shown(fact: RecordedFact): ShownFact | undefined {
    const need = needOf(fact);
    if (!need) return undefined;
    if (need.of === 'installation')
      return this.standing.administers(this.caller) ? shownFact(fact, need) : undefined;
    const rights = this.caller.rights(need.registry);
    const may =
      need.of === 'registry'
        ? rights.has(need.right)
        : rights.has('audit') || (rights.has('audit-own') && this.generated(need.registry, need.key));
    return may ? shownFact(fact, need) : undefined;
  }

  /** The tables have every fact that the feed has. */
  private generated(registry: string, key: string): boolean {
    return findKey(this.readModels.database, registry, key)?.createdBy === this.caller.userId;
  }
}
