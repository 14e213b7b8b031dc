import type { RegistryFact } from './registry.js';

/** A registry, its policy and each of its members are seen apart, and stand in one stream. The compiler asks about every new type. */
const SEEN_IN: Readonly<Record<RegistryFact['type'], readonly ('registry' | 'policy' | 'member')[]>> = {
  RegistryCreated: ['registry', 'policy'],
  HostAdded: ['registry'],
  HostRemoved: ['registry'],
  RegistryRenamed: ['registry'],
  RegistryUpstreamChanged: ['registry'],
  RegistryPlanChanged: ['registry'],
  RegistryPolicyChanged: ['policy'],
  MemberAdded: ['member'],
  MemberRoleChanged: ['member'],
  MemberRemoved: ['member'],
  ChannelConfigured: [],
  ChannelRemoved: [],
  AlertRuleChanged: [],
  RuleMuted: [],
  AlertSettingsChanged: [],
  NotificationSecretIssued: [],
  NotificationSecretRemoved: [],
};

interface AnyFact {
  readonly type: string;
  readonly data: object;
}

/** Whether the fact changes what people see of a registry itself. */
export function isSeenInRegistry(fact: AnyFact): boolean {
  return isSeenIn('registry', fact);
}

/** Whether the fact changes what people see of the registry's policy. */
export function isSeenInPolicy(fact: AnyFact): boolean {
  return isSeenIn('policy', fact);
}

/** Whether the fact changes what people see of this member (`usr_…`). */
export function isSeenInMember(user: string): (fact: AnyFact) => boolean {
  return (fact) => isSeenIn('member', fact) && 'user' in fact.data && fact.data.user === user;
}

function isSeenIn(view: 'registry' | 'policy' | 'member', { type }: AnyFact): boolean {
  return Object.hasOwn(SEEN_IN, type) && SEEN_IN[type as RegistryFact['type']].includes(view);
}
