import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { planted, type Planted, tidyFiles } from './tidy/planted.js';
import { check, RULE_NAMES } from './tidy/rules.js';
import { parseSource, readSources, type Violation } from './tidy/sources.js';

const root = fileURLToPath(new URL('..', import.meta.url));

function checkPlanted({ path, text, beside = {} }: Planted): Violation[] {
  const files = { ...beside, [path]: text };
  return check(Object.entries(files).map(([name, content]) => parseSource(name, content)));
}

const print = ({ path, line, rule, message }: Violation) => `${path}:${line} ${rule}: ${message}`;

describe('the project is tidy', () => {
  it('no file breaks a rule', () => {
    const sources = readSources(root);
    expect(sources.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['package-lock.json', '.setup/start.mjs', 'libs/kernel/src/index.ts']),
    );
    expect(check(sources).map(print)).toEqual([]);
  });
});

describe('the rules', () => {
  it.each(planted.map((one) => [one.rule, one.what, one] as const))(
    '%s: %s is caught',
    (rule, _what, one) => {
      expect(checkPlanted(one).map(({ rule: name, path, line }) => ({ rule: name, path, line }))).toEqual([
        { rule, path: one.path, line: one.line },
      ]);
    },
  );

  it.each(tidyFiles.map((one) => [one.what, one] as const))('%s passes', (_what, one) => {
    expect(checkPlanted(one).map(print)).toEqual([]);
  });

  it('each have a planted violation', () => {
    expect(new Set(planted.map(({ rule }) => rule))).toEqual(new Set(RULE_NAMES));
  });

  it('name the file, the line and what to do', () => {
    const [violation] = check([parseSource('libs/keys/src/key.ts', "\nimport '#libs/usage';\n")]);
    expect(print(violation!)).toBe('libs/keys/src/key.ts:2 border: a pure library imports only #libs/kernel');
  });
});
