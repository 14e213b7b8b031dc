import { createHash } from 'node:crypto';
import { base62FromBytes } from '#libs/kernel';
import { RULE_NAMES, ruleOf, type NextStep, type RuleName, type Severity } from './rules.js';

export type Told =
  string | number | boolean | null | readonly string[] | readonly Told[] | { readonly [name: string]: Told };
export type Details = Readonly<Record<string, Told>>;

/** What a rule has to say, first (`count` = 1) or again within the window. */
export interface Finding {
  readonly alert: string;
  readonly rule: RuleName;
  readonly severity: Severity;
  readonly registry: string;
  /** null: it concerns the registry. */
  readonly key: string | null;
  /** Time of the use that made the rule fire, ms since the epoch. */
  readonly at: number;
  /** When the window began that repeats fold into: the first finding of it. */
  readonly since: number;
  readonly count: number;
  /** The first of its window: a new alert. Else a repeat. */
  readonly isNew: boolean;
  readonly evidence: Details;
  readonly baseline: Details;
  readonly next: readonly NextStep[];
}

/** Findings of a window after the first are told when their number has grown this many times. */
const REPEAT_GROWTH = 4;
const ID_LENGTH = 16;
const HOUR_MS = 3_600_000;

/**
 * `alt_` and 16 base62 characters of SHA-256(registry, key, rule, window). The window is the one of `foldMs` since the epoch in
 * which the first finding lies: since repeats fold for `foldMs` from there, no window has two. Computed anew it is the same.
 */
export function alertId(
  registry: string,
  key: string | null,
  rule: RuleName,
  since: number,
  foldMs: number,
): string {
  const window = Math.floor(since / foldMs);
  const hash = (salt: number) =>
    createHash('sha256')
      .update(JSON.stringify([registry, key, rule, window, foldMs, salt]))
      .digest();
  let text: string | undefined;
  // A hash has too many bytes above base62's limit once in 10^10 times: the next salt has others.
  for (let salt = 0; text === undefined; salt += 1) text = base62FromBytes(hash(salt), ID_LENGTH);
  return `alt_${text}`;
}

/** What was raised lately, so that repeats fold: by key and rule. One for each key and one for the registry. */
export class Raised {
  readonly #windows = new Map<RuleName, { since: number; count: number; told: number; foldMs: number }>();

  constructor(snapshot: RaisedSnapshot = []) {
    for (const [rule, since, count, told, foldHours] of snapshot) {
      this.#windows.set(RULE_NAMES[rule]!, { since, count, told, foldMs: foldHours * HOUR_MS });
    }
  }

  snapshot(now: number): RaisedSnapshot {
    return [...this.#windows]
      .filter(([, { since, foldMs }]) => now < since + foldMs)
      .map(([rule, { since, count, told, foldMs }]) => [
        RULE_NAMES.indexOf(rule),
        since,
        count,
        told,
        foldMs / HOUR_MS,
      ]);
  }

  has(rule: RuleName, at: number): boolean {
    const window = this.#windows.get(rule);
    return window !== undefined && at < window.since + window.foldMs;
  }

  /** Counts `weight` findings; the window when there is something to tell: the first, and each fourfold. */
  count(
    rule: RuleName,
    at: number,
    weight: number,
    foldMs: number,
  ): Pick<Finding, 'since' | 'count' | 'isNew'> | undefined {
    let window = this.#windows.get(rule);
    if (window === undefined || at >= window.since + window.foldMs) {
      window = { since: at, count: 0, told: 0, foldMs };
      // The newest last: so the order is the same after a snapshot, which leaves out what is over.
      this.#windows.delete(rule);
      this.#windows.set(rule, window);
    }
    window.count += weight;
    if (window.count < window.told * REPEAT_GROWTH) return undefined;
    const isNew = window.told === 0;
    window.told = window.count;
    return { since: window.since, count: window.count, isNew };
  }
}

export type RaisedSnapshot = [rule: number, since: number, count: number, told: number, foldHours: number][];

/** The finding of a rule that fired. */
export function findingOf(
  rule: RuleName,
  about: { registry: string; key: string | null; at: number; foldMs: number },
  window: Pick<Finding, 'since' | 'count' | 'isNew'>,
  evidence: Details,
  baseline: Details,
): Finding {
  const { severity, next } = ruleOf(rule);
  const { registry, key, at, foldMs } = about;
  const alert = alertId(registry, key, rule, window.since, foldMs);
  return { alert, rule, severity, registry, key, at, ...window, evidence, baseline, next };
}
