import type { EventLog } from '#libs/event-store';
import { mintUuid, type Log } from '#libs/platform';
import { findRegistry, unprovenRevocations, type ReadModels } from '#libs/read-models';
import type { Membership } from '../membership/membership.js';
import { ProveRevocation } from '../membership/prove-revocation.js';

/** Whoever revoked a key proves it within a few seconds; after this it has died on the way. */
const OVERDUE_MS = 60_000;
/** In one round of the reconciler. */
const AT_ONCE = 500;

/**
 * Proves what somebody revoked and did not live to prove: the key is refused already, and its receipt should be there. A
 * round does the work itself: it needs no queue, since a key that is proven twice is proven once.
 */
export class ProveRevocations {
  private readonly proveRevocation: ProveRevocation;

  constructor(
    eventLog: EventLog,
    membership: Membership,
    private readonly readModels: ReadModels,
    private readonly log: Log,
  ) {
    this.proveRevocation = new ProveRevocation(eventLog, membership);
  }

  async reconcile(): Promise<void> {
    const { database } = this.readModels;
    const before = new Date(Date.now() - OVERDUE_MS).toISOString();
    const overdue = unprovenRevocations(database, before, AT_ONCE);
    const actor = { type: 'system', id: 'prove-revocations' } as const;
    const proofs = overdue.map(({ id, registry }) => {
      const serveReadsFor = findRegistry(database, registry)?.serveReadsFor ?? null;
      const context = { commandId: mintUuid(), actor, correlationId: `prove-revocations.${id}` };
      return this.proveRevocation.of({ id, registry, serveReadsFor }, context);
    });
    const failed = (await Promise.allSettled(proofs)).filter(({ status }) => status === 'rejected');
    if (failed.length > 0) this.log.warn({ failed: failed.length }, 'revocations could not be proven yet');
  }
}
