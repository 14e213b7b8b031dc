import ts from 'typescript';
import { eachNode, isSpec, type Rule, type Source } from './sources.js';

/** One finding for every line of the file that `find` has something against. */
function eachLine(text: string, find: (line: string) => string | undefined) {
  return text.split('\n').flatMap((line, index) => {
    const message = find(line);
    return message ? [{ at: index + 1, message }] : [];
  });
}

/** Marks of work put off; put together from parts, so that this file does not break its own rule. */
export const LATER_WORDS = [
  ['TO', 'DO'],
  ['FIX', 'ME'],
  ['X', 'XX'],
].map((parts) => parts.join(''));

const LATER = new RegExp(`\\b(${LATER_WORDS.join('|')})\\b(?!\\s*\\(#\\d+\\))`);

const laterWithoutIssue: Rule = {
  name: 'later-without-issue',
  check: ({ ast, text }) =>
    ast
      ? eachLine(text, (line) => (LATER.test(line) ? `${LATER.exec(line)?.[1]} without (#issue)` : undefined))
      : [],
};

const strayIndex: Rule = {
  name: 'stray-index',
  check: ({ path }) =>
    /(^|\/)index\.tsx?$/.test(path) && !/^libs\/[^/]+\/src\/index\.ts$/.test(path)
      ? [{ at: 1, message: 'an index.ts is the public face of a library, and nothing else' }]
      : [],
};

/** A file is named after its use case or its noun. */
const suffixedName: Rule = {
  name: 'suffixed-name',
  check: ({ path }) =>
    /\.(service|dto|handler|interface|helper|util|utils)\.tsx?$/.test(path)
      ? [{ at: 1, message: 'a file is named after its use case or its noun, without a suffix of kind' }]
      : [],
};

const TEST_FUNCTION = /^(it|test|describe)(\.(each|concurrent|failing)\b.*)?$/s;

const partialRun: Rule = {
  name: 'partial-run',
  check(source: Source) {
    const found: { at: ts.Node; message: string }[] = [];
    if (!source.ast || !isSpec(source.path)) return found;
    eachNode(source.ast, (node) => {
      const isMember = ts.isPropertyAccessExpression(node) && TEST_FUNCTION.test(node.expression.getText());
      const member = isMember ? node.name.text : undefined;
      const isLetter = ts.isIdentifier(node) && /^(fit|xit|xtest|fdescribe|xdescribe)$/.test(node.text);
      if (isLetter || (member && ['only', 'skip', 'todo'].includes(member))) {
        found.push({ at: node, message: `${node.getText()}: every test runs, always` });
      }
    });
    return found;
  },
};

/** Hosts that packages come from, in parts like LATER_WORDS. Which one is used is for each machine to say. */
const PACKAGE_HOSTS = [
  ['registry', 'npmjs', 'org'],
  ['registry', 'yarnpkg', 'com'],
  ['npm', 'pkg', 'github', 'com'],
  ['registry', 'npmmirror', 'com'],
].map((parts) => parts.join('.'));

const packageHost: Rule = {
  name: 'package-host',
  check: ({ path, text }) =>
    eachLine(text, (line) => {
      const isNamed =
        PACKAGE_HOSTS.some((host) => line.includes(host)) ||
        /"resolved": *"https?:/.test(line) ||
        (path.endsWith('.npmrc') && /^\s*(@[^:]+:)?registry\s*=/.test(line));
      return isNamed ? 'names the host of a package registry' : undefined;
    }),
};

export const habitRules = [laterWithoutIssue, strayIndex, suffixedName, partialRun, packageHost];
