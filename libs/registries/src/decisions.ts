import { Refusal, type Decision } from '#libs/kernel';
import type { RegistryCreated, RegistryFact, RegistryState } from './registry.js';

/** A new registry with the custom hosts that were reserved for it. Asking again with the same slug adds nothing. */
export function createRegistry(
  data: RegistryCreated['data'],
  hosts: readonly string[],
): Decision<RegistryState, RegistryFact> {
  return (state) => {
    if (state.status !== 'none') {
      if (state.slug === data.slug) return [];
      throw new Refusal('conflict', 'a registry with this id exists already');
    }
    return [{ type: 'RegistryCreated', data }, ...hosts.map((host) => hostAdded(host, data.at))];
  };
}

/** The registry answers on one more host. Asking again adds nothing. */
export function addHost(host: string, at: string): Decision<RegistryState, RegistryFact> {
  return (state) => {
    if (state.status === 'none') throw new Refusal('not-found', 'there is no such registry');
    return state.hosts.includes(host) ? [] : [hostAdded(host, at)];
  };
}

function hostAdded(host: string, at: string): RegistryFact {
  return { type: 'HostAdded', data: { at, host } };
}
