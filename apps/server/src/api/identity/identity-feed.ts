import type { EventLog } from '#libs/event-store';
import { administrators, IdentityModel, users } from '#libs/identity';
import type { RecordedFact } from '#libs/kernel';

/** What the subscription has to deliver beside what the read models need. */
export const IDENTITY_CATEGORIES: readonly string[] = [users.category, administrators.category];
/** Members come with the facts of their registry. */
const REGISTRY = 'registry';

/**
 * Fills this API node's memory of users, tokens and roles from the log, and keeps it up to date. Nothing is to be decided from
 * `model` before `fill` has resolved; what the subscription delivers until then waits.
 */
export class IdentityFeed {
  readonly model = new IdentityModel();
  private waiting: RecordedFact[] | undefined = [];
  private erased: (user: string) => void = () => undefined;

  constructor(private readonly log: EventLog) {}

  /** Calls the listener for every user whose erasure is applied here. */
  whenErased(listener: (user: string) => void): void {
    this.erased = listener;
  }

  /** A fact of the log, from the one subscription. Others than those about users, administrators and members are ignored. */
  apply(fact: RecordedFact): void {
    if (fact.category !== REGISTRY && !IDENTITY_CATEGORIES.includes(fact.category)) return;
    if (this.waiting) this.waiting.push(fact);
    else this.know(fact);
  }

  /** Reads all users, which the tables hold nothing of. The subscription must have begun: whatever is newer comes through it. */
  async fill(): Promise<void> {
    for (let after: bigint | undefined; ;) {
      const page = await this.log.readAllAfter(after, IDENTITY_CATEGORIES);
      if (page.length === 0) break;
      for (const fact of page) this.know(fact);
      after = page.at(-1)!.position;
    }
    const { waiting = [] } = this;
    this.waiting = undefined;
    for (const fact of waiting) this.know(fact);
  }

  private know(fact: RecordedFact): void {
    this.model.apply(fact);
    if (fact.type === 'UserErased') this.erased(fact.id);
  }
}
