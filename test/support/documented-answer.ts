import { appendFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import {
  apiDocument,
  operationOf,
  resolved,
  type DocumentedAnswer,
  type Operation,
  type Schema,
} from './api-document.js';

interface Asked {
  readonly method: string;
  /** As it was sent, with the query. */
  readonly path: string;
}
interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Of the operations listener, beside the API (operations.ts): for people and monitoring, with parts that come and go. */
const BESIDE_THE_API = /^\/v1\/status(?:[?#]|$)/;
/** Answers about the connection, before there is an operation. */
const OF_THE_CONNECTION: ReadonlySet<number> = new Set([408, 431]);
/** Of addresses and methods that no operation has. */
const NO_OPERATION: ReadonlySet<string> = new Set(['not-found', 'method-not-allowed', 'malformed-request']);
/** Headers that mean something to a program: one that is not documented is a fault, as an undocumented field is. */
const MEANINGFUL =
  /^(?:dockreg-.*|etag|location|link|retry-after|ratelimit.*|www-authenticate|deprecation|sunset)$/;

/**
 * Checks an answer of the management API against the document: its status, type, headers, and every field of its body.
 * Returns what is wrong with it; nothing for an address outside of the API.
 */
export function faultsOfAnswer(asked: Asked, answered: Answered): string[] {
  if (!asked.path.startsWith('/v1/') || BESIDE_THE_API.test(asked.path)) return [];
  const operation = operationOf(asked.method, asked.path);
  const faults = operation ? ofOperation(operation, asked, answered) : ofNone(answered);
  const cached = answered.headers['cache-control'] === 'no-store' ? [] : ['not Cache-Control: no-store'];
  return [...cached, ...faults].map(
    (fault) => `${asked.method} ${template(operation, asked)} ${answered.status}: ${fault}`,
  );
}

/** Throws when the answer is not one of the document; else counts it for the sum of the run (`.setup/test.mjs`). */
export function requireDocumented(asked: Asked, answered: Answered): void {
  const faults = faultsOfAnswer(asked, answered);
  if (faults.length > 0) throw new Error(`not what docs/openapi.json says:\n${faults.join('\n')}`);
  const folder = process.env['TEST_ANSWERS_DIR'];
  const operation = operationOf(asked.method, asked.path);
  if (folder === undefined || !operation || asked.method === 'HEAD') return;
  appendFileSync(join(folder, String(process.pid)), `${operation.id} ${answered.status}\n`);
}

/** Without what the caller sent: it may be a secret. */
function template(operation: Operation | undefined, { path }: Asked): string {
  return operation?.path ?? `${path.split('/').slice(0, 3).join('/')}…`;
}

function ofOperation(operation: Operation, { method }: Asked, answered: Answered): string[] {
  const { status, headers } = answered;
  if (OF_THE_CONNECTION.has(status)) return ofNone(answered);
  const documented = operation.documented.responses[String(status)];
  if (!documented) {
    const { code = 'no problem' } = (parsed(answered.text) ?? {}) as { code?: string };
    return [`this status is not documented (${code}): see \`problems\` of its @Operation`];
  }
  const shown = method === 'HEAD' ? [] : ofBody(documented, answered);
  return [...ofHeaders(documented, headers), ...shown];
}

/** Whatever no operation answers is still a problem of the catalogue. */
function ofNone({ status, headers, text }: Answered): string[] {
  const problem = parsed(text) as { code?: string } | undefined;
  if (headers['content-type'] !== 'application/problem+json' || !problem) return ['not a problem document'];
  const faults = validated(validatorOf(PROBLEM), problem);
  const isKnown = OF_THE_CONNECTION.has(status) || NO_OPERATION.has(problem.code ?? '');
  return isKnown ? faults : [...faults, `${problem.code}: this address is not documented`];
}

function ofHeaders(documented: DocumentedAnswer, headers: IncomingHttpHeaders): string[] {
  const declared = Object.entries(documented.headers ?? {});
  const names = new Set(declared.map(([name]) => name.toLowerCase()));
  const unknown = Object.keys(headers).filter((name) => MEANINGFUL.test(name) && !names.has(name));
  const wrong = declared.flatMap(([name, found]) => {
    const { required = false, schema } = resolved<{ required?: boolean; schema: Schema }>(found);
    const value = headers[name.toLowerCase()];
    if (value === undefined) return required ? [`header ${name} is missing`] : [];
    return validated(validatorOf(schema), value).map((fault) => `header ${name}${fault}`);
  });
  return [...unknown.map((name) => `header ${name} is not documented`), ...wrong];
}

function ofBody(documented: DocumentedAnswer, answered: Answered): string[] {
  const { status, headers, text } = answered;
  const [type] = (headers['content-type'] ?? '').split(';', 1);
  const declared = documented.content ?? {};
  if (Object.keys(declared).length === 0) return text === '' ? [] : ['a body is not documented'];
  const shape = declared[type!];
  if (!shape) return [`the type ${type} is not documented`];
  if (!type!.endsWith('json')) return [];
  const body = parsed(text);
  if (body === undefined) return ['the body is not JSON'];
  const faults = validated(validatorOf(shape.schema), body);
  const codes = documented['x-problem-codes'];
  return codes ? [...faults, ...ofProblem(codes, status, headers, body)] : faults;
}

function ofProblem(
  codes: readonly string[],
  status: number,
  headers: IncomingHttpHeaders,
  body: unknown,
): string[] {
  const { code = '', type, status: said, requestId } = body as Record<string, unknown> & { code?: string };
  return [
    ...(codes.includes(code)
      ? []
      : [`${code} is not among the problems of the route: add it to \`problems\` of its @Operation`]),
    ...(type === `/problems/${code}` ? [] : ['type does not lead to the page of the code']),
    ...(said === status ? [] : ['status is not that of the answer']),
    ...(requestId === headers['dockreg-request-id'] ? [] : ['requestId is not that of the header']),
  ];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const FORMATS = {
  // API.md: RFC 3339, UTC, milliseconds.
  'date-time': /^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z$/,
  duration: /^P(?:\d+W|(?=\d|T\d)(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)$/,
  'uri-reference': /^[\x21-\x7e]+$/,
  uri: /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/,
  password: true,
} as const;

const ajv = new Ajv2020({ strict: false, allErrors: true, formats: FORMATS });
ajv.addSchema({ $id: 'api', components: closed(apiDocument.components) });
const validators = new WeakMap<Schema, ValidateFunction>();

/** The schemas of the document for answers: a field that is not named is a fault, though programs are told to expect new ones. */
function closed(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(closed);
  if (typeof part !== 'object' || part === null) return part;
  const copy = Object.fromEntries(Object.entries(part).map(([name, value]) => [name, closed(value)]));
  const isOpen = copy['properties'] !== undefined && copy['type'] === 'object';
  return isOpen ? { additionalProperties: false, ...copy } : copy;
}

function validatorOf(schema: Schema): ValidateFunction {
  const known = validators.get(schema);
  if (known) return known;
  const absolute = JSON.parse(JSON.stringify(closed(schema)).replaceAll('"#/', '"api#/')) as Schema;
  const made = ajv.compile(absolute);
  validators.set(schema, made);
  return made;
}

const PROBLEM: Schema = { $ref: '#/components/schemas/Problem' };

/** The faults by their place; no value of the answer is repeated. */
function validated(validate: ValidateFunction, value: unknown): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    const name = (params as { additionalProperty?: string }).additionalProperty;
    return `${instancePath || ' '} ${message}${name === undefined ? '' : `: ${name}`}`;
  });
}
