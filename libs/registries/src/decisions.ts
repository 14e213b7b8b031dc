import { Refusal, type Decision } from '#libs/kernel';
import { memberAdded } from './members.js';
import { policyChanges, refuseImpossible, type RegistryPolicy } from './policy.js';
import {
  existing,
  type Plan,
  type RegistryCreated,
  type RegistryFact,
  type RegistryState,
} from './registry.js';

/** Every host is an entry in the memory of every gate; a registry with more has a wrong idea of hosts. */
export const CUSTOM_HOSTS_MAX = 64;

/**
 * A new registry with the custom hosts that were reserved for it, behind `upstream` when it is not to share the common one,
 * and with `owner` (the id of a user) as its first member. Asking again with the same slug adds nothing.
 */
export function createRegistry(
  data: RegistryCreated['data'],
  hosts: readonly string[],
  upstream: string | null = null,
  owner: string | null = null,
): Decision<RegistryState, RegistryFact> {
  return (state) => {
    if (state.status !== 'none') {
      if (state.slug === data.slug) return [];
      throw new Refusal('conflict', 'a registry with this id exists already');
    }
    const changed = upstream === null ? [] : [upstreamChanged(upstream, data.at)];
    const owned = owner === null ? [] : [memberAdded(owner, 'owner', data.at)];
    const added = hosts.map((host) => hostAdded(host, data.at));
    return [{ type: 'RegistryCreated', data }, ...changed, ...owned, ...added];
  };
}

/** The registry answers on one more host. Asking again adds nothing. Refuses more than CUSTOM_HOSTS_MAX. */
export function addHost(host: string, at: string): Decision<RegistryState, RegistryFact> {
  return (state) => {
    const { hosts } = existing(state);
    if (hosts.includes(host)) return [];
    if (hosts.length >= CUSTOM_HOSTS_MAX)
      throw new Refusal('invalid-value', `a registry has at most ${CUSTOM_HOSTS_MAX} hosts of its own`);
    return [hostAdded(host, at)];
  };
}

/** The registry answers on this host no more. Nothing for a host that it has not. */
export function removeHost(host: string, at: string): Decision<RegistryState, RegistryFact> {
  return (state) =>
    existing(state).hosts.includes(host) ? [{ type: 'HostRemoved', data: { at, host } }] : [];
}

/** What is to be different; a field that is absent stays. */
export interface RegistryChanges {
  readonly name?: string;
  /** An origin (see `upstreamOrigin`); null: the registry that all share. */
  readonly upstream?: string | null;
}

/** Another name, another registry behind the gate, or both. Nothing for what is so already. */
export function changeRegistry(
  { name, upstream }: RegistryChanges,
  at: string,
): Decision<RegistryState, RegistryFact> {
  return (state) => {
    const before = existing(state);
    const facts: RegistryFact[] = [];
    if (name !== undefined && name !== before.name)
      facts.push({ type: 'RegistryRenamed', data: { at, name } });
    if (upstream !== undefined && upstream !== before.upstream) facts.push(upstreamChanged(upstream, at));
    return facts;
  };
}

/** Another policy, as a whole. The same one adds nothing. Refuses one that cannot be, with the field at fault. */
export function changePolicy(policy: RegistryPolicy, at: string): Decision<RegistryState, RegistryFact> {
  return (state) => {
    const changes = policyChanges(existing(state).policy, policy);
    refuseImpossible(policy);
    return Object.keys(changes).length === 0
      ? []
      : [{ type: 'RegistryPolicyChanged', data: { at, policy, changes } }];
  };
}

/** Another plan. The same one adds nothing. */
export function changePlan(plan: Plan, at: string): Decision<RegistryState, RegistryFact> {
  return (state) =>
    existing(state).plan === plan ? [] : [{ type: 'RegistryPlanChanged', data: { at, plan } }];
}

/** Notifications are taken with this secret from now on, and with no other; its hash is SHA-256 in hex. */
export function issueNotificationSecret(
  secretHash: string,
  at: string,
): Decision<RegistryState, RegistryFact> {
  return (state) => {
    existing(state);
    return [{ type: 'NotificationSecretIssued', data: { at, secretHash } }];
  };
}

/** Notifications are taken no more. Nothing where they were not. */
export function removeNotificationSecret(at: string): Decision<RegistryState, RegistryFact> {
  return (state) =>
    existing(state).takesNotifications ? [{ type: 'NotificationSecretRemoved', data: { at } }] : [];
}

function hostAdded(host: string, at: string): RegistryFact {
  return { type: 'HostAdded', data: { at, host } };
}

function upstreamChanged(upstream: string | null, at: string): RegistryFact {
  return { type: 'RegistryUpstreamChanged', data: { at, upstream } };
}
