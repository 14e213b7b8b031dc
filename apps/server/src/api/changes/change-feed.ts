import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { EventLog } from '#libs/event-store';
import type { RecordedFact } from '#libs/kernel';
import { ReadModels } from '#libs/read-models';
import type { Caller } from '../http/caller.js';
import { Problem } from '../http/problems.js';
import { STANDING, type Standing } from '../http/standing.js';
import { Follower, type Seen } from './follower.js';
import { RecentChanges } from './recent-changes.js';
import { FEED_CATEGORIES } from './shown-facts.js';

/** Feeds of one user at a node at the same time, polls and streams together: browser tabs and a few programs. */
const FEEDS_MAX = 16;
/** Positions are 63 bits in every store. */
const POSITION_MAX = 2n ** 63n - 1n;

/** What of the feed is asked for. */
export interface Wanted {
  /** Types of facts; undefined = all. */
  readonly types: readonly string[] | undefined;
  /** Items at most. */
  readonly limit: number;
}

export interface Batch extends Seen {
  /** Nothing newer is applied on this node. */
  readonly atHead: boolean;
  /** It took a page of the log. */
  readonly behind: boolean;
}

/** Facts after a position, as a caller may see them. A follower keeps nothing here but its place. */
@Injectable()
export class ChangeFeed implements OnModuleDestroy {
  private readonly end = new AbortController();
  private readonly open = new Map<string, number>();
  private reading: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly recent: RecentChanges,
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
    @Inject(STANDING) private readonly standing: Standing,
  ) {}

  /** Aborted when the server ends: every feed ends then. */
  get ended(): AbortSignal {
    return this.end.signal;
  }

  onModuleDestroy(): void {
    this.end.abort();
  }

  /** Runs `follow` as one of the caller's feeds. Throws 429 `too-many-feeds` when there are as many as there may be. */
  async following<T>(caller: Caller, follow: (follower: Follower) => Promise<T>): Promise<T> {
    const { userId } = caller;
    const open = this.open.get(userId) ?? 0;
    if (open >= FEEDS_MAX)
      throw new Problem(
        'too-many-feeds',
        `You follow the change feed ${FEEDS_MAX} times on this node already.`,
      );
    this.open.set(userId, open + 1);
    try {
      return await follow(new Follower(caller, this.standing, this.readModels));
    } finally {
      const left = this.open.get(userId)! - 1;
      if (left > 0) this.open.set(userId, left);
      else this.open.delete(userId);
    }
  }

  /**
   * Where a feed begins: after this position, or now. Throws 400 `unknown-position` for one that is no event's and that the log
   * cannot be read from, and for one beyond its end, of which this node may lack the last events: then it waits for them.
   */
  async start(after: string | undefined): Promise<bigint> {
    if (after === undefined) return this.recent.head;
    const position = BigInt(after);
    const isApplied = position <= (this.readModels.position ?? 0n);
    if (isApplied ? await this.canReadFrom(position) : await this.isInLog(position)) return position;
    const detail = isApplied ? 'after is no position of an event.' : 'after is beyond the end of the log.';
    const errors = [{ parameter: 'after', code: 'unknown-position', detail }];
    throw new Problem('unknown-position', detail, { errors });
  }

  /** One page of the log after a position, or what is newer than it in memory. Throws as `Follower.see` does. */
  async read(follower: Follower, after: bigint, { types, limit }: Wanted): Promise<Batch> {
    if (this.log.laterRelease) throw this.log.laterRelease;
    const recent = this.recent.after(after);
    const facts = recent ?? (await this.fromLog(after));
    if (facts.length === 0) {
      await follower.requireCredential();
      return { items: [], next: after, atHead: true, behind: false };
    }
    const wanted = (type: string) => types === undefined || types.includes(type);
    return { ...(await follower.see(facts, wanted, limit)), atHead: false, behind: recent === undefined };
  }

  get version(): number {
    return this.recent.version;
  }

  /** See RecentChanges. */
  addedSince(version: number, withinMs: number, signal: AbortSignal): Promise<void> {
    return this.recent.addedSince(version, withinMs, signal);
  }

  /** 0 is the beginning. What memory holds is not asked for. */
  private async canReadFrom(position: bigint): Promise<boolean> {
    return position === 0n || this.recent.after(position) !== undefined || this.log.canReadFrom(position);
  }

  private async isInLog(position: bigint): Promise<boolean> {
    return position <= POSITION_MAX && (await this.log.eventAt(position)) !== undefined;
  }

  /**
   * One page at a time on this node, whoever asks: catching up must not take the log from those who work. What this node has not
   * applied yet is left out, because whoever sees it would be judged by older rights.
   */
  private fromLog(after: bigint): Promise<readonly RecordedFact[]> {
    const page = this.reading.then(() => this.log.readAllAfter(after, FEED_CATEGORIES));
    this.reading = page.catch(() => undefined);
    return page.then((facts) => {
      const applied = this.readModels.position ?? -1n;
      return facts.filter(({ position }) => position <= applied);
    });
  }
}
