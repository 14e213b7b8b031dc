/**
 * Wrong readings of ARCHITECTURE.md section 6 and of docs/revocation.md, one at a time. The product has none of these
 * switches: the simulated processes misuse it, or stand in its way.
 */
export const MUTANTS = {
  sameNameAcknowledges: 'a process acknowledges for all that have the same name',
  retriesOldRenewal: 'a renewal that did not come back is sent again with its old id',
  leaseFromAnswer: 'the lease counts from the answer of the append, not from before the send',
  effectiveAtAnswer: 'the lease takes effect with the answer of the append, not through the subscription',
  localTimer: 'the lease is renewed by a local timer while the subscription is connected',
  publishesRead: 'the position read is published, not the one applied',
  waitFromBefore: 'the wait counts from before the append',
  shortWait: 'the wait is L·(1+2ρ)',
  noDrift: 'the wait is L',
  membersTooEarly: 'the members are counted before the own subscription has passed the position',
  secondAtOnce: 'whoever revokes a second time is answered at once',
  cachedClock: 'a request is decided with a reading of the clocks from before it',
  grantBeforeLease: 'the grant is looked up before the lease is waited for',
  ignoresWall: 'the wall clock is not looked at',
  ignoresUnknown: 'a process that has just started reckons with no member that it does not know',
  unknownSinceStart: 'that it does not know members counts from its start, not from when it had caught up',
  keepsNewestRenewal: 'the store keeps the newest renewal of a process alone',
  anyRevision: 'a renewal is stored at whatever revision its stream is, also when a newer one is there',
  releasedTooEarly: 'a process gives up its lease before it has stopped deciding',
  servesRestoredLog: 'a process goes on when the log was restored, and does not notice',
  everyMemberEver: 'every gate ever seen is waited for',
  waitsForRenewal: 'no renewal is sent before the last one has come back',
} as const;

export type Mutant = keyof typeof MUTANTS;
export type Variant = Mutant | 'as built';

/** These two only cost time; the others let revoked keys through. */
export const ONLY_SLOW: ReadonlySet<Mutant> = new Set(['everyMemberEver', 'waitsForRenewal']);
