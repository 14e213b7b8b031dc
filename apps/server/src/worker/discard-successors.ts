import type { EventLog } from '#libs/event-store';
import { keys, revokeKey, UNLINKED_DISCARDED_AFTER_MS } from '#libs/keys';
import { mintUuid, now, type Log } from '#libs/platform';
import { unlinkedSuccessors, type ReadModels } from '#libs/read-models';

/** In one round of the reconciler. */
const AT_ONCE = 500;

/**
 * Revokes successors that no key is linked to: whoever rotated died between the two facts, and nobody was shown the secret.
 * A round does the work itself: it needs no queue, since a key that is revoked twice is revoked once.
 */
export class DiscardSuccessors {
  constructor(
    private readonly eventLog: EventLog,
    private readonly readModels: ReadModels,
    private readonly log: Log,
  ) {}

  async reconcile(): Promise<void> {
    const before = new Date(Date.now() - UNLINKED_DISCARDED_AFTER_MS).toISOString();
    const unlinked = unlinkedSuccessors(this.readModels.database, before, AT_ONCE);
    const discarded = unlinked.map((successor) => this.discard(successor));
    const failed = (await Promise.allSettled(discarded)).filter(({ status }) => status === 'rejected');
    if (failed.length > 0) this.log.warn({ failed: failed.length }, 'successors could not be discarded yet');
  }

  /** The tables may be behind the log: what counts is the stream of the key that it was to take over from. */
  private async discard({
    id,
    registry,
    rotates,
  }: {
    id: string;
    registry: string;
    rotates: string;
  }): Promise<void> {
    const { state } = await this.eventLog.read(keys, rotates);
    if (state.status !== 'none' && state.rotation?.successor === id) return;
    const decision = revokeKey({ registry, at: now(), cause: 'discarded' });
    await this.eventLog.transact(keys, id, decision, {
      commandId: mintUuid(),
      actor: { type: 'system', id: 'discard-successors' },
      correlationId: `discard-successors.${id}`,
    });
  }
}
