import type { Fact, StreamKind } from '#libs/kernel';

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
export type RegistryFact = RegistryCreated | HostAdded;

export type RegistryState =
  | { readonly status: 'none' }
  | {
      readonly status: 'active';
      readonly slug: string;
      readonly name: string;
      readonly plan: Plan;
      readonly hosts: readonly string[];
      readonly createdAt: string;
      readonly createdBy: string;
    };

/** Stream `registry-reg_<16>`. */
export const registries: StreamKind<RegistryState, RegistryFact> = {
  category: 'registry',
  initial: { status: 'none' },
  evolve(state, fact) {
    switch (fact.type) {
      case 'RegistryCreated': {
        if (state.status !== 'none') return state;
        const { at, slug, name, plan, createdBy } = fact.data;
        return { status: 'active', slug, name, plan, hosts: [], createdAt: at, createdBy };
      }
      case 'HostAdded':
        if (state.status === 'none' || state.hosts.includes(fact.data.host)) return state;
        return { ...state, hosts: [...state.hosts, fact.data.host] };
      default:
        return unknownFact(fact, state);
    }
  },
};

/** A type of a later release: it changes nothing here. The compiler proves that no known type ends up here. */
function unknownFact(_fact: never, state: RegistryState): RegistryState {
  return state;
}
