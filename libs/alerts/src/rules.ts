/** What one can do about an alert; each is one request of the API (`keep` says that the use was meant: resolve the alert). */
export type NextStep = 'suspend' | 'revoke' | 'rotate' | 'update-client' | 'narrow' | 'keep';
/** `low` is kept and stands in the digest; `medium` and `high` are delivered. */
export type Severity = 'low' | 'medium' | 'high';

export interface Rule {
  readonly severity: Severity;
  /** One sentence for people, as the title of the alert. */
  readonly title: string;
  /** What `threshold` counts, and its default. Rules without one fire at the first case. */
  readonly threshold?: { readonly meaning: string; readonly value: number };
  /** The first is what is advised. */
  readonly next: readonly NextStep[];
}

const stolen: readonly NextStep[] = ['suspend', 'rotate', 'revoke', 'keep'];

/** Every rule, by the name that settings, alerts and the API use. docs/alerts.md explains each. New ones stand last: snapshots count. */
export const RULES = {
  'revoked-key-used': {
    severity: 'high',
    title: 'A revoked key is being used by someone who has its secret',
    next: ['update-client', 'keep'],
  },
  'expired-key-used': {
    severity: 'medium',
    title: 'An expired key is being used by someone who has its secret',
    next: ['update-client', 'rotate', 'keep'],
  },
  'read-key-pushes': {
    severity: 'high',
    title: 'Someone tries to write with a key that may not',
    next: stolen,
  },
  'canary-touched': {
    severity: 'high',
    title: 'A canary key was presented: whatever held it has been read by a stranger',
    next: ['revoke', 'keep'],
  },
  stuffing: {
    severity: 'high',
    title: 'Someone tries keys that do not exist or secrets that are wrong',
    threshold: { meaning: 'different credentials within 10 minutes', value: 20 },
    next: ['narrow', 'keep'],
  },
  'refusal-burst': {
    severity: 'medium',
    title: 'A holder of the key is refused again and again from a place where it was never used',
    threshold: { meaning: 'refusals within 10 minutes', value: 10 },
    next: stolen,
  },
  'volume-pushes': volume('pushes', 'pushes far more than ever', 20),
  'volume-pulls': volume('pulls', 'pulls far more than ever', 200),
  'volume-bytes': volume('GiB moved', 'moves far more bytes than ever', 20),
  'volume-repositories': volume('different repositories', 'reaches far more repositories than ever', 15),
  'volume-deletes': volume('deletes', 'deletes far more than ever', 10),
  enumeration: {
    severity: 'high',
    title: 'The key goes through many repositories in a few minutes',
    threshold: { meaning: 'repositories within 10 minutes that are new to the key', value: 10 },
    next: stolen,
  },
  'new-country': novelty('The key is used from a country where it was never used'),
  'new-asn': novelty('The key is used from a network operator that is new to it'),
  'new-network': novelty('The key is used from a network that is new to it'),
  'new-client': novelty('The key is used by a program that is new to it'),
  'impossible-travel': {
    severity: 'low',
    title: 'The key is used in two countries within less time than a flight takes',
    threshold: { meaning: 'kilometres an hour', value: 800 },
    next: ['keep', 'suspend', 'rotate'],
  },
  'idle-key-wakes': {
    severity: 'low',
    title: 'The key is used after a long time without any use',
    threshold: { meaning: 'days without use', value: 30 },
    next: ['keep', 'revoke', 'rotate'],
  },
  'use-from-unexpected-place': unexpected('medium', 'is used from an unexpected place in an unusual way'),
  'push-from-unexpected-place': unexpected('high', 'writes from an unexpected place'),
  'volume-from-unexpected-place': unexpected('high', 'is used at high volume from an unexpected place'),
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleName = keyof typeof RULES;
export const RULE_NAMES = Object.keys(RULES) as readonly RuleName[];

/** The rule as its interface; the table itself keeps the literal names. */
export function ruleOf(name: RuleName): Rule {
  return RULES[name];
}

function volume(unit: string, what: string, value: number): Rule {
  return {
    severity: 'medium',
    title: `The key ${what} at this time of the week`,
    threshold: { meaning: `${unit} an hour below which the rule is quiet whatever the key's habits`, value },
    next: ['suspend', 'keep', 'rotate'],
  };
}

function novelty(title: string): Rule {
  return { severity: 'low', title, next: ['keep', 'suspend', 'rotate'] };
}

function unexpected(severity: Severity, what: string): Rule {
  return {
    severity,
    title: `The key ${what}`,
    threshold: { meaning: 'points of evidence, see docs/alerts.md', value: 11.5 },
    next: stolen,
  };
}
