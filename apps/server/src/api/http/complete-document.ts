import type { OpenAPIObject } from '@nestjs/swagger';
import { RIGHT_EXTENSION, type DeclaredRight } from './declared-right.js';
import { PROBLEMS, type ProblemCode } from './problems.js';

/** What a route says of itself to the document, beside what Nest reads from its parameters and classes. */
export interface RouteFacts {
  /** Refusals of its own; those that every such route can give are added (`problemsOf`). */
  readonly problems?: readonly ProblemCode[];
  /** Of a route that makes something (201): what 200 means. Without it: that the Idempotency-Key was used before. */
  readonly again?: string;
  /** Whether the answer tells where in the log the write stands; unless told, that of every method but GET. */
  readonly position?: boolean | 'sometimes';
  /** Browsers are led here, and get a page in place of a problem. */
  readonly isForBrowsers?: boolean;
}

/** Where `@Operation` leaves the facts; the finished document has none of them. */
export const ROUTE_FACTS = 'x-route-facts';
/** Member of a response: the codes of the problems that it can be. */
export const PROBLEM_CODES = 'x-problem-codes';

/** In the order of the readable docs. A new tag is described here. */
const TAGS: Readonly<Record<string, string>> = {
  session: 'Sign in and out, the own password and sessions.',
  'access tokens': 'Tokens of a user, for programs. A registry key never opens this API.',
  users: 'Users of the installation, for administrators.',
  registries: 'Registries with their hosts, plan and policy.',
  members: 'Who has which role in a registry.',
  keys: 'Keys with which registry clients pull and push.',
  channels: 'Where a registry is told what happens to its keys, and what became of each message.',
  alerts: 'What the rules found in the use of keys, who looks after it, and what is laid down for the rules.',
  leaks: 'Reports of leaked keys, and a check of a text.',
  usage: 'What keys are used for, what was refused, and where that is told from.',
  changes: 'What has happened since a position, of what the caller may see: to poll, or as a stream.',
  'audit log': 'Signed proofs of what happened.',
};

const REPEATED = 'The Idempotency-Key came with this body before: the first answer again.';

/** Path parameters by their name; one of another meaning is told by its own route. */
const PATH_PARAMETERS: Readonly<Record<string, { description: string; example?: string }>> = {
  registry: { description: 'Slug or id of the registry.', example: 'myapp' },
  key: { description: 'Id of the key.', example: 'drk_4TzR0aKd9P2Xb7Qm' },
  user: { description: 'Id of the user.', example: 'usr_8Zk1mQ4vT0aXc2Lp' },
  channel: { description: 'Id of the channel.', example: 'chn_7Qm4TzR0aKd9P2Xb' },
  delivery: { description: 'Id of the delivery.', example: '7d1f0b8e-2c7d-5c58-9d2f-1d3f6a5e8c11' },
  alert: { description: 'Id of the alert.', example: 'alt_9Kd2Xw5Vb8Nq1Lz7' },
  rule: { description: 'Name of the rule.', example: 'push-from-unexpected-place' },
  host: { description: 'A host of the registry.', example: 'registry.example.com' },
};

type Schema = Record<string, unknown>;
interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  example?: unknown;
  schema?: Schema;
}
interface Response {
  description: string;
  headers?: Record<string, unknown>;
  content?: Record<string, unknown>;
  [PROBLEM_CODES]?: readonly ProblemCode[];
}
interface RouteOperation {
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, Response>;
  security?: object[];
  [ROUTE_FACTS]?: RouteFacts;
  [RIGHT_EXTENSION]?: DeclaredRight;
}

interface Place {
  readonly path: string;
  readonly method: string;
  readonly operation: RouteOperation;
  readonly facts: RouteFacts;
}

/** Adds what holds for all routes by rule: problems per status, headers, security, closed bodies, path parameters, tags. */
export function completeDocument(document: OpenAPIObject): void {
  const schemas = document.components!.schemas as Record<string, Schema>;
  const used = new Set<string>();
  for (const place of placesIn(document)) {
    const { operation } = place;
    if (operation[RIGHT_EXTENSION] === 'public') operation.security = [];
    for (const tag of operation.tags ?? []) used.add(tag);
    const others = (operation.parameters ?? []).filter((parameter) => parameter.in !== 'path');
    operation.parameters = [...pathParameters(place), ...others.map(withoutNull), MIN_POSITION];
    completeBody(operation, schemas);
    completeAnswers(place);
  }
  document.tags = Object.entries(TAGS)
    .filter(([name]) => used.has(name))
    .map(([name, description]) => ({ name, description }));
  const paths = JSON.stringify(document.paths);
  const shown = Object.entries(HEADERS).filter(([name]) => paths.includes(`#/components/headers/${name}"`));
  document.components = { ...document.components, headers: Object.fromEntries(shown) };
}

/** Of every operation (min-position.ts). */
const MIN_POSITION: Parameter = {
  name: 'Dockreg-Min-Position',
  in: 'header',
  required: false,
  description: 'The `Dockreg-Position` of an earlier answer: waits until this node has applied it.',
  schema: { type: 'string', pattern: '^[0-9]{1,19}$' },
};

const HEADERS = {
  Position: {
    description: 'Where in the log the write stands: `Dockreg-Min-Position` of a later read.',
    required: true,
    schema: { type: 'string', pattern: '^[0-9]{1,20}$' },
  },
  RequestId: {
    description: 'The id of the request, as in the log and in problems.',
    required: true,
    schema: { type: 'string', pattern: '^req_[0-9A-Za-z]{16}$' },
  },
  RetryAfter: {
    description: 'Seconds to wait.',
    required: true,
    schema: { type: 'string', pattern: '^[0-9]+$' },
  },
  Etag: {
    description: 'The version of what the answer shows: `If-Match` of a change, `If-None-Match` of a read.',
    schema: { type: 'string', pattern: '^"[^"]*"$' },
  },
  Location: { description: 'Where to go on.', required: true, schema: { type: 'string' } },
  RateLimit: {
    description: 'What is left of the limit on failures, and for how long it counts.',
    schema: { type: 'string' },
  },
  RateLimitPolicy: { description: 'The limit on failures.', schema: { type: 'string' } },
  WwwAuthenticate: {
    description: 'How to authenticate.',
    required: true,
    schema: { type: 'string' },
  },
};

function* placesIn({ paths }: OpenAPIObject): Generator<Place> {
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, found] of Object.entries(item as Record<string, RouteOperation>)) {
      const { [ROUTE_FACTS]: facts = {}, ...operation } = found;
      (item as Record<string, RouteOperation>)[method] = operation;
      yield { path, method, operation, facts };
    }
  }
}

/** Nest leaves out those that a pipe turns into something else. */
function pathParameters({ path, operation }: Place): Parameter[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const told = new Map(operation.parameters?.map((parameter) => [parameter.name, parameter]));
  return names.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
    ...(PATH_PARAMETERS[name] ?? { description: 'Id of it.' }),
    ...told.get(name),
  }));
}

/** A query has no null: what is absent is left out. */
function withoutNull(parameter: Parameter): Parameter {
  const { type, enum: words, ...schema } = parameter.schema ?? {};
  const one = Array.isArray(type) ? (type as string[]).find((name) => name !== 'null') : type;
  const given = Array.isArray(words) ? { enum: words.filter((word) => word !== null) } : {};
  return { ...parameter, schema: { ...(one === undefined ? {} : { type: one }), ...schema, ...given } };
}

/** A body is closed, as unknown fields are refused, and may be left out when no field of it is required. */
function completeBody({ requestBody }: RouteOperation, schemas: Record<string, Schema>): void {
  const schema = requestBody?.content['application/json']?.schema;
  if (!requestBody || !schema) return;
  close(schema, schemas);
  const { required = [] } = resolved(schema, schemas) as { required?: string[] };
  requestBody.required = required.length > 0;
}

function close(schema: Schema, schemas: Record<string, Schema>): void {
  const target = resolved(schema, schemas);
  if (!target['properties'] || target['additionalProperties'] !== undefined) return;
  target['additionalProperties'] = false;
  for (const property of Object.values(target['properties'] as Record<string, Schema>)) {
    for (const part of [property, property['items'], ...alternatives(property)])
      if (part) close(part as Schema, schemas);
  }
}

function alternatives(schema: Schema): Schema[] {
  return ['anyOf', 'allOf', 'oneOf'].flatMap((name) => (schema[name] ?? []) as Schema[]);
}

function resolved(schema: Schema, schemas: Record<string, Schema>): Schema {
  const { $ref } = schema as { $ref?: string };
  return $ref === undefined ? schema : schemas[$ref.slice($ref.lastIndexOf('/') + 1)]!;
}

function completeAnswers(place: Place): void {
  const { method, operation, facts } = place;
  const { position = method !== 'get', again = REPEATED } = facts;
  const isVersioned = isSingle(place);
  const headers = {
    'Dockreg-Request-Id': header('RequestId'),
    ...(position === true ? { 'Dockreg-Position': header('Position') } : {}),
    ...(position === 'sometimes' ? { 'Dockreg-Position': { ...HEADERS.Position, required: false } } : {}),
    ...(isVersioned ? { ETag: header('Etag') } : {}),
    ...(operation.responses['302'] ? { Location: header('Location') } : {}),
    ...rateLimitHeaders(facts),
  };
  for (const answer of Object.values(operation.responses)) answer.headers = { ...headers, ...answer.headers };
  const made = operation.responses['201'];
  if (made && (facts.again !== undefined || takes(operation, 'Idempotency-Key')))
    operation.responses['200'] = { ...made, description: again };
  if (isVersioned && method === 'get')
    operation.responses['304'] = { description: '`If-None-Match` names this version.', headers };
  for (const [status, codes] of problemsOf(place)) {
    const answer = problemAnswer(codes, rateLimitHeaders(facts));
    if (facts.isForBrowsers) answer.content!['text/html'] = { schema: { type: 'string' } };
    operation.responses[status] = answer;
  }
}

/** Whether the answer may show one thing in a version of it, and not a list. */
function isSingle({ path, operation: { responses } }: Place): boolean {
  if (!path.includes('{') && !responses['201']) return false;
  const { content } = responses['200'] ?? responses['201'] ?? {};
  const { schema } = (content?.['application/json'] ?? {}) as { schema?: { $ref?: string } };
  return schema?.$ref !== undefined && !schema.$ref.endsWith('Page');
}

function rateLimitHeaders({ problems = [] }: RouteFacts): Record<string, unknown> {
  if (!problems.includes('too-many-requests')) return {};
  return { RateLimit: header('RateLimit'), 'RateLimit-Policy': header('RateLimitPolicy') };
}

function takes({ parameters = [] }: RouteOperation, name: string): boolean {
  return parameters.some((parameter) => parameter.in === 'header' && parameter.name === name);
}

function header(name: keyof typeof HEADERS) {
  return { $ref: `#/components/headers/${name}` };
}

/** Status by status what the route can refuse with: the rule for all routes of its kind, and what it says itself. */
function problemsOf({ path, method, operation, facts }: Place): Map<string, ProblemCode[]> {
  const codes: ProblemCode[] = [
    'malformed-request',
    'unknown-position',
    'invalid-parameter',
    'unknown-parameter',
  ];
  const right = operation[RIGHT_EXTENSION];
  if (right !== 'public') codes.push('not-authenticated');
  if (right !== 'public' && right !== 'authenticated') codes.push('not-permitted');
  if (path.includes('{')) codes.push('not-found');
  if (method !== 'get') {
    codes.push('malformed-json', 'invalid-request', 'unknown-field');
    codes.push('cross-site-request', 'conflict', 'payload-too-large', 'unsupported-media-type');
  }
  if (operation.requestBody) codes.push('invalid-value', 'not-supported');
  if (takes(operation, 'If-Match')) codes.push('precondition-failed');
  if (takes(operation, 'Idempotency-Key')) codes.push('idempotency-key-reused', 'idempotency-in-progress');
  codes.push(...(facts.problems ?? []), 'internal', 'unavailable', 'position-not-reached');
  const byStatus = new Map<string, ProblemCode[]>();
  for (const code of new Set(codes)) {
    const status = String(PROBLEMS[code].status);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return byStatus;
}

function problemAnswer(codes: readonly ProblemCode[], headers: Record<string, unknown>): Response {
  const waiting = codes.filter((code) => 'retryAfter' in PROBLEMS[code] || code === 'too-many-requests');
  const retryAfter = { ...HEADERS.RetryAfter, required: false };
  const asks = codes.some((code) => PROBLEMS[code].status === 401);
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
    [PROBLEM_CODES]: codes,
    headers: {
      'Dockreg-Request-Id': header('RequestId'),
      ...headers,
      ...(waiting.length > 0 ? { 'Retry-After': retryAfter } : {}),
      ...(waiting.length === codes.length ? { 'Retry-After': header('RetryAfter') } : {}),
      ...(asks ? { 'WWW-Authenticate': header('WwwAuthenticate') } : {}),
    },
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}
