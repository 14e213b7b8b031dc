import ts from 'typescript';
import { isPureLib } from './borders.js';
import { importsOf, placeOf } from './imports.js';
import { eachNode, isSpec, type Rule, type Source } from './sources.js';

/** Names of the global scope that tell the time, roll dice, wait, or reach outside the function. */
const AMBIENT = new Set(
  `performance process crypto globalThis global console navigator fetch WebSocket EventSource
   setTimeout setInterval setImmediate queueMicrotask`.split(/\s+/),
);

/** What a pure library may take from Node: functions of their arguments. Everything else of Node is I/O or chance. */
const PURE_BUILTINS: Record<string, readonly string[]> = {
  crypto: `createHash hash createHmac timingSafeEqual sign verify
    createPublicKey createPrivateKey KeyObject`.split(/\s+/),
  zlib: ['crc32'],
  net: ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'],
  buffer: ['Buffer'],
};

/** Node's modules, also without the prefix `node:`. */
const BUILTIN =
  /^(node:.+|assert|async_hooks|buffer|child_process|cluster|console|crypto|dgram|dns|events|fs|http|http2|https|inspector|module|net|os|path|perf_hooks|process|readline|repl|stream|string_decoder|timers|tls|tty|url|util|v8|vm|worker_threads|zlib)(\/.*)?$/;

function isPureSource({ path }: Source): boolean {
  const place = placeOf(path);
  return place.kind === 'lib' && isPureLib(place.name) && !isSpec(path);
}

const ambient: Rule = {
  name: 'ambient-in-pure-lib',
  check(source) {
    if (!source.ast || !isPureSource(source)) return [];
    const declared = declaredNames(source.ast);
    const found: { at: ts.Node; message: string }[] = [];
    eachNode(source.ast, (node) => {
      if (!ts.isIdentifier(node) || !isUse(node) || declared.has(node.text)) return;
      const name = ambientUse(node);
      if (name)
        found.push({ at: node, message: `${name}: a pure library gets time, chance and data as arguments` });
    });
    return found;
  },
};

const pureBuiltins: Rule = {
  name: 'builtin-in-pure-lib',
  check(source) {
    if (!isPureSource(source)) return [];
    return importsOf(source)
      .filter(({ specifier }) => BUILTIN.test(specifier))
      .flatMap(({ node, specifier, names }) => {
        const allowed = PURE_BUILTINS[specifier.replace('node:', '')] ?? [];
        const message = `${specifier}: of Node's modules a pure library imports by name only what computes (${allowed.join(', ') || 'here nothing'})`;
        return names?.every((name) => allowed.includes(name)) ? [] : [{ at: node, message }];
      });
  },
};

/** The name under which a use is ambient; undefined = a pure use. */
function ambientUse(node: ts.Identifier): string | undefined {
  if (AMBIENT.has(node.text)) return node.text;
  const member = ts.isPropertyAccessExpression(node.parent) ? node.parent.name.text : undefined;
  if (node.text === 'Math') return member === undefined || member === 'random' ? 'Math.random' : undefined;
  if (node.text !== 'Date' || member === 'parse' || member === 'UTC') return undefined;
  const isOfArgument =
    ts.isNewExpression(node.parent) && node.parent.arguments?.some((one) => !ts.isSpreadElement(one));
  return isOfArgument ? undefined : `Date${member ? `.${member}` : ''}`;
}

/** Whether the identifier stands for a value: it is no type and does not name a member, property or declaration. */
function isUse(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPartOfTypeNode(node) || ts.isTypeNode(parent) || ts.isQualifiedName(parent)) return false;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  const isName = 'name' in parent && parent.name === node;
  const isForeignName = 'propertyName' in parent && parent.propertyName === node;
  return !isName && !isForeignName;
}

/** Names that the file itself gives to something: they hide the global ones. */
function declaredNames(ast: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  eachNode(ast, (node) => {
    const isBinding =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isImportSpecifier(node);
    if (isBinding && node.name && ts.isIdentifier(node.name)) names.add(node.name.text);
  });
  return names;
}

export const purityRules = [ambient, pureBuiltins];
