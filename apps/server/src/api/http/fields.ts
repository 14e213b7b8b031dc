import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  IsOptional,
  ValidateBy,
  ValidateIf,
  ValidateNested,
  type ValidationArguments,
} from 'class-validator';
import { KEY_PATTERN, parseDuration } from '#libs/kernel';
import { parseTimestamp } from './timestamps.js';

/** What all fields may say. An optional field may be absent or null; one that is optional when `absent` may not be null. */
interface FieldOptions {
  readonly optional?: boolean | 'absent';
  readonly description?: string;
}

/** Name of the rule that marks a field as not enforced yet; the edge answers it with 422. */
export const NOT_SUPPORTED_RULE = 'notSupported';

/** Control and format-breaking characters have no place in a name; a description may have lines. */
const CONTROL = /\p{Cc}|[\u2028\u2029]/u;
const CONTROL_BUT_LINES = /(?![\n\t])\p{Cc}/u;

/** A label's name follows Kubernetes (a prefix is allowed): short, so that a hundred labels fit into an answer. */
const LABEL_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE_MAX = 200;
const LABELS_MAX = 32;

/** RFC 1035 2.3.4. Each host is a reservation of its own, so a body names only a few. */
const HOST_LENGTH_MAX = 253;
const HOSTS_MAX = 16;

/**
 * Text of `min` (default 1) to `max` characters (code points), without control characters, not only blanks. A whole key in
 * it is refused: what is stored stands in the log for ever.
 */
export function IsText(
  options: FieldOptions & { min?: number; max: number; lines?: boolean },
): PropertyDecorator {
  const { min = 1, max, lines = false } = options;
  const control = lines ? CONTROL_BUT_LINES : CONTROL;
  const isText = (value: unknown) =>
    typeof value === 'string' &&
    hasLength(value, min, max) &&
    !control.test(value) &&
    !KEY_PATTERN.test(value) &&
    (min === 0 || value.trim() !== '');
  const rule = `must be text of ${min} to ${max} characters without control characters and without a key`;
  return field('isText', isText, rule, { type: 'string', minLength: min, maxLength: max }, options);
}

/** Any text up to `max` characters, taken as it is: for passwords, never shown again. */
export function IsSecretText(options: FieldOptions & { max: number }): PropertyDecorator {
  const isSecret = (value: unknown) => typeof value === 'string' && hasLength(value, 1, options.max);
  const schema = { type: 'string', format: 'password', maxLength: options.max } as const;
  return field('isSecretText', isSecret, `must be text of 1 to ${options.max} characters`, schema, options);
}

/** What may stand in a header, and no blank: a line end that was pasted along would make every request fail. */
const TOKEN = /^[\x21-\x7e]+$/;

/** As IsSecretText, for what requests to others carry. */
export function IsSecretToken(options: FieldOptions & { max: number }): PropertyDecorator {
  const { max } = options;
  const isToken = (value: unknown) => typeof value === 'string' && value.length <= max && TOKEN.test(value);
  const schema = { type: 'string', format: 'password', pattern: TOKEN.source, maxLength: max } as const;
  const text = `must be 1 to ${max} characters of ASCII without blanks and line ends`;
  return field('isSecretToken', isToken, text, schema, options);
}

/** Text that matches a pattern; `rule` completes "<field> must …". */
export function IsPattern(
  options: FieldOptions & { pattern: RegExp; max: number; rule: string },
): PropertyDecorator {
  const { pattern, max, rule } = options;
  const fits = (value: unknown) => typeof value === 'string' && value.length <= max && pattern.test(value);
  const schema = { type: 'string', pattern: pattern.source, maxLength: max } as const;
  return field('isPattern', fits, `must ${rule}`, schema, options);
}

/** One of a list of words. */
export function IsChoice(choices: readonly string[], options: FieldOptions = {}): PropertyDecorator {
  const isChoice = (value: unknown) => typeof value === 'string' && choices.includes(value);
  const schema = { type: 'string', enum: [...choices] } as const;
  return field('isChoice', isChoice, `must be one of ${choices.join(', ')}`, schema, options);
}

/** Some of a list of words, in a query joined by commas. */
export function IsChoices(choices: readonly string[], options: FieldOptions = {}): PropertyDecorator {
  const areChoices = (value: unknown) =>
    Array.isArray(value) && value.length > 0 && value.every((word) => choices.includes(word as string));
  const toWords = ({ value }: { value: unknown }) => (typeof value === 'string' ? value.split(',') : value);
  const schema = { type: 'string', pattern: `^(${choices.join('|')})(,(${choices.join('|')}))*$` } as const;
  return applyDecorators(
    Transform(toWords),
    field('areChoices', areChoices, `must be one or more of ${choices.join(', ')}`, schema, options),
  );
}

/** A moment in RFC 3339, such as `2030-01-31T12:00:00Z`; read it with `parseTimestamp`. */
export function IsTimestamp(options: FieldOptions = {}): PropertyDecorator {
  const isTimestamp = (value: unknown) => typeof value === 'string' && parseTimestamp(value) !== undefined;
  const rule = 'must be a time in RFC 3339, such as 2030-01-31T12:00:00Z';
  return field('isTimestamp', isTimestamp, rule, { type: 'string', format: 'date-time' }, options);
}

/** A duration in ISO 8601 with W, D, H, M and S, longer than nothing unless `orNone`; read it with the kernel's `parseDuration`. */
export function IsDurationText(options: FieldOptions & { orNone?: boolean } = {}): PropertyDecorator {
  const least = options.orNone === true ? 0 : 1;
  const isDuration = (value: unknown) => typeof value === 'string' && (parseDuration(value) ?? -1) >= least;
  const rule = 'must be a duration such as P90D or PT24H (no years or months)';
  return field('isDuration', isDuration, rule, { type: 'string', format: 'duration' }, options);
}

/** Names and values of text: at most 32, names as in Kubernetes, values up to 200 characters. */
export function IsLabels(options: FieldOptions = {}): PropertyDecorator {
  const rule = `must be an object of at most ${LABELS_MAX} labels: names of 1 to 63 of A-Z a-z 0-9 . _ / -, values of up to ${LABEL_VALUE_MAX} characters`;
  const schema = {
    type: 'object',
    additionalProperties: { type: 'string', maxLength: LABEL_VALUE_MAX },
  } as const;
  return field('isLabels', areLabels, rule, schema, options);
}

/** A list of host names: only its form is checked here, what a host may be is the domain's to say. */
export function IsHosts(options: FieldOptions = {}): PropertyDecorator {
  const rule = `must be a list of at most ${HOSTS_MAX} different texts of 1 to ${HOST_LENGTH_MAX} characters`;
  const items = { type: 'string', minLength: 1, maxLength: HOST_LENGTH_MAX } as const;
  return field('isHosts', areHosts, rule, { type: 'array', items, maxItems: HOSTS_MAX }, options);
}

/** A list of at most `max` texts, checked no further: the use case says at each entry's own pointer what is wrong with it. */
export function IsList(options: FieldOptions & { max: number }): PropertyDecorator {
  const { max } = options;
  const isList = (value: unknown) => Array.isArray(value) && value.length <= max;
  const schema = { type: 'array', items: { type: 'string' }, maxItems: max } as const;
  return field('isList', isList, `must be a list of at most ${max} texts`, schema, options);
}

/** true or false; absent means false. */
export function IsFlag(options: { readonly description: string }): PropertyDecorator {
  const isFlag = (value: unknown) => typeof value === 'boolean';
  return field(
    'isFlag',
    isFlag,
    'must be true or false',
    { type: 'boolean' },
    { ...options, optional: 'absent' },
  );
}

/** An object whose fields are those of a class, with decorators of this file. */
export function IsObjectOf(
  shape: () => new () => object,
  { optional, ...options }: { readonly description: string; readonly optional?: true },
): PropertyDecorator {
  const given = optional ? { required: false, nullable: true } : {};
  const isOne = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  return applyDecorators(
    // Nest takes only an arrow of this name for a class that is told later.
    ApiProperty({ type: () => shape(), ...options, ...given }),
    Type(shape),
    rule('isObjectOf', isOne, 'must be a JSON object'),
    ValidateNested(),
    ...(optional ? [IsOptional()] : []),
  );
}

/** A whole number in a query: the only place where text becomes a number. */
export function IsWholeNumber(
  options: FieldOptions & { min: number; max: number; default?: number },
): PropertyDecorator {
  const { min, max } = options;
  const isWhole = (value: unknown) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
  const toNumber = ({ value }: { value: unknown }) => (isDigits(value) ? Number(value) : value);
  const byDefault = options.default === undefined ? {} : { default: options.default };
  const schema = { type: 'integer', minimum: min, maximum: max, ...byDefault } as const;
  return applyDecorators(
    Transform(toNumber),
    field('isWholeNumber', isWhole, `must be a whole number from ${min} to ${max}`, schema, options),
  );
}

/** A whole number in a body: JSON has numbers, so that no text becomes one. */
export function IsCount(options: FieldOptions & { min: number; max: number }): PropertyDecorator {
  const { min, max } = options;
  const isCount = (value: unknown) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
  const schema = { type: 'integer', minimum: min, maximum: max } as const;
  return field('isCount', isCount, `must be a whole number from ${min} to ${max}`, schema, options);
}

/** Refuses the field when `other` is given as well. */
export function NotTogetherWith(other: string): PropertyDecorator {
  const alone = (_: unknown, args?: ValidationArguments) =>
    isAbsent((args!.object as Record<string, unknown>)[other]);
  return rule('notTogether', alone, `cannot be given together with ${other}`);
}

/**
 * A field of the contract that nothing enforces yet: a value is refused with 422 `not-supported` and nothing is written.
 * null and an empty list say "no restriction", which is what holds without it, so they pass.
 */
export function NotSupportedYet(
  schema: ApiPropertyOptions = { type: 'array', items: { type: 'string' } },
): PropertyDecorator {
  const unrestricted = (value: unknown) => isAbsent(value) || (Array.isArray(value) && value.length === 0);
  const description = 'Not enforced yet: a value is refused with 422 `not-supported`.';
  return applyDecorators(
    rule(NOT_SUPPORTED_RULE, unrestricted, 'is not supported yet: leave it out'),
    ApiProperty({ ...schema, nullable: true, required: false, description } as ApiPropertyOptions),
  );
}

type Test = (value: unknown, args?: ValidationArguments) => boolean;

/** One decorator per field states its rule and its OpenAPI schema together, so that they cannot drift apart. */
export function field(
  name: string,
  test: Test,
  text: string,
  schema: ApiPropertyOptions,
  { optional = false, description }: FieldOptions,
): PropertyDecorator {
  const shown = { ...schema, required: !optional, ...(description === undefined ? {} : { description }) };
  const nullable = optional === true ? { nullable: true } : {};
  const property = ApiProperty({ ...shown, ...nullable } as ApiPropertyOptions);
  const checked = applyDecorators(rule(name, test, text), property);
  if (optional === false) return checked;
  const isGiven = (_: unknown, value: unknown) => value !== undefined;
  return applyDecorators(checked, optional === 'absent' ? ValidateIf(isGiven) : IsOptional());
}

function rule(name: string, test: Test, text: string): PropertyDecorator {
  const defaultMessage = (args?: ValidationArguments) => `${args?.property ?? 'the field'} ${text}.`;
  return ValidateBy({ name, validator: { validate: test, defaultMessage } });
}

/** Counts code points, so that a letter outside the basic plane is one character. */
function hasLength(text: string, min: number, max: number): boolean {
  if (text.length > 2 * max) return false;
  const length = [...text].length;
  return length >= min && length <= max;
}

function areLabels(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const labels = Object.entries(value);
  return (
    labels.length <= LABELS_MAX && labels.every(([name, text]) => LABEL_NAME.test(name) && isLabelValue(text))
  );
}

function isLabelValue(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    hasLength(value, 0, LABEL_VALUE_MAX) &&
    !CONTROL.test(value) &&
    !KEY_PATTERN.test(value)
  );
}

function areHosts(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > HOSTS_MAX || new Set(value).size < value.length) return false;
  return value.every((host) => typeof host === 'string' && hasLength(host, 1, HOST_LENGTH_MAX));
}

function isDigits(value: unknown): boolean {
  return typeof value === 'string' && /^\d{1,9}$/.test(value);
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
