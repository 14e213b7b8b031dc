import { newestRevision, type PlacedFact, type StreamRead } from '#libs/event-store';
import { belongs, isSeenInKey, type KeyState } from '#libs/keys';
import type { Precondition } from '../http/versions.js';

/** The version of a key: its `ETag`. The row of the read model has the same. */
export function keyVersion(history: readonly PlacedFact[]): bigint {
  return newestRevision(history, isSeenInKey);
}

/** For `EventLog.transact`: the key is in the version that the caller has seen. A key of another registry is not there at all. */
export function keyIs(
  ifMatch: Precondition | undefined,
  registry: string,
): (read: StreamRead<KeyState>) => void {
  return ({ state, events }) => {
    if (belongs(state, registry)) ifMatch?.require(keyVersion(events));
  };
}
