import fc from 'fast-check';
import { resolved, type Operation, type Schema } from '../support/api-document.js';
import type { RawRequest } from './raw-connection.js';
import { objectOf, OPTIONAL_MAX, valueOf, type KnownIds } from './values.js';

/** A segment of the path: the n-th of the ids that stand there, one of the other tenant, or bytes as they are. */
export type PathPart = { own: number } | { foreign: number } | { raw: string };

/** A request before it is written down: still in parts, so that one of them can be spoilt. */
export interface Draft {
  readonly method: string;
  /** By the name of the parameter. */
  readonly path: Readonly<Record<string, PathPart>>;
  /** Names and values as they stand in the target: encoded. */
  readonly query: readonly (readonly [string, string])[];
  readonly headers: readonly (readonly [string, string])[];
  /** A value, sent as JSON. */
  readonly body: unknown;
  /** Sent in the place of `body`. */
  readonly bytes?: Buffer;
  /** What the draft is about, for the report. */
  readonly what: string;
  /** Put behind the path. */
  readonly suffix?: string;
}

/** Text as it may stand in a target; half a surrogate pair as the bytes that a careless program makes of it. */
export function encoded(value: unknown): string {
  return String(value)
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\0')
    .split('\0')
    .map(encodeURIComponent)
    .join('%ed%a0%80');
}

/** Requests that the document allows, with odd values. Each says that it waits for nothing, where it could. */
export function validDraft(
  operation: Operation,
  ids: KnownIds,
  optionalMax = OPTIONAL_MAX,
): fc.Arbitrary<Draft> {
  const { parameters = [], requestBody } = operation.documented;
  const inPath = parameters.filter((parameter) => parameter.in === 'path');
  const inQuery = parameters.filter((parameter) => parameter.in === 'query');
  const schema = requestBody?.content['application/json']?.schema;
  return fc
    .record({
      path: fc.tuple(...inPath.map(() => fc.nat(1_000))),
      query: fc.tuple(...inQuery.map(({ name, schema: one }) => valueOf(one, name, ids))),
      asked: fc.subarray([...inQuery.keys()], { maxLength: Math.min(optionalMax, inQuery.length) }),
      body: schema ? objectOf(schema, ids, 0, optionalMax) : fc.constant(undefined),
    })
    .map(({ path, query, asked, body }) => ({
      method: operation.method,
      path: Object.fromEntries(inPath.map(({ name }, at) => [name, { own: path[at]! }])),
      query: [...inQuery.entries()]
        .filter(([at, { name, required }]) => required === true || name === 'wait' || asked.includes(at))
        .map(([at, { name }]) => [encoded(name), encoded(query[at])] as const),
      headers: [],
      body,
      what: 'odd',
    }));
}

/** The fields of the body of an operation, with their schemas. */
export function fieldsOf(operation: Operation): [string, Schema][] {
  const schema = operation.documented.requestBody?.content['application/json']?.schema;
  const { properties = {} } = (schema && resolved<{ properties?: Record<string, Schema> }>(schema)) ?? {};
  return Object.entries(properties);
}

/** The request on the wire. `segment` writes a part of the path down, which needs the ids that exist by now. */
export function written(
  operation: Operation,
  draft: Draft,
  segment: (name: string, part: PathPart) => string,
  credentials: readonly (readonly [string, string])[],
): RawRequest {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => segment(name, draft.path[name]!));
  const query = draft.query.map(([name, value]) => `${name}=${value}`).join('&');
  const body =
    draft.bytes ?? (draft.body === undefined ? undefined : Buffer.from(JSON.stringify(draft.body)));
  const given = new Set(draft.headers.map(([name]) => name));
  const usual = [
    ['host', '127.0.0.1'],
    ...credentials,
    ...(body ? [['content-type', 'application/json']] : []),
  ] as [string, string][];
  return {
    method: draft.method,
    path: path + (draft.suffix ?? '') + (query === '' ? '' : `?${query}`),
    headers: [...usual.filter(([name]) => !given.has(name)), ...draft.headers],
    ...(body && { body }),
  };
}
