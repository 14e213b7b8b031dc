import { newestRevision, type PlacedFact, type StreamRead } from '#libs/event-store';
import { isSeenInPolicy, isSeenInRegistry, type RegistryState } from '#libs/registries';
import type { Precondition } from '../http/versions.js';

type Seen = (fact: PlacedFact) => boolean;

/** The version of a registry, its `ETag`. The row of the read model has the same. */
export function registryVersion(history: readonly PlacedFact[]): bigint {
  return newestRevision(history, isSeenInRegistry);
}

/** The version of a registry's policy. */
export function policyVersion(history: readonly PlacedFact[]): bigint {
  return newestRevision(history, isSeenInPolicy);
}

/** For `EventLog.transact`: what `isSeen` is in the version that the caller has seen. */
export function registryIs(ifMatch: Precondition | undefined, isSeen: Seen = isSeenInRegistry) {
  return ({ state, events }: StreamRead<RegistryState>): void => {
    if (state.status !== 'none') ifMatch?.require(newestRevision(events, isSeen));
  };
}
