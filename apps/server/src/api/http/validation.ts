import {
  ValidationPipe,
  type ArgumentMetadata,
  type CanActivate,
  type ExecutionContext,
  type PipeTransform,
  type ValidationError,
} from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/internal';
import type { FastifyRequest } from 'fastify';
import { withoutKeys } from '#libs/kernel';
import { NOT_SUPPORTED_RULE } from './fields.js';
import { Problem, type FieldProblem, type ProblemCode } from './problems.js';

/** A caller can act on this many faults; a hostile body may have thousands. */
const ERRORS_MAX = 20;
/** Names of fields that a caller made up are repeated only this far. */
const NAME_SHOWN_MAX = 100;

type Source = 'body' | 'query';

/** Checks bodies and queries against their classes: unknown names are refused, and text stays text (see `IsWholeNumber`). */
export class InputPipe implements PipeTransform {
  private readonly pipes = { body: validationOf('body'), query: validationOf('query') };

  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    const { type } = metadata;
    if (type !== 'body' && type !== 'query') return value;
    if (value !== undefined && !isObject(value)) throw faults('body', [NOT_AN_OBJECT]);
    // class-validator takes names that every object inherits for declared ones.
    refuseNames(
      type,
      Object.keys(value ?? {}).filter((name) => name in Object.prototype),
    );
    return this.pipes[type].transform(value, metadata);
  }
}

/** Refuses input for which the route declares no class: it would be ignored silently. */
export class DeclaredInputGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { query, body } = context.switchToHttp().getRequest<FastifyRequest>();
    if (isObject(query) && !takes(context, RouteParamtypes.QUERY)) refuseNames('query', Object.keys(query));
    if (isObject(body) && !takes(context, RouteParamtypes.BODY)) refuseNames('body', Object.keys(body));
    return true;
  }
}

const NOT_AN_OBJECT: FieldProblem = {
  pointer: '',
  code: 'invalid-value',
  detail: 'The body must be a JSON object.',
};

function validationOf(source: Source): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    stopAtFirstError: true,
    exceptionFactory: (errors) =>
      faults(
        source,
        errors.flatMap((error) => fieldProblems(source, error, '')),
      ),
  });
}

function takes(context: ExecutionContext, kind: RouteParamtypes): boolean {
  const { name } = context.getHandler();
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), name) ?? {}) as object;
  return Object.keys(args).some((key) => key.startsWith(`${kind}:`));
}

function refuseNames(source: Source, names: readonly string[]): void {
  if (names.length > 0)
    throw faults(
      source,
      names.map((name) => unknownName(source, pointerTo(name), name)),
    );
}

/** One problem for all faults; its code is the one that they share, else the general one. */
function faults(source: Source, all: readonly FieldProblem[]): Problem {
  const codes = new Set(all.map(({ code }) => code));
  const general: ProblemCode = source === 'body' ? 'invalid-request' : 'invalid-parameter';
  const special = SPECIAL_CODES.find((code) => codes.size === 1 && codes.has(code));
  return new Problem(
    special ?? general,
    all
      .map(({ detail }) => detail)
      .slice(0, 3)
      .join(' '),
    {
      errors: all.slice(0, ERRORS_MAX),
    },
  );
}

/** Codes of single faults that are problems of their own when nothing else is wrong. */
const SPECIAL_CODES = ['unknown-field', 'unknown-parameter', 'not-supported'] as const;

function fieldProblems(source: Source, error: ValidationError, path: string): FieldProblem[] {
  const here = path + pointerTo(error.property);
  const children = (error.children ?? []).flatMap((child) => fieldProblems(source, child, here));
  const broken = Object.entries(error.constraints ?? {})[0];
  return broken ? [fieldProblem(source, error, here, broken), ...children] : children;
}

function fieldProblem(
  source: Source,
  { property, value }: ValidationError,
  pointer: string,
  [rule, text]: [string, string],
): FieldProblem {
  if (rule === 'whitelistValidation') return unknownName(source, pointer, property);
  const place = source === 'body' ? { pointer } : { parameter: property };
  if (rule === NOT_SUPPORTED_RULE) return { ...place, code: 'not-supported', detail: text };
  if (value === undefined) return { ...place, code: 'required', detail: `${property} is required.` };
  return { ...place, code: 'invalid-value', detail: text };
}

function unknownName(source: Source, pointer: string, name: string): FieldProblem {
  const detail = `There is no ${source === 'body' ? 'field' : 'parameter'} ${shown(name)}.`;
  if (source === 'query') return { parameter: shown(name), code: 'unknown-parameter', detail };
  return { pointer: shown(pointer), code: 'unknown-field', detail };
}

/** RFC 6901 section 3. */
function pointerTo(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** A name that the caller made up, cut, and without a key that may have slipped into it. */
function shown(name: string): string {
  return withoutKeys(name).slice(0, NAME_SHOWN_MAX);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
