import type { OpenAPIObject } from '@nestjs/swagger';
import { PROBLEM_CODES } from './api/http/complete-document.js';

/** No body or answer of this API nests deeper; the walk ends here whatever refers to itself. */
const DEPTH_MAX = 8;

type Schema = Readonly<Record<string, unknown>>;
type Schemas = Readonly<Record<string, Schema>>;

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema: Schema }[];
  readonly requestBody?: { content: Record<string, { schema: Schema }> };
  readonly responses: Readonly<Record<string, Answer>>;
}
interface Header {
  readonly required?: boolean;
}
interface Components {
  readonly schemas: Schemas;
  readonly headers: Readonly<Record<string, Header>>;
}
interface Answer {
  readonly content?: Record<string, { schema: Schema }>;
  readonly headers?: Readonly<Record<string, Header | { $ref: string }>>;
  readonly [PROBLEM_CODES]?: readonly string[];
}

/**
 * What a program may rely on once it has landed, one fact a line, sorted: operations, what they take, and what their answers
 * hold. A line that goes away breaks somebody's program, as does a new line that ends in `must be sent`.
 */
export function promisesOf(document: OpenAPIObject): string[] {
  const components = document.components as unknown as Components;
  const { schemas } = components;
  const promises = new Set<string>();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item as unknown as Record<string, Operation>)) {
      const { operationId } = operation;
      promises.add(`${operationId} is ${method.toUpperCase()} ${path}`);
      for (const line of [...taken(operation, schemas), ...given(operation, components)])
        promises.add(`${operationId} ${line}`);
    }
  }
  const { code } = schemas['Problem']!['properties'] as { code: { enum: string[] } };
  for (const word of code.enum) promises.add(`problem ${word}`);
  return [...promises].sort();
}

function taken({ parameters = [], requestBody }: Operation, schemas: Schemas): string[] {
  const body = requestBody?.content['application/json'];
  const fields = body ? facts(body.schema, schemas, 'body', 'must be sent', 'may be sent') : [];
  const named = parameters.flatMap(({ name, in: place, required, schema }) => {
    const where = `${place} ${name}`;
    const need = required === true ? 'must be sent' : 'may be sent';
    return [`${where} ${need}`, ...words(schema, where)];
  });
  // null may come to what is sent: the type says what was taken before.
  return [...named, ...fields].map((line) => line.replace('|null', ''));
}

function given({ responses }: Operation, { schemas, headers: known }: Components): string[] {
  return Object.entries(responses)
    .filter(([, answer]) => answer[PROBLEM_CODES] === undefined)
    .flatMap(([status, { content, headers = {} }]) => {
      const shape = content?.['application/json'];
      const body = shape ? facts(shape.schema, schemas, status, 'always', undefined) : [];
      const sure = Object.entries(headers).filter(
        ([, one]) => ('$ref' in one ? known[nameIn(one.$ref)]! : one).required,
      );
      return [status, ...sure.map(([name]) => `${status} header ${name}`), ...body];
    });
}

/** What a reference into the components names. */
function nameIn(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

/** One line for the type of each field below, one for whether it must be, one for each word of a list of words. */
function facts(
  schema: Schema,
  schemas: Schemas,
  where: string,
  always: string,
  sometimes: string | undefined,
  depth = 0,
): string[] {
  const parts = partsOf(schema, schemas);
  const below = (part: Schema, path: string) =>
    depth < DEPTH_MAX ? facts(part, schemas, path, always, sometimes, depth + 1) : [];
  return parts.flatMap((part) => {
    const {
      properties = {},
      required = [],
      items,
    } = part as {
      properties?: Record<string, Schema>;
      required?: readonly string[];
      items?: Schema;
    };
    const fields = Object.entries(properties).flatMap(([name, field]) => {
      const path = `${where} /${name}`.replace(/ (\/.*) \//, ' $1/');
      const need = required.includes(name) ? always : sometimes;
      return [...(need === undefined ? [] : [`${path} ${need}`]), ...below(field, path)];
    });
    const type = part['type'] === undefined ? [] : [`${where} ${typeOf(schema, part)}`];
    return [...type, ...words(part, where), ...fields, ...(items ? below(items, `${where}/*`) : [])];
  });
}

/** The schema itself, or those that it is put together from. */
function partsOf(schema: Schema, schemas: Schemas): Schema[] {
  const { $ref, anyOf, allOf } = schema as { $ref?: string; anyOf?: Schema[]; allOf?: Schema[] };
  if ($ref !== undefined) return partsOf(schemas[nameIn($ref)]!, schemas);
  const parts = anyOf ?? allOf;
  if (!parts) return [schema];
  return parts.filter(({ type }) => type !== 'null').flatMap((part) => partsOf(part, schemas));
}

function typeOf(schema: Schema, part: Schema): string {
  const isNullable = ((schema['anyOf'] ?? []) as Schema[]).some(({ type }) => type === 'null');
  return [part['type'], ...(isNullable ? ['null'] : [])].flat().join('|');
}

function words({ enum: list = [] }: { enum?: readonly (string | null)[] }, where: string): string[] {
  return list.filter((word) => word !== null).map((word) => `${where} = ${word}`);
}
