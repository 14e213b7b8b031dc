import { REPOSITORY_LENGTH_MAX } from './registry-names.js';

/** As the last component: any number of components, at least one. */
const DEEP = '**';
/** Within a component: any characters but a slash, also none. As a whole component: one component. */
const STAR = '*';

const STRANGE = /[^a-z0-9._*/-]/;
const SEPARATOR_AT_EDGE = /^[._-]|[._-]$/;
/** What may stand between letters and digits, as in registry-names.ts. */
const SEPARATORS = /[._-]+/g;
const SEPARATOR = /^(?:\.|_|__|-+)$/;

/** A text to look for, and for each of its beginnings the length of the longest shorter beginning that is also its end. */
interface Piece {
  readonly text: string;
  readonly borders: Uint8Array;
}

/** One component with stars: what stands before the first of them, behind the last, and between them in this order. */
interface Component {
  readonly head: string;
  readonly pieces: readonly Piece[];
  readonly tail: string;
}

/** A pattern with a star in it. */
interface Pattern {
  /** The components before the first one with a star, each with its slash. */
  readonly head: string;
  readonly components: readonly Component[];
  /** Whether `**` follows. */
  readonly isDeep: boolean;
}

/**
 * A list of repository patterns, compiled once. `team/api` is that repository, `team/*` one component below `team/`,
 * `team/**` everything below it (`team` itself not), `app-*` a part of a component; nothing else is special. The list has
 * what one of its patterns has; a text that is no pattern has nothing. The time a match takes grows with the length of the
 * name and of the pattern, never with their product, whatever they consist of.
 */
export class RepositoryPatterns {
  readonly #exact: readonly string[];
  readonly #patterns: readonly Pattern[];

  constructor(texts: readonly string[]) {
    const valid = texts.filter((text) => repositoryPatternProblem(text) === undefined);
    // The copy has no room for more, as what grew has.
    this.#exact = valid.filter((text) => !text.includes(STAR)).slice();
    this.#patterns = valid.filter((text) => text.includes(STAR)).map(compile);
  }

  has(repository: string): boolean {
    return this.#exact.includes(repository) || this.#patterns.some((pattern) => matches(pattern, repository));
  }
}

/**
 * Why the text cannot restrict a key to repositories: undefined for a pattern. A pattern that no name of a repository
 * matches is a mistake, and refused. Never repeats the text, which may be anything.
 */
export function repositoryPatternProblem(text: string): string | undefined {
  if (text === '') return 'a pattern is not empty';
  if (text.length > REPOSITORY_LENGTH_MAX) {
    return `a pattern has at most ${REPOSITORY_LENGTH_MAX} characters, as the name of a repository`;
  }
  if (/[A-Z]/.test(text)) return 'the names of repositories have no upper-case letters';
  if (STRANGE.test(text)) {
    return `character ${text.search(STRANGE) + 1} is none that a name has (a-z, 0-9, ".", "_", "-", "/"), nor a "*"`;
  }
  const components = text.split('/');
  return components
    .map((component, place) => componentProblem(component, place + 1, components.length))
    .find((problem) => problem !== undefined);
}

/**
 * Whether every repository that the pattern `inner` has is certainly one that `outer` has. Where that would take more than
 * a comparison of the two, the answer is false. Both must be patterns; for other texts it is false too.
 */
export function patternIncludes(outer: string, inner: string): boolean {
  if ([outer, inner].some((text) => repositoryPatternProblem(text) !== undefined)) return false;
  if (!outer.includes(STAR)) return outer === inner;
  const pattern = compile(outer);
  // A star of `inner` is a character that only a star of `outer` takes, and that one takes whatever stands for it as well.
  return (pattern.isDeep || !isDeep(inner)) && matches(pattern, inner);
}

function componentProblem(component: string, place: number, places: number): string | undefined {
  if (component === '') return `component ${place} is empty: a single slash stands between two components`;
  if (component === DEEP) {
    return place === places ? undefined : '"**" stands only at the end, as the last component';
  }
  if (component.includes(DEEP))
    return `"**" stands alone, as the last component: component ${place} has more`;
  if (SEPARATOR_AT_EDGE.test(component)) {
    return `component ${place} begins or ends with a separator: a letter, a digit or a "*" stands there`;
  }
  const separators = component.match(SEPARATORS) ?? [];
  if (!separators.every((run) => SEPARATOR.test(run))) {
    return `component ${place} has separators that no name has: single are ".", "_", "__" and hyphens`;
  }
  return undefined;
}

function isDeep(text: string): boolean {
  return text === DEEP || text.endsWith(`/${DEEP}`);
}

/** The text is known to be a pattern with a star. */
function compile(text: string): Pattern {
  const deep = isDeep(text);
  const components = text.split('/').slice(0, deep ? -1 : undefined);
  const firstStar = components.findIndex((component) => component.includes(STAR));
  const heads = firstStar === -1 ? components.length : firstStar;
  return {
    head: components
      .slice(0, heads)
      .map((component) => `${component}/`)
      .join(''),
    components: components.slice(heads).map(compileComponent),
    isDeep: deep,
  };
}

function compileComponent(text: string): Component {
  if (text === STAR) return ANY_COMPONENT;
  const parts = text.split(STAR);
  if (parts.length === 1) return { head: text, pieces: NO_STAR, tail: '' };
  const pieces = parts.length === 2 ? NO_PIECES : parts.slice(1, -1).map(pieceOf);
  return { head: parts[0]!, pieces, tail: parts.at(-1)! };
}

/** Marks a component without a star, which is its head alone. */
const NO_STAR: readonly Piece[] = [];
const NO_PIECES: readonly Piece[] = [];
/** One object for all patterns that have it, as most do. */
const ANY_COMPONENT: Component = { head: '', pieces: NO_PIECES, tail: '' };

function matches({ head, components, isDeep }: Pattern, name: string): boolean {
  if (!name.startsWith(head)) return false;
  let start = head.length;
  for (const component of components) {
    const slash = name.indexOf('/', start);
    const end = slash === -1 ? name.length : slash;
    if (end <= start || !componentMatches(component, name, start, end)) return false;
    start = end + 1;
  }
  return isDeep ? start < name.length : start === name.length + 1;
}

function componentMatches(
  { head, pieces, tail }: Component,
  name: string,
  start: number,
  end: number,
): boolean {
  if (!name.startsWith(head, start)) return false;
  if (pieces === NO_STAR) return end - start === head.length;
  let at = start + head.length;
  const limit = end - tail.length;
  if (at > limit || !name.endsWith(tail, end)) return false;
  for (const piece of pieces) {
    at = endOf(piece, name, at, limit);
    if (at === -1) return false;
  }
  return true;
}

function pieceOf(text: string): Piece {
  const borders = new Uint8Array(text.length);
  let length = 0;
  for (let at = 1; at < text.length; at++) {
    while (length > 0 && text[at] !== text[length]) length = borders[length - 1]!;
    if (text[at] === text[length]) length++;
    borders[at] = length;
  }
  return { text, borders };
}

/**
 * Where the first occurrence of the piece in `name` from `start` on ends, or -1 when it ends behind `limit`: the search of
 * Knuth, Morris and Pratt, which never goes back in the name.
 */
function endOf({ text, borders }: Piece, name: string, start: number, limit: number): number {
  let matched = 0;
  for (let at = start; at < limit; at++) {
    const code = name.charCodeAt(at);
    while (matched > 0 && code !== text.charCodeAt(matched)) matched = borders[matched - 1]!;
    if (code === text.charCodeAt(matched)) matched++;
    if (matched === text.length) return at + 1;
  }
  return -1;
}
