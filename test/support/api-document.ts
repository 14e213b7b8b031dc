import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A schema of the document; what JSON Schema allows there, untyped. */
export type Schema = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie';
  readonly required?: boolean;
  readonly schema: Schema;
}

export interface DocumentedAnswer {
  readonly content?: Readonly<Record<string, { schema: Schema }>>;
  readonly headers?: Readonly<Record<string, { required?: boolean; schema: Schema } | { $ref: string }>>;
  readonly 'x-problem-codes'?: readonly string[];
}

export interface DocumentedOperation {
  readonly operationId: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  readonly responses: Readonly<Record<string, DocumentedAnswer>>;
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly headers: Readonly<Record<string, { required?: boolean; schema: Schema }>>;
  };
}

/** An operation with its place in the document. */
export interface Operation {
  readonly id: string;
  /** In capitals. */
  readonly method: string;
  /** With `{name}` for each parameter. */
  readonly path: string;
  readonly documented: DocumentedOperation;
}

const FILE = fileURLToPath(new URL('../../docs/openapi.json', import.meta.url));

/** The committed document; a spec holds it equal to the one that the server gives. */
export const apiDocument = JSON.parse(readFileSync(FILE, 'utf8')) as ApiDocument;

export const operations: readonly Operation[] = Object.entries(apiDocument.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, documented]) => ({
    id: documented.operationId,
    method: method.toUpperCase(),
    path,
    documented,
  })),
);

/** The operation that a request is for, as the router sees it: a literal segment before a parameter. HEAD is GET without the body. */
export function operationOf(method: string, target: string): Operation | undefined {
  const segments = target.split(/[?#]/, 1)[0]!.split('/');
  const wanted = method === 'HEAD' ? 'GET' : method;
  return operations
    .filter((operation) => operation.method === wanted && fits(operation.path.split('/'), segments))
    .sort((one, other) => one.path.split('{').length - other.path.split('{').length)[0];
}

function fits(template: readonly string[], segments: readonly string[]): boolean {
  return (
    template.length === segments.length &&
    template.every((part, at) => (part.startsWith('{') ? segments[at] !== '' : part === segments[at]))
  );
}

/** What a reference into the components stands for; anything else is itself. */
export function resolved<Part extends object>(part: Part | { $ref: string }): Part {
  if (!('$ref' in part)) return part;
  const [, , kind, name] = part.$ref.split('/');
  const components = apiDocument.components as unknown as Record<string, Record<string, Part>>;
  return components[kind!]![name!]!;
}
