/*
 * Who may decide from memory, and when a revocation may be answered (ARCHITECTURE.md section 6; docs/revocation.md).
 *
 * `Lease` is this process's own; `Members` what its subscription tells of everyone's; `Barrier` one wait, which ends when no
 * member decides without a position. They compute only: the runtime (apps/server/src/membership) and the simulation
 * (test/sim) bring clocks, log and Redis, and keep to this order.
 *
 * Member: `sending` with a fresh reading, then the only append, at `expectedRevision`. For each event delivered: apply it to
 * what is kept in memory, then `renewed`/`released`, then `delivered` for its own; after that publish the position. For each
 * request: `isHeld` with a fresh reading, and the look-up of the grant in the same synchronous step.
 * Before the first renewal, the store is told to keep RENEWALS_KEPT facts of the stream.
 *
 * Who revokes: append, then (the answer being there, or the event having been read) a fresh reading as `answeredAt`, then a
 * `Barrier`; `applied` for what each member has published, `outcome` at each progress and at `overAt` at the latest.
 *
 * All processes have the same LEASE_SECONDS. To make leases longer, the nodes that revoke are restarted with the new setting
 * first, then the members; to make them shorter, the other way round.
 */
export * from './barrier.js';
export { leaseFacts } from './catalogue.js';
export * from './facts.js';
export * from './lease.js';
export * from './members.js';
export * from './reading.js';
