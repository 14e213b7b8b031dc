import type { Decision, Fact } from '#libs/kernel';
import { existing, type RegistryFact, type RegistryState } from './registry.js';

/** What is laid down for one rule, or for one key and that rule. `threshold` null: the rule's default. */
export interface RuleChoice {
  readonly enabled: boolean;
  readonly threshold: number | null;
}

/** The whole of what is laid down for a rule; mutes are told apart. */
export type AlertRuleChanged = Fact<
  'AlertRuleChanged',
  {
    readonly at: string;
    /** A name of libs/alerts. */
    readonly rule: string;
    /** What other keys have in place of this, by their ids. */
    readonly keys: Readonly<Record<string, RuleChoice>>;
  } & RuleChoice
>;
/** The rule raises nothing for uses before `until`; null: it does again. */
export type RuleMuted = Fact<
  'RuleMuted',
  {
    readonly at: string;
    readonly rule: string;
    /** null: for all keys. */
    readonly key: string | null;
    readonly until: string | null;
  }
>;

/** What holds for all rules. */
export interface AlertingChoice {
  /** Days of a key's use before novelty and volume are judged. */
  readonly learningDays: number;
  /** Hours in which repeats fold into one alert. */
  readonly foldHours: number;
  /** ISO 3166-1 alpha-2, and CIDR; both empty: whatever the habits of the key are. */
  readonly expectedCountries: readonly string[];
  readonly expectedNetworks: readonly string[];
  /** `HH:MM` in the time zone of the policy. Alerts below `high` wait until they are over. */
  readonly quietHours: { readonly from: string; readonly until: string } | null;
  /** `HH:MM` in the time zone of the policy: when the digest of low alerts is sent. */
  readonly digestAt: string;
}
export type AlertSettingsChanged = Fact<
  'AlertSettingsChanged',
  { readonly at: string; readonly settings: AlertingChoice }
>;
export type AlertingFact = AlertRuleChanged | RuleMuted | AlertSettingsChanged;

/** The newest of each that was laid down. */
export interface Alerting {
  readonly settings: AlertingChoice | null;
  readonly rules: ReadonlyMap<string, AlertRuleChanged['data']>;
  /** By `muteOf`; those that are over stay. */
  readonly mutes: ReadonlyMap<string, string>;
}
export const NO_ALERTING: Alerting = { settings: null, rules: new Map(), mutes: new Map() };

type RegistryDecision = Decision<RegistryState, RegistryFact>;

/** Lays down a rule. The same again adds nothing. */
export function changeAlertRule(data: AlertRuleChanged['data']): RegistryDecision {
  return (state) => {
    const before = existing(state).alerting.rules.get(data.rule);
    return before && isSame({ ...before, at: data.at }, data) ? [] : [{ type: 'AlertRuleChanged', data }];
  };
}

/** Mutes a rule, or ends that. The same again adds nothing. */
export function muteRule(data: RuleMuted['data']): RegistryDecision {
  return (state) => {
    const before = existing(state).alerting.mutes.get(muteOf(data)) ?? null;
    return before === data.until ? [] : [{ type: 'RuleMuted', data }];
  };
}

/** Lays down what holds for all rules. The same again adds nothing. */
export function changeAlertSettings(at: string, settings: AlertingChoice): RegistryDecision {
  return (state) => {
    const before = existing(state).alerting.settings;
    return before && isSame(before, settings)
      ? []
      : [{ type: 'AlertSettingsChanged', data: { at, settings } }];
  };
}

/** What is laid down after a fact about it. */
export function alertingAfter(before: Alerting, fact: AlertingFact): Alerting {
  switch (fact.type) {
    case 'AlertSettingsChanged':
      return { ...before, settings: fact.data.settings };
    case 'AlertRuleChanged':
      return { ...before, rules: new Map(before.rules).set(fact.data.rule, fact.data) };
    case 'RuleMuted': {
      const mutes = new Map(before.mutes);
      if (fact.data.until === null) mutes.delete(muteOf(fact.data));
      else mutes.set(muteOf(fact.data), fact.data.until);
      return { ...before, mutes };
    }
    default:
      return before;
  }
}

function muteOf({ rule, key }: Pick<RuleMuted['data'], 'rule' | 'key'>): string {
  return key === null ? rule : `${rule} ${key}`;
}

/** Both were made by the same code, so that their fields have one order. */
function isSame(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
