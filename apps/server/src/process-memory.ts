import type { AccessModel } from '#libs/access';
import type { RecordedFact } from '#libs/kernel';
import { allMembers } from '#libs/read-models';
import type { Database } from '#libs/sqlite';
import { loadAccess } from './access-view.js';
import { IDENTITY_CATEGORIES, type IdentityFeed } from './api/identity/identity-feed.js';
import type { Membership } from './membership/membership.js';

/** What this process keeps in memory of the log, and the order in which a fact reaches its parts. */
export class ProcessMemory {
  constructor(
    /** In a process with a gate. */
    private readonly access: AccessModel | undefined,
    /** In a process with an API. */
    private readonly identity: IdentityFeed | undefined,
    private readonly membership: Membership,
  ) {}

  /**
   * Categories that no table follows. A gate follows the facts of users too and keeps nothing of them: whoever ends an access
   * token waits until every member has passed that fact, and would else wait for the gate's next renewal.
   */
  get watched(): readonly string[] {
    const decides = this.access !== undefined || this.identity !== undefined;
    return [...this.membership.categories, ...(decides ? IDENTITY_CATEGORIES : [])];
  }

  /** Fills it from the tables. */
  load(database: Database, position: bigint | undefined): void {
    if (this.access) loadAccess(this.access, database, position);
    // Read as a whole and last: nothing stays of tables that turn out to be damaged on the way.
    const members = this.identity ? allMembers(database) : [];
    for (const { registry, user, role } of members) this.identity!.model.loadMember(registry, user, role);
  }

  /** What is decided by comes first; the membership learns last, because it says that all of it is applied. */
  apply(events: readonly RecordedFact[]): void {
    for (const event of events) {
      this.access?.apply(event);
      this.identity?.apply(event);
      this.membership.apply(event);
    }
    this.membership.appliedUpTo(events.at(-1)!.position);
  }
}
