import { RULE_NAMES, RULES, type Finding, type RuleName } from '#libs/alerts';
import { ATTACK_KINDS, ATTACKS, type Attack, type AttackKind } from './attacks.js';
import { HOUR_MS } from './use.js';

/** An alert this long after the last fact of an attack is still about it. */
const GRACE_MS = HOUR_MS;
const DAYS_A_MONTH = 30;

/** A new alert, and when the fact that raised it was written. */
export interface Alarm {
  readonly finding: Finding;
  readonly time: number;
}

export interface Tally {
  true: number;
  false: number;
}

/** What the alarms of a scenario are worth. */
export class Score {
  readonly byRule = new Map<RuleName, Tally>(RULE_NAMES.map((rule) => [rule, { true: 0, false: 0 }]));
  /** Attacks, and how long until the first alarm that is delivered (`medium` and `high`); null: none. */
  readonly detected = new Map<AttackKind, (number | null)[]>(ATTACK_KINDS.map((kind) => [kind, []]));
  readonly falseAlarms: Alarm[] = [];
  readonly missed: Attack[] = [];
  keyMonths = 0;

  add(alarms: readonly Alarm[], attacks: readonly Attack[], keys: number, days: number): void {
    this.keyMonths += (keys * days) / DAYS_A_MONTH;
    const first = new Map<Attack, number>();
    for (const alarm of alarms) {
      const { finding, time } = alarm;
      const about = attacks.find((one) => isAbout(alarm, one));
      const tally = this.byRule.get(finding.rule)!;
      if (!about) {
        tally.false += 1;
        if (finding.severity !== 'low') this.falseAlarms.push(alarm);
        continue;
      }
      tally.true += 1;
      if (finding.severity !== 'low' && !first.has(about)) first.set(about, time - about.start);
    }
    for (const one of attacks) {
      const delay = first.get(one) ?? null;
      this.detected.get(one.kind)!.push(delay);
      if (delay === null) this.missed.push(one);
    }
  }

  /** Of the alerts that are delivered, or of those of some rules. */
  alerts(rules: readonly RuleName[] = RULE_NAMES.filter((rule) => RULES[rule].severity !== 'low')): Tally {
    const tallies = rules.map((rule) => this.byRule.get(rule)!);
    return {
      true: tallies.reduce((sum, one) => sum + one.true, 0),
      false: tallies.reduce((sum, one) => sum + one.false, 0),
    };
  }

  delays(kinds: readonly AttackKind[] = ATTACK_KINDS): (number | null)[] {
    return kinds.flatMap((kind) => this.detected.get(kind)!);
  }

  static kindsOf(sort: 'exact' | 'behaviour'): AttackKind[] {
    return ATTACK_KINDS.filter((kind) => ATTACKS[kind] === sort);
  }
}

function isAbout({ finding, time }: Alarm, { registry, key, start, end }: Attack): boolean {
  return finding.registry === registry && finding.key === key && time >= start && time <= end + GRACE_MS;
}

/** The value below which the share lies; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
