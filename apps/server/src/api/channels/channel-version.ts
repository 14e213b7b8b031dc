import { newestRevision, type PlacedFact, type StreamRead } from '#libs/event-store';
import type { RegistryState } from '#libs/registries';
import type { Precondition } from '../http/versions.js';

/** The version of a channel: its `ETag`. The row of the read model has the same. */
export function channelVersion(history: readonly PlacedFact[], id: string): bigint {
  return newestRevision(
    history,
    ({ type, data }) => type === 'ChannelConfigured' && 'channel' in data && data.channel === id,
  );
}

/** For `EventLog.transact`: the channel is in the version that the caller has seen. One that there is not has none. */
export function channelIs(ifMatch: Precondition | undefined, id: string) {
  return ({ state, events }: StreamRead<RegistryState>): void => {
    if (state.status !== 'none' && state.channels.has(id)) ifMatch?.require(channelVersion(events, id));
  };
}
