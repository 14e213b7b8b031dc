import type { PipeTransform } from '@nestjs/common';
import { isRule, type RuleName } from '#libs/alerts';
import { Refusal } from '#libs/kernel';

const ALERT_ID = /^alt_[0-9A-Za-z]{16}$/;

/** `:alert` has the form of an alert's id; anything else is none, and never becomes part of a stream's name. */
export class AlertParameter implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!ALERT_ID.test(id)) throw missingAlert();
    return id;
  }
}

/** `:rule` is the name of a rule. */
export class RuleParameter implements PipeTransform<string, RuleName> {
  transform(name: string): RuleName {
    if (!isRule(name)) throw new Refusal('not-found', 'there is no such rule');
    return name;
  }
}

export function missingAlert(): Refusal {
  return new Refusal('not-found', 'there is no such alert in this registry');
}
