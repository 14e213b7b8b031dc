import type { IdentityModel } from '#libs/identity';
import type { RecordedFact } from '#libs/kernel';
import { findKey, type ReadModels } from '#libs/read-models';
import type { Caller } from '../http/caller.js';
import { Problem } from '../http/problems.js';
import type { Sessions } from '../identity/sessions.js';
import type { UnderLease } from '../identity/under-lease.js';
import { needOf, shownFact, type ShownFact } from './shown-facts.js';

/** What a follower's rights are looked up in. */
export interface Sources {
  readonly model: IdentityModel;
  readonly sessions: Sessions;
  readonly underLease: UnderLease;
  readonly readModels: ReadModels;
}

export type Seen = { readonly items: readonly ShownFact[]; readonly next: bigint };

/** Somebody who follows the feed, for as long as the session or access token holds that the request came with. */
export class Follower {
  constructor(
    readonly caller: Caller,
    private readonly sources: Sources,
  ) {}

  /**
   * What the follower may see of these facts, by the rights of now, up to `limit`; `next` is the position up to which they were
   * looked at. Throws 401 when session or token have ended, 503 while this node may not decide.
   */
  async see(facts: readonly RecordedFact[], wanted: (type: string) => boolean, limit: number): Promise<Seen> {
    const credential = await this.credential();
    return this.sources.underLease.decide(() => {
      this.requireHolds(credential);
      const items: ShownFact[] = [];
      let next = facts.at(-1)!.position;
      for (const fact of facts) {
        const item = wanted(fact.type) ? this.shown(fact) : undefined;
        if (item) items.push(item);
        if (items.length < limit) continue;
        next = fact.position;
        break;
      }
      return { items, next };
    });
  }

  /** Throws 401 when session or token have ended, as far as this node knows; it asks for no lease. */
  async requireCredential(): Promise<void> {
    this.requireHolds(await this.credential());
  }

  /** Text that changes whenever the follower's rights do. */
  rights(): string {
    const { model } = this.sources;
    const { principal, userId } = this.caller;
    return JSON.stringify([
      model.administers(principal),
      model.isAdministrator(userId),
      ...model.rolesOf(userId),
    ]);
  }

  /** The password that opened the session, by its position; undefined with an access token, null once the session is over. */
  private async credential(): Promise<bigint | null | undefined> {
    const { session, userId } = this.caller;
    if (session === undefined) return undefined;
    // Not `find`: following is no use of the session that would keep it from running out.
    const open = await this.sources.sessions.of(userId);
    return open.find(({ id }) => id === session)?.credential ?? null;
  }

  private requireHolds(credential: bigint | null | undefined): void {
    const { principal, userId } = this.caller;
    const { model } = this.sources;
    const holds =
      credential === undefined
        ? model.stillHolds(principal, Date.now())
        : credential !== null && model.bySession(userId, credential) !== undefined;
    if (!holds) throw new Problem('not-authenticated', 'The session or access token has ended.');
  }

  private shown(fact: RecordedFact): ShownFact | undefined {
    const need = needOf(fact);
    if (!need) return undefined;
    const { caller, sources } = this;
    if (need.of === 'installation')
      return sources.model.administers(caller.principal) ? shownFact(fact, need) : undefined;
    const rights = caller.rights(need.registry);
    const may =
      need.of === 'registry'
        ? rights.has(need.right)
        : rights.has('audit') || (rights.has('audit-own') && this.generated(need.registry, need.key));
    return may ? shownFact(fact, need) : undefined;
  }

  /** The tables have every fact that the feed has. */
  private generated(registry: string, key: string): boolean {
    return findKey(this.sources.readModels.database, registry, key)?.createdBy === this.caller.userId;
  }
}
