import type { ApiPropertyOptions } from '@nestjs/swagger';
import { isKeyId } from '#libs/kernel';
import { field } from '../http/fields.js';

/** A number above 0; the largest is beyond whatever a key can do in an hour. */
const NUMBER_MAX = 1_000_000_000;
/** Keys with a choice of their own for one rule. Whoever needs more means the registry. */
const KEYS_MAX = 200;
const CLOCK = /^(?:[01]\d|2[0-3]):[0-5]\d$/;

/** A threshold: a number above 0; null or absent: the rule's default. */
export function IsThreshold(): PropertyDecorator {
  const schema = {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: NUMBER_MAX,
  } as unknown as ApiPropertyOptions;
  const description = 'In the unit of the rule; absent or null: its default.';
  return field('isThreshold', isThreshold, `must be a number above 0 up to ${NUMBER_MAX}`, schema, {
    optional: true,
    description,
  });
}

/** By the id of a key what holds for it: `{enabled?, threshold?}`. */
export function IsKeyChoices(): PropertyDecorator {
  const choice = {
    type: 'object',
    additionalProperties: false,
    properties: {
      enabled: { type: 'boolean' },
      threshold: { type: 'number', exclusiveMinimum: 0, maximum: NUMBER_MAX, nullable: true },
    },
  };
  const schema = {
    type: 'object',
    additionalProperties: choice,
    maxProperties: KEYS_MAX,
  } as unknown as ApiPropertyOptions;
  const rule = `must name at most ${KEYS_MAX} keys by their ids, each with enabled (true or false) and threshold (a number)`;
  return field('isKeyChoices', areChoices, rule, schema, {
    optional: 'absent',
    description: 'By the id of a key what holds for it in place of this.',
  });
}

/** `HH:MM` */
export function IsClock(options: { description?: string; optional?: 'absent' } = {}): PropertyDecorator {
  const isClock = (value: unknown) => typeof value === 'string' && CLOCK.test(value);
  const schema = { type: 'string', pattern: CLOCK.source } as const;
  return field('isClock', isClock, 'must be a time of day such as 07:30', schema, options);
}

function isThreshold(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 && value <= NUMBER_MAX;
}

function areChoices(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  return entries.length <= KEYS_MAX && entries.every(([key, choice]) => isKeyId(key) && isChoice(choice));
}

function isChoice(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { enabled, threshold, ...others } = value as Readonly<Record<string, unknown>>;
  return (
    Object.keys(others).length === 0 &&
    (enabled === undefined || typeof enabled === 'boolean') &&
    (threshold === undefined || threshold === null || isThreshold(threshold))
  );
}
