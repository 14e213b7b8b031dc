import { DEFAULT_ALERT_SETTINGS, type AlertSettings, type RuleSettings } from './settings.js';
import { RULES, type RuleName } from './rules.js';

/** What the rules read of the facts of `registry-…` streams (libs/registries). */
export type ConfigurationFact =
  | {
      readonly type: 'AlertRuleChanged';
      readonly data: RuleChoice & {
        readonly rule: string;
        readonly keys: Readonly<Record<string, RuleChoice>>;
      };
    }
  | {
      readonly type: 'RuleMuted';
      readonly data: { readonly rule: string; readonly key: string | null; readonly until: string | null };
    }
  | { readonly type: 'AlertSettingsChanged'; readonly data: { readonly settings: RegistryWide } }
  | {
      readonly type: 'RegistryPolicyChanged';
      readonly data: { readonly policy: { readonly timeZone: string } };
    };

export interface RuleChoice {
  readonly enabled: boolean;
  /** null: the rule's default. */
  readonly threshold: number | null;
}
type RegistryWide = Omit<AlertSettings, 'rules'>;

/** All that is laid down for the alerts of a registry. JSON. */
export interface AlertConfiguration {
  readonly settings: AlertSettings;
  /** IANA name: of quiet hours and digests. */
  readonly timeZone: string;
  /** What keys have of their own, by their ids. */
  readonly keys: Readonly<Record<string, AlertSettings['rules']>>;
}

export const DEFAULT_CONFIGURATION: AlertConfiguration = {
  settings: DEFAULT_ALERT_SETTINGS,
  timeZone: 'UTC',
  keys: {},
};

export function isConfigurationFact(fact: { readonly type: string }): fact is ConfigurationFact {
  return CONFIGURATION_FACTS.has(fact.type);
}
const CONFIGURATION_FACTS: ReadonlySet<string> = new Set<ConfigurationFact['type']>([
  'AlertRuleChanged',
  'RuleMuted',
  'AlertSettingsChanged',
  'RegistryPolicyChanged',
]);

/** What is laid down after a fact; one about a rule that this release does not have changes nothing. */
export function configurationAfter(before: AlertConfiguration, fact: ConfigurationFact): AlertConfiguration {
  switch (fact.type) {
    case 'RegistryPolicyChanged':
      return { ...before, timeZone: fact.data.policy.timeZone };
    case 'AlertSettingsChanged':
      return { ...before, settings: { ...fact.data.settings, rules: before.settings.rules } };
    case 'RuleMuted':
      return isRule(fact.data.rule) ? muted(before, fact.data.rule, fact.data) : before;
    case 'AlertRuleChanged':
      return isRule(fact.data.rule) ? changed(before, fact.data.rule, fact.data) : before;
    default:
      return before;
  }
}

/** What is laid down for a rule, for whoever is shown it. */
export function choiceOf({ settings, keys }: AlertConfiguration, rule: RuleName) {
  return {
    ...shown(settings.rules[rule]),
    keys: Object.entries(keys)
      .filter(([, rules]) => rules[rule] !== undefined)
      .map(([key, rules]) => ({ key, ...shown(rules[rule]) })),
  };
}

export function isRule(name: string): name is RuleName {
  return Object.hasOwn(RULES, name);
}

function shown({ enabled = true, threshold, mutedUntil }: RuleSettings = {}) {
  return { enabled, threshold: threshold ?? null, mutedUntil: mutedUntil ?? null };
}

/** Mutes stay as they are. */
function changed(
  { settings, keys, timeZone }: AlertConfiguration,
  rule: RuleName,
  { enabled, threshold, keys: own }: RuleChoice & { readonly keys: Readonly<Record<string, RuleChoice>> },
): AlertConfiguration {
  const ids = new Set([...Object.keys(keys), ...Object.keys(own)]);
  const entries = [...ids].map((id): [string, AlertSettings['rules']] => {
    const before = keys[id] ?? {};
    return [id, withRule(before, rule, chosen(before[rule], own[id]))];
  });
  const rules = withRule(settings.rules, rule, chosen(settings.rules[rule], { enabled, threshold }));
  return { timeZone, settings: { ...settings, rules }, keys: withoutEmpty(entries) };
}

function muted(
  before: AlertConfiguration,
  rule: RuleName,
  { key, until }: { readonly key: string | null; readonly until: string | null },
): AlertConfiguration {
  const mute = (rules: AlertSettings['rules']): AlertSettings['rules'] => {
    const { mutedUntil: _, ...others } = rules[rule] ?? {};
    const next = until === null ? others : { ...others, mutedUntil: until };
    return withRule(rules, rule, Object.keys(next).length === 0 ? undefined : next);
  };
  if (key === null) {
    const { settings } = before;
    return { ...before, settings: { ...settings, rules: mute(settings.rules) } };
  }
  const keys = { ...before.keys, [key]: mute(before.keys[key] ?? {}) };
  return { ...before, keys: withoutEmpty(Object.entries(keys)) };
}

/** undefined when nothing is laid down any more. */
function chosen(before: RuleSettings | undefined, choice: RuleChoice | undefined): RuleSettings | undefined {
  const mute = before?.mutedUntil === undefined ? {} : { mutedUntil: before.mutedUntil };
  const { enabled, threshold = null } = choice ?? {};
  const own = {
    ...(enabled !== undefined && { enabled }),
    ...(threshold !== null && { threshold }),
    ...mute,
  };
  return Object.keys(own).length === 0 ? undefined : own;
}

function withRule(
  rules: AlertSettings['rules'],
  rule: RuleName,
  settings: RuleSettings | undefined,
): AlertSettings['rules'] {
  const { [rule]: _, ...others } = rules;
  return settings === undefined ? others : { ...others, [rule]: settings };
}

function withoutEmpty(entries: readonly [string, AlertSettings['rules']][]): AlertConfiguration['keys'] {
  return Object.fromEntries(entries.filter(([, rules]) => Object.keys(rules).length > 0));
}
