import { Refusal, type Fact, type Role, type StreamKind } from '#libs/kernel';
import { alertingAfter, NO_ALERTING, type Alerting, type AlertingFact } from './alert-rules.js';
import { channelsAfter, type Channel, type ChannelConfigured, type ChannelRemoved } from './channels.js';
import { DEFAULT_POLICY, type PolicyChanges, type RegistryPolicy } from './policy.js';

export const PLANS = ['free', 'team', 'enterprise'] as const;
export type Plan = (typeof PLANS)[number];

export type RegistryCreated = Fact<
  'RegistryCreated',
  {
    readonly at: string;
    readonly slug: string;
    readonly name: string;
    readonly plan: Plan;
    readonly createdBy: string;
  }
>;
/** The registry answers on this host beside `<slug>.<REGISTRY_DOMAIN>`; `host` is normalized (lower case, no port). */
export type HostAdded = Fact<'HostAdded', { readonly at: string; readonly host: string }>;
export type HostRemoved = Fact<'HostRemoved', { readonly at: string; readonly host: string }>;
export type RegistryRenamed = Fact<'RegistryRenamed', { readonly at: string; readonly name: string }>;
/** `upstream` is the origin of the registry behind the gate that is this registry's own; null: the shared one. */
export type RegistryUpstreamChanged = Fact<
  'RegistryUpstreamChanged',
  { readonly at: string; readonly upstream: string | null }
>;
/** `changes`: what is different from the policy before; empty in facts of a release that did not say it. */
export type RegistryPolicyChanged = Fact<
  'RegistryPolicyChanged',
  { readonly at: string; readonly policy: RegistryPolicy; readonly changes: PolicyChanges }
>;
export type RegistryPlanChanged = Fact<'RegistryPlanChanged', { readonly at: string; readonly plan: Plan }>;
/** `user` is the id of a user (`usr_…`). */
export type MemberAdded = Fact<
  'MemberAdded',
  { readonly at: string; readonly user: string; readonly role: Role }
>;
export type MemberRoleChanged = Fact<
  'MemberRoleChanged',
  { readonly at: string; readonly user: string; readonly role: Role }
>;
export type MemberRemoved = Fact<'MemberRemoved', { readonly at: string; readonly user: string }>;
/** A secret for notifications was made, and the one before ended; `secretHash` is SHA-256 in hex. */
export type NotificationSecretIssued = Fact<
  'NotificationSecretIssued',
  { readonly at: string; readonly secretHash: string }
>;
export type NotificationSecretRemoved = Fact<'NotificationSecretRemoved', { readonly at: string }>;
export type RegistryFact =
  | RegistryCreated
  | HostAdded
  | HostRemoved
  | RegistryRenamed
  | RegistryUpstreamChanged
  | RegistryPolicyChanged
  | RegistryPlanChanged
  | MemberAdded
  | MemberRoleChanged
  | MemberRemoved
  | ChannelConfigured
  | ChannelRemoved
  | NotificationSecretIssued
  | NotificationSecretRemoved
  | AlertingFact;

/** A member of a registry, and since when. */
export interface Member {
  readonly role: Role;
  readonly addedAt: string;
}

export type RegistryState =
  | { readonly status: 'none' }
  | {
      readonly status: 'active';
      readonly slug: string;
      readonly name: string;
      readonly plan: Plan;
      readonly hosts: readonly string[];
      /** null: the registry that all share. */
      readonly upstream: string | null;
      readonly policy: RegistryPolicy;
      /** By user id, in the order in which they were added. */
      readonly members: ReadonlyMap<string, Member>;
      /** By id, in the order in which they were added. */
      readonly channels: ReadonlyMap<string, Channel>;
      readonly alerting: Alerting;
      /** Whether notifications are taken: there is a secret for them. */
      readonly takesNotifications: boolean;
      readonly createdAt: string;
      readonly createdBy: string;
    };

/** Stream `registry-reg_<16>`. */
export const registries: StreamKind<RegistryState, RegistryFact> = {
  category: 'registry',
  initial: { status: 'none' },
  critical: new Set([
    'HostRemoved',
    'RegistryUpstreamChanged',
    'RegistryPolicyChanged',
    'MemberRoleChanged',
    'MemberRemoved',
  ] as const),
  evolve(state, fact) {
    if (fact.type === 'RegistryCreated') return state.status === 'none' ? created(fact) : state;
    if (state.status === 'none') return state;
    switch (fact.type) {
      case 'HostAdded':
        if (state.hosts.includes(fact.data.host)) return state;
        return { ...state, hosts: [...state.hosts, fact.data.host] };
      case 'HostRemoved':
        return { ...state, hosts: state.hosts.filter((host) => host !== fact.data.host) };
      case 'RegistryRenamed':
        return { ...state, name: fact.data.name };
      case 'RegistryUpstreamChanged':
        return { ...state, upstream: fact.data.upstream };
      case 'RegistryPolicyChanged':
        return { ...state, policy: fact.data.policy };
      case 'RegistryPlanChanged':
        return { ...state, plan: fact.data.plan };
      case 'MemberAdded':
      case 'MemberRoleChanged':
      case 'MemberRemoved':
        return { ...state, members: membersAfter(state.members, fact) };
      case 'ChannelConfigured':
      case 'ChannelRemoved':
        return { ...state, channels: channelsAfter(state.channels, fact) };
      case 'AlertRuleChanged':
      case 'RuleMuted':
      case 'AlertSettingsChanged':
        return { ...state, alerting: alertingAfter(state.alerting, fact) };
      case 'NotificationSecretIssued':
        return { ...state, takesNotifications: true };
      case 'NotificationSecretRemoved':
        return { ...state, takesNotifications: false };
      default:
        return unknownFact(fact, state);
    }
  },
};

/** The state of a registry that was created. Throws Refusal `not-found` for one that was not. */
export function existing(state: RegistryState): Exclude<RegistryState, { status: 'none' }> {
  if (state.status === 'none') throw new Refusal('not-found', 'there is no such registry');
  return state;
}

function created({ data: { at, slug, name, plan, createdBy } }: RegistryCreated): RegistryState {
  const none = { hosts: [], upstream: null, policy: DEFAULT_POLICY, members: new Map<string, Member>() };
  const channels = new Map<string, Channel>();
  const more = { channels, alerting: NO_ALERTING, takesNotifications: false };
  return { status: 'active', slug, name, plan, ...none, ...more, createdAt: at, createdBy };
}

function membersAfter(
  members: ReadonlyMap<string, Member>,
  { type, data }: MemberAdded | MemberRoleChanged | MemberRemoved,
): ReadonlyMap<string, Member> {
  const changed = new Map(members);
  if (type === 'MemberRemoved') changed.delete(data.user);
  else changed.set(data.user, { role: data.role, addedAt: members.get(data.user)?.addedAt ?? data.at });
  return changed;
}

/** A type of a later release: it changes nothing here. The compiler proves that no known type ends up here. */
function unknownFact(_fact: never, state: RegistryState): RegistryState {
  return state;
}
