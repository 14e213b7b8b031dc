import type { Fact, StreamKind } from '#libs/kernel';

/**
 * `renewal`: the random id of this one renewal. `label`: the host's name, for people; it identifies nothing.
 * `leaseMs`: how long this process's leases are, so that whoever waits for one of them waits long enough whatever its own setting.
 */
export type LeaseRenewed = Fact<
  'LeaseRenewed',
  { readonly at: string; readonly renewal: string; readonly label: string; readonly leaseMs: number }
>;
/** Written only after the process has stopped deciding. */
export type LeaseReleased = Fact<'LeaseReleased', { readonly at: string }>;
export type LeaseFact = LeaseRenewed | LeaseReleased;

/**
 * The store keeps this many of the newest facts of a lease stream (`$maxCount`). Keeping the newest alone would hide leases
 * that hold: a reader that is behind would miss the renewal before a revocation, and learn of the one after it only. Renewals
 * are sent a third of a lease apart, each at the revision that the sender knows (`Lease.expectedRevision`), so those that
 * follow one within its lease are two; one more is spare.
 */
export const RENEWALS_KEPT = 4;

/** What folds from a lease stream; only to look at: each process times leases by its own clock. */
export interface LeaseStream {
  readonly newest: string | undefined;
  readonly released: boolean;
}

/** Stream `lease-<incarnation>`. */
export const leases: StreamKind<LeaseStream, LeaseFact> = {
  category: 'lease',
  initial: { newest: undefined, released: false },
  evolve: (state, fact) =>
    fact.type === 'LeaseRenewed'
      ? { newest: fact.data.renewal, released: false }
      : { ...state, released: true },
};
