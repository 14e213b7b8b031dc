import { posix } from 'node:path';
import ts from 'typescript';
import { eachNode, type Source } from './sources.js';

export interface Import {
  node: ts.Node;
  /** As written. */
  specifier: string;
  /** Path of the file that a relative import names, relative to the project's folder, without its ending. */
  target: string | undefined;
  /** Names that are imported; undefined = the whole module (a default, a namespace, `import()` or `require()`). */
  names: string[] | undefined;
}

/** Every import of a file, whatever its form: statement, re-export, type, `import()`, `require()`. */
export function importsOf(source: Source): Import[] {
  if (!source.ast) return [];
  const found: Import[] = [];
  eachNode(source.ast, (node) => {
    const module = moduleOf(node);
    if (!module || !ts.isStringLiteralLike(module)) return;
    const specifier = module.text;
    const isRelative = specifier.startsWith('.');
    const target = isRelative ? posix.join(posix.dirname(source.path), specifier) : undefined;
    found.push({ node, specifier, target: target?.replace(/\.(js|ts|tsx)$/, ''), names: namesOf(node) });
  });
  return found;
}

function moduleOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal;
  if (!ts.isCallExpression(node)) return undefined;
  const isRequire = ts.isIdentifier(node.expression) && node.expression.text === 'require';
  const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return isRequire || isImport ? node.arguments[0] : undefined;
}

function namesOf(node: ts.Node): string[] | undefined {
  const clause = ts.isImportDeclaration(node) ? node.importClause : undefined;
  const bindings = clause?.namedBindings;
  if (clause?.name || !bindings || !ts.isNamedImports(bindings)) return undefined;
  return bindings.elements.map((element) => (element.propertyName ?? element.name).text);
}

/** The part of the project that a path belongs to, as the borders of ARCHITECTURE.md section 2 divide it. */
export type Place =
  | { kind: 'lib'; name: string }
  | { kind: 'app'; name: string; slice: string | undefined }
  | { kind: 'other' };

export function placeOf(path: string): Place {
  const [top, name, ...inside] = path.split('/');
  if (top === 'libs' && name && inside.length > 0) return { kind: 'lib', name };
  if (top === 'apps' && name && inside.length > 0) return { kind: 'app', name, slice: sliceOf(path) };
  return { kind: 'other' };
}

/** `api/<folder>`, `gate` or `worker` of the server; what lies outside them composes them. */
function sliceOf(path: string): string | undefined {
  return /^apps\/server\/src\/(api\/[^/]+|gate|worker)\//.exec(path)?.[1];
}
