import type { Fact, StreamKind } from '#libs/kernel';
import type { Details } from './finding.js';
import type { NextStep, RuleName, Severity } from './rules.js';

export type AlertRaised = Fact<
  'AlertRaised',
  {
    readonly at: string;
    readonly registry: string;
    /** null: it concerns the registry. */
    readonly key: string | null;
    readonly rule: RuleName;
    readonly severity: Severity;
    /** Time of the use that made the rule fire. */
    readonly since: string;
    /** How many times it fired so far. */
    readonly count: number;
    readonly evidence: Details;
    readonly baseline: Details;
    readonly next: readonly NextStep[];
    /** Position of the usage fact that made the rule fire, decimal. */
    readonly position: string;
    /** Whether channels are told of it at once; else the next digest does. */
    readonly tells: boolean;
  }
>;
/** It fired again within the window. `count` is the whole. */
export type AlertRepeated = Fact<
  'AlertRepeated',
  {
    readonly at: string;
    readonly registry: string;
    readonly count: number;
    readonly evidence: Details;
    readonly position: string;
  }
>;
/** What somebody wrote, as it stands in the log: encrypted under the key of that user; libs/personal-data makes and opens it. */
export interface SealedNote {
  readonly subject: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly commitment: string;
}
/** `by` is a pseudonymous actor id. */
export type AlertAcknowledged = Fact<
  'AlertAcknowledged',
  { readonly at: string; readonly registry: string; readonly by: string; readonly note: SealedNote | null }
>;
/** What it turned out to be: an attack or a leak, something that was meant to be, nothing at all; or nobody said what. */
export const OUTCOMES = ['confirmed', 'expected', 'false-alarm', 'unstated'] as const;
export type Outcome = (typeof OUTCOMES)[number];
export type AlertResolved = Fact<
  'AlertResolved',
  { readonly at: string; readonly registry: string; readonly by: string; readonly outcome: Outcome }
>;
export type AlertFact = AlertRaised | AlertRepeated | AlertAcknowledged | AlertResolved;

export interface ExistingAlert {
  readonly status: 'open' | 'acknowledged' | 'resolved';
  readonly raised: AlertRaised['data'];
  readonly count: number;
  readonly lastAt: string;
  readonly acknowledged: Omit<AlertAcknowledged['data'], 'registry'> | null;
  readonly resolved: Omit<AlertResolved['data'], 'registry'> | null;
}
export type AlertState = { readonly status: 'none' } | ExistingAlert;

/** Stream `alert-alt_<16>`. A resolved alert stays resolved; repeats still count, since they say that it goes on. */
export const alerts: StreamKind<AlertState, AlertFact> = {
  category: 'alert',
  initial: { status: 'none' },
  evolve(state, fact) {
    if (state.status === 'none') {
      if (fact.type !== 'AlertRaised') return state;
      const { data } = fact;
      return {
        status: 'open',
        raised: data,
        count: data.count,
        lastAt: data.at,
        acknowledged: null,
        resolved: null,
      };
    }
    switch (fact.type) {
      case 'AlertRaised':
        return state;
      case 'AlertRepeated':
        return { ...state, count: Math.max(state.count, fact.data.count), lastAt: fact.data.at };
      case 'AlertAcknowledged':
        return state.status === 'open'
          ? { ...state, status: 'acknowledged', acknowledged: withoutRegistry(fact.data) }
          : state;
      case 'AlertResolved':
        return state.status === 'resolved'
          ? state
          : { ...state, status: 'resolved', resolved: withoutRegistry(fact.data) };
      default:
        return unknownFact(fact, state);
    }
  },
};

function withoutRegistry<Data extends { readonly registry: string }>(data: Data) {
  const { registry: _registry, ...others } = data;
  return others;
}

/** The compiler sees to it that every fact has its case; one that a later release wrote changes nothing. */
function unknownFact(_fact: never, state: AlertState): AlertState {
  return state;
}
