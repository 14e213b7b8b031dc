import { ApiProperty } from '@nestjs/swagger';
import {
  choiceOf,
  RULE_NAMES,
  ruleOf,
  type AlertConfiguration,
  type RuleName,
  type Severity,
} from '#libs/alerts';
import { SEVERITIES } from './alert-view.js';

class RuleOfKeyView {
  @ApiProperty({ description: 'Id of the key.' }) key: string;
  @ApiProperty() enabled: boolean;
  @ApiProperty({ type: 'number', nullable: true }) threshold: number | null;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) mutedUntil: string | null;
}

/** A rule, and what is laid down for it in the registry. */
export class AlertRuleView {
  @ApiProperty({ enum: RULE_NAMES }) rule: RuleName;
  @ApiProperty() title: string;
  @ApiProperty({ enum: SEVERITIES }) severity: Severity;
  @ApiProperty({ description: 'Whether it raises alerts.' }) enabled: boolean;
  @ApiProperty({
    type: 'number',
    nullable: true,
    description: 'What counts: as laid down, or the default. null: the rule has none.',
  })
  threshold: number | null;
  @ApiProperty({ type: 'number', nullable: true }) defaultThreshold: number | null;
  @ApiProperty({ type: 'string', nullable: true, description: 'What the threshold counts.' })
  unit: string | null;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'Uses before this time raise nothing.',
  })
  mutedUntil: string | null;
  @ApiProperty({ type: [RuleOfKeyView], description: 'Keys with something of their own.' })
  keys: readonly RuleOfKeyView[];
}

export function ruleView(configuration: AlertConfiguration, name: RuleName): AlertRuleView {
  const { title, severity, threshold } = ruleOf(name);
  const { enabled, threshold: laidDown, mutedUntil, keys } = choiceOf(configuration, name);
  const byDefault = threshold?.value ?? null;
  return {
    rule: name,
    title,
    severity,
    enabled,
    threshold: byDefault === null ? null : (laidDown ?? byDefault),
    defaultThreshold: byDefault,
    unit: threshold?.meaning ?? null,
    mutedUntil,
    keys,
  };
}
