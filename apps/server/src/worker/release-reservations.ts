import type { EventLog } from '#libs/event-store';
import { users } from '#libs/identity';
import { mintUuid, now, type Log } from '#libs/platform';
import { unusedReservations, type ReadModels, type UnusedReservation } from '#libs/read-models';
import {
  emails,
  hosts,
  registries,
  releaseAbandoned,
  RESERVATION_EXPIRES_AFTER_MS,
  reserve,
  slugs,
} from '#libs/registries';

/** In one round of the reconciler. */
const AT_ONCE = 500;

const KINDS = {
  slug: { stream: slugs, taken: 'slug-taken' },
  host: { stream: hosts, taken: 'host-taken' },
  email: { stream: emails, taken: 'email-taken' },
} as const;

/**
 * Frees names whose holders do not use them: what a command left that died between the reservation and its own fact, or
 * between that and the release. Whoever asks for such a name frees it too; here it is freed also when nobody asks. A round
 * does the work itself: it needs no queue, since a name that is released twice is released once.
 */
export class ReleaseReservations {
  constructor(
    private readonly eventLog: EventLog,
    private readonly readModels: ReadModels,
    private readonly log: Log,
  ) {}

  async reconcile(): Promise<void> {
    const before = new Date(Date.now() - RESERVATION_EXPIRES_AFTER_MS).toISOString();
    const unused = unusedReservations(this.readModels.database, before, AT_ONCE);
    const released = unused.map((reservation) => this.release(reservation));
    const failed = (await Promise.allSettled(released)).filter(({ status }) => status === 'rejected');
    if (failed.length > 0) this.log.warn({ failed: failed.length }, 'names could not be released yet');
  }

  /** The tables may be behind the log: what counts is the holder's stream, also once more after the release. */
  private async release(reservation: UnusedReservation): Promise<void> {
    const { kind, name, holder } = reservation;
    const { stream, taken } = KINDS[kind];
    if (await this.isUsed(reservation)) return;
    const context = () => ({
      commandId: mintUuid(),
      actor: { type: 'system', id: 'release-reservations' } as const,
      correlationId: `release-reservations.${holder}`,
    });
    const { facts } = await this.eventLog.transact(stream, name, releaseAbandoned(holder, now()), context());
    if (facts.length === 0 || !(await this.isUsed(reservation))) return;
    await this.eventLog.transact(stream, name, reserve(holder, now(), taken), context());
  }

  private async isUsed({ kind, name, holder }: UnusedReservation): Promise<boolean> {
    if (kind === 'email') {
      const { status } = (await this.eventLog.read(users, holder)).state;
      return status !== 'none' && status !== 'erased';
    }
    const { state } = await this.eventLog.read(registries, holder);
    return state.status !== 'none' && (kind === 'slug' ? state.slug === name : state.hosts.includes(name));
  }
}
