import type { Source, Violation } from './sources.js';

/** Shorter paragraphs (a command, a heading) may well stand in two places. */
const PARAGRAPH_CHARACTERS_MIN = 120;

/** A fact has one home; elsewhere there is a link. This rule looks at all documents at once. */
export function repeatedParagraphs(sources: readonly Source[]): Violation[] {
  const firstPlace = new Map<string, string>();
  return paragraphsOf(sources).flatMap(({ text, path, line }) => {
    const place = firstPlace.get(text);
    if (place === undefined) {
      firstPlace.set(text, `${path}:${line}`);
      return [];
    }
    return [{ rule: 'repeated-paragraph', path, line, message: `the same paragraph stands in ${place}` }];
  });
}

function paragraphsOf(sources: readonly Source[]) {
  return sources
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) => {
      let line = 1;
      return text.split(/\n[ \t]*\n/).map((raw) => {
        const paragraph = { text: raw.replace(/\s+/g, ' ').trim(), path, line };
        line += raw.split('\n').length + 1;
        return paragraph;
      });
    })
    .filter(({ text }) => text.length >= PARAGRAPH_CHARACTERS_MIN);
}
