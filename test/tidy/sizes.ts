import ts from 'typescript';
import { eachNode, isSpec, lineOf, type Rule } from './sources.js';

/** A file that a reader takes in at one sitting. */
const FILE_LINES_MAX = 300;
/** A function that fits on a screen. */
const FUNCTION_LINES_MAX = 60;

/** Written by a program from docs/openapi.json, and read by programs: a test says that nobody edits it. */
const GENERATED = ['libs/client/src/schema.ts'];

const fileSize: Rule = {
  name: 'file-size',
  check({ ast, path, text }) {
    const lines = text.replace(/\n$/, '').split('\n').length;
    if (!ast || lines <= FILE_LINES_MAX || GENERATED.includes(path)) return [];
    return [{ at: FILE_LINES_MAX + 1, message: `the file has ${lines} lines, at most ${FILE_LINES_MAX}` }];
  },
};

/** The callback of a describe only lists its tests, and may be as long as the file. */
const functionSize: Rule = {
  name: 'function-size',
  check({ ast, path }) {
    const found: { at: ts.Node; message: string }[] = [];
    if (!ast) return found;
    eachNode(ast, (node) => {
      if (!ts.isFunctionLike(node) || !('body' in node) || (isSpec(path) && isDescribeCallback(node))) return;
      const lines = lineOf(ast, node.getEnd()) - lineOf(ast, node.getStart(ast)) + 1;
      if (lines <= FUNCTION_LINES_MAX) return;
      found.push({ at: node, message: `the function has ${lines} lines, at most ${FUNCTION_LINES_MAX}` });
    });
    return found;
  },
};

function isDescribeCallback({ parent }: ts.Node): boolean {
  return ts.isCallExpression(parent) && /^describe\b/.test(parent.expression.getText());
}

export const sizeRules = [fileSize, functionSize];
