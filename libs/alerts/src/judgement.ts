import { type Details, type Finding, findingOf, type Raised } from './finding.js';
import type { KeyState } from './key-state.js';
import type { Peers } from './peers.js';
import { ruleOf, type RuleName } from './rules.js';
import type { ResolvedSettings } from './settings.js';

/** What the rules of a key are given, and where they put what they find. Made for each fact. */
export class Judgement {
  readonly found: Finding[] = [];
  /** Since the use before this one; 0: there was none. */
  readonly pauseMs: number;

  constructor(
    readonly registry: string,
    readonly key: string,
    readonly state: KeyState,
    readonly peers: Peers,
    readonly settings: ResolvedSettings,
    /** Of the use, ms since the epoch; not before that of an earlier fact of the key. */
    readonly time: number,
  ) {
    this.pauseMs = state.lastUse < 0 ? 0 : time - state.lastUse;
  }

  /** Whether the key has habits that can be held against a use. */
  get hasLearned(): boolean {
    return this.state.hasLearned(this.time, this.settings.learningMs);
  }

  /** Whether the key is old enough for that to be told, whatever it was used for: its second day is full of news. */
  get isOfAge(): boolean {
    return this.time - this.state.firstUse >= this.settings.learningMs;
  }

  /** In the unit of the rule; a rule that is off or muted has none that can be reached. */
  threshold(rule: RuleName): number {
    return this.settings.threshold(rule, this.time) ?? Infinity;
  }

  /** The rule fired. `details` is asked only when there is something to tell: the first time, and each fourfold. */
  fire(
    rule: RuleName,
    details: () => { readonly evidence: Details; readonly baseline: Details },
    weight = 1,
    foldMsMin = 0,
  ): void {
    const { registry, key, time: at, settings, state } = this;
    const about = { registry, key, at, foldMs: Math.max(foldMsMin, settings.foldMs) };
    const found = fire(rule, state.raised, settings, about, details, weight);
    if (found) this.found.push(found);
  }
}

/** For a key or, with `key` null, for a registry. */
export function fire(
  rule: RuleName,
  raised: Raised,
  settings: ResolvedSettings,
  about: { registry: string; key: string | null; at: number; foldMs: number },
  details: () => { readonly evidence: Details; readonly baseline: Details },
  weight: number,
): Finding | undefined {
  if (settings.threshold(rule, about.at) === undefined) return undefined;
  const window = raised.count(rule, about.at, weight, about.foldMs);
  if (!window) return undefined;
  const { evidence, baseline } = details();
  return findingOf(rule, about, window, evidence, baseline);
}

/** For the evidence: the numbers rounded to what people read. */
export function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** What the rule counts, in words, where it has a threshold. */
export function unitOf(rule: RuleName): string | null {
  return ruleOf(rule).threshold?.meaning ?? null;
}
