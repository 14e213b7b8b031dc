import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** A file of the project as the rules see it; `path` is relative to the project's folder. */
export interface Source {
  path: string;
  text: string;
  /** The parsed file, for TypeScript and JavaScript only. */
  ast: ts.SourceFile | undefined;
}

/** What a rule has against a line. */
export interface Violation {
  rule: string;
  path: string;
  /** From 1. */
  line: number;
  message: string;
}

/** A rule looks at one file. */
export interface Rule {
  name: string;
  check(source: Source): { at: ts.Node | number; message: string }[];
}

/** Files larger than this are data, which no rule is about. */
const TEXT_BYTES_MAX = 1_000_000;

export function parseSource(path: string, text: string): Source {
  const isCode = /\.(ts|tsx|mjs|js)$/.test(path);
  const ast = isCode ? ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) : undefined;
  return { path, text, ast };
}

/** Every file below `root` that Git does not ignore, whether it is committed yet or not. */
export function readSources(root: string): Source[] {
  const isIgnored = ignoredBy(readFileSync(join(root, '.gitignore'), 'utf8'));
  const below = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.isFile())
      .filter((entry) => entry.name !== '.git' && !isIgnored(entry.name, entry.isDirectory()))
      .flatMap((entry) => {
        const path = folder ? `${folder}/${entry.name}` : entry.name;
        return entry.isDirectory() ? below(path) : [path];
      });
  return below('')
    .filter((path) => statSync(join(root, path)).size <= TEXT_BYTES_MAX)
    .map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')));
}

/**
 * Whether a name is in .gitignore. Git itself may be missing where the tests run, so this reads the two forms that our
 * list consists of, `name/` and `*.ending`, and throws at any other.
 */
function ignoredBy(list: string): (name: string, isFolder: boolean) => boolean {
  const lines = list.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const strange = lines.find((line) => !/^([\w.-]+\/|\*\.\w+)$/.test(line));
  if (strange)
    throw new Error(`.gitignore: the tidy test does not understand "${strange}"; write name/ or *.ending`);
  return (name, isFolder) =>
    lines.some((line) =>
      line.endsWith('/') ? isFolder && line === `${name}/` : name.endsWith(line.slice(1)),
    );
}

export function isSpec(path: string): boolean {
  return path.endsWith('.spec.ts');
}

/** Calls `visit` for every node of the file, parents first. */
export function eachNode(ast: ts.SourceFile, visit: (node: ts.Node) => void): void {
  const walk = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, walk);
  };
  walk(ast);
}

/** Line of a position in the file, from 1. */
export function lineOf(ast: ts.SourceFile, position: number): number {
  return ast.getLineAndCharacterOfPosition(position).line + 1;
}

/** What one rule finds in one file, with file and line. */
export function checkSource(rule: Rule, source: Source): Violation[] {
  return rule.check(source).map(({ at, message }) => ({
    rule: rule.name,
    path: source.path,
    line: typeof at === 'number' ? at : lineOf(source.ast!, at.getStart(source.ast)),
    message,
  }));
}
