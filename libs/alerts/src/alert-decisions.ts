import { Refusal, type Decision } from '#libs/kernel';
import type { AlertFact, AlertState, ExistingAlert, Outcome, SealedNote } from './alert.js';
import type { Finding } from './finding.js';

/** `at` is RFC 3339 UTC; `by` a pseudonymous actor id; `registry` the one that the caller named. */
interface ByPerson {
  readonly registry: string;
  readonly at: string;
  readonly by: string;
}

/**
 * Records what a rule found on the stream of the finding's alert: the first as raised, more of it as repeated. Adds nothing for
 * a finding that is recorded already, so that computing it again (a restart, a second worker, a replay) changes nothing.
 * `position` is that of the usage fact; `tells`: whether channels are told of a new alert at once.
 */
export function tellAlert(
  finding: Finding,
  at: string,
  position: bigint,
  tells = true,
): Decision<AlertState, AlertFact> {
  const { registry, key, rule, severity, count, evidence, baseline, next } = finding;
  return (state) => {
    if (state.status === 'none') {
      const since = new Date(finding.since).toISOString();
      const data = {
        at,
        registry,
        key,
        rule,
        severity,
        since,
        count,
        evidence,
        baseline,
        next,
        position: `${position}`,
        tells,
      };
      return [{ type: 'AlertRaised', data }];
    }
    if (count <= state.count) return [];
    return [{ type: 'AlertRepeated', data: { at, registry, count, evidence, position: `${position}` } }];
  };
}

/** Somebody looks after it. Adds nothing when it is acknowledged or resolved already. */
export function acknowledgeAlert(
  { registry, at, by }: ByPerson,
  note: SealedNote | null = null,
): Decision<AlertState, AlertFact> {
  return (state) =>
    existing(state, registry).status === 'open'
      ? [{ type: 'AlertAcknowledged', data: { at, registry, by, note } }]
      : [];
}

/** It is over. Resolving twice adds nothing: the first outcome stays. */
export function resolveAlert(
  { registry, at, by }: ByPerson,
  outcome: Outcome,
): Decision<AlertState, AlertFact> {
  return (state) =>
    existing(state, registry).status === 'resolved'
      ? []
      : [{ type: 'AlertResolved', data: { at, registry, by, outcome } }];
}

/** An alert of another registry looks like none. */
function existing(state: AlertState, registry: string): ExistingAlert {
  if (state.status === 'none' || state.raised.registry !== registry) {
    throw new Refusal('not-found', 'there is no alert with this id in the registry');
  }
  return state;
}
