import { borderRules } from './borders.js';
import { repeatedParagraphs } from './documents.js';
import { habitRules } from './habits.js';
import { purityRules } from './purity.js';
import { sizeRules } from './sizes.js';
import { checkSource, type Source, type Violation } from './sources.js';

const fileRules = [...sizeRules, ...borderRules, ...purityRules, ...habitRules];

export const RULE_NAMES = [...fileRules.map(({ name }) => name), 'repeated-paragraph'];

/** Everything that the rules have against these files. The rules only get stricter. */
export function check(sources: readonly Source[]): Violation[] {
  const inFiles = sources.flatMap((source) => fileRules.flatMap((rule) => checkSource(rule, source)));
  return [...inFiles, ...repeatedParagraphs(sources)];
}
