import type { CommandContext, EventLog } from '#libs/event-store';
import { users } from '#libs/identity';
import { mintUuid, now, type Log } from '#libs/platform';
import {
  unfinishedReservations,
  type NameKind,
  type ReadModels,
  type UnfinishedReservation,
} from '#libs/read-models';
import {
  emails,
  hosts,
  identities,
  registries,
  releaseAbandoned,
  RESERVATION_EXPIRES_AFTER_MS,
  reserveIfFree,
  slugs,
} from '#libs/registries';

/** In one round of the reconciler. */
const AT_ONCE = 500;

const STREAMS = { slug: slugs, host: hosts, email: emails, identity: identities } as const;

/**
 * Frees names whose holders do not use them: what a command left that died between the reservation and its own fact, or
 * between that and the release. Whoever asks for such a name frees it too; here it is freed also when nobody asks. And takes
 * names for those who use them and do not hold them, since their fact came only after the name was given up. A round does the
 * work itself: it needs no queue, since a name that is released or taken twice is so once.
 */
export class ReleaseReservations {
  constructor(
    private readonly eventLog: EventLog,
    private readonly readModels: ReadModels,
    private readonly log: Log,
  ) {}

  async reconcile(): Promise<void> {
    const before = new Date(Date.now() - RESERVATION_EXPIRES_AFTER_MS).toISOString();
    const unfinished = unfinishedReservations(this.readModels.database, before, AT_ONCE);
    const finished = unfinished.map((reservation) => this.finish(reservation));
    const failed = (await Promise.allSettled(finished)).filter(({ status }) => status === 'rejected');
    if (failed.length > 0)
      this.log.warn({ failed: failed.length }, 'names could not be released or completed yet');
  }

  /** The tables may be behind the log: what counts is the stream of whoever may use the name, also once more after a release. */
  private async finish({ kind, name, holder, usedBy }: UnfinishedReservation): Promise<void> {
    if (holder === null) return this.complete(kind, name, usedBy!);
    if (await this.isUsed(kind, name, holder)) return;
    const decision = releaseAbandoned(holder, now());
    const { facts } = await this.eventLog.transact(STREAMS[kind], name, decision, contextOf(holder));
    if (facts.length > 0) await this.complete(kind, name, holder);
  }

  private async complete(kind: NameKind, name: string, user: string): Promise<void> {
    if (!(await this.isUsed(kind, name, user))) return;
    const decision = reserveIfFree(user, now());
    await this.eventLog.transact(STREAMS[kind], name, decision, contextOf(user));
  }

  private async isUsed(kind: NameKind, name: string, by: string): Promise<boolean> {
    if (kind === 'slug' || kind === 'host') {
      const { state } = await this.eventLog.read(registries, by);
      return state.status !== 'none' && (kind === 'slug' ? state.slug === name : state.hosts.includes(name));
    }
    const { state } = await this.eventLog.read(users, by);
    if (state.status === 'none' || state.status === 'erased') return false;
    return kind === 'email' || Object.values(state.identities).includes(name);
  }
}

function contextOf(holder: string): CommandContext {
  return {
    commandId: mintUuid(),
    actor: { type: 'system', id: 'release-reservations' },
    correlationId: `release-reservations.${holder}`,
  };
}
