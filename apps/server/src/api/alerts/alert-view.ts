import { ApiProperty } from '@nestjs/swagger';
import { OUTCOMES, RULE_NAMES, ruleOf, type Outcome, type RuleName, type Severity } from '#libs/alerts';
import { ALERT_STATUSES, type AlertRow, type AlertStatus } from '#libs/read-models';
import { nextSteps, NextStepView } from './next-steps.js';

export const SEVERITIES = ['low', 'medium', 'high'] as const;

class AcknowledgedView {
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ description: 'Id of the user who looks after it.' }) by: string;
  @ApiProperty({
    type: 'string',
    nullable: true,
    required: false,
    description: 'What they wrote; null: nothing, or they were erased. Only in the answer about one alert.',
  })
  note?: string | null;
}

class ResolvedView {
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ description: 'Id of the user.' }) by: string;
  @ApiProperty({ enum: OUTCOMES }) outcome: Outcome;
}

/** What a rule found about a key, or about the whole registry. */
export class AlertView {
  @ApiProperty({ example: 'alt_9Kd2Xw5Vb8Nq1Lz7' }) id: string;
  @ApiProperty({ enum: RULE_NAMES }) rule: RuleName;
  @ApiProperty({ description: 'What the rule says, in one sentence.' }) title: string;
  @ApiProperty({ enum: SEVERITIES }) severity: Severity;
  @ApiProperty({ enum: ALERT_STATUSES }) status: AlertStatus;
  @ApiProperty({ description: 'Id of the registry.' }) registry: string;
  @ApiProperty({ type: 'string', nullable: true, description: 'Id of the key; null: of none.' })
  key: string | null;
  @ApiProperty({
    type: 'integer',
    description: 'How often it was found so far; told when it has grown fourfold.',
  })
  count: number;
  @ApiProperty({ format: 'date-time', description: 'The use that made the rule fire.' }) since: string;
  @ApiProperty({ format: 'date-time' }) raisedAt: string;
  @ApiProperty({ format: 'date-time', description: 'When it was raised, or last repeated.' }) lastAt: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What was seen, by names that depend on the rule.',
  })
  evidence: AlertRow['evidence'];
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What is usual for the key.',
  })
  baseline: AlertRow['baseline'];
  @ApiProperty({ type: AcknowledgedView, nullable: true }) acknowledged: AcknowledgedView | null;
  @ApiProperty({ type: ResolvedView, nullable: true }) resolved: ResolvedView | null;
  @ApiProperty({ type: [NextStepView], description: 'What one can do, the advised first.' })
  next: readonly NextStepView[];
}

/** Without the note: that is sealed. */
export function alertView(row: AlertRow, slug: string): AlertView {
  const { id, rule, severity, status, registry, key, count, since, raisedAt, lastAt, evidence, baseline } =
    row;
  const { acknowledged, resolved } = row;
  return {
    id,
    rule,
    title: ruleOf(rule).title,
    severity,
    status,
    registry,
    key,
    count,
    since,
    raisedAt,
    lastAt,
    evidence,
    baseline,
    acknowledged: acknowledged && { at: acknowledged.at, by: acknowledged.by },
    resolved,
    next: nextSteps(row.next, { slug, alert: id, key }),
  };
}
