/** Longer ones nobody can read. */
export const NAME_PATTERN_LENGTH_MAX = 200;
/** Repetitions multiply a pattern: beyond this it would cost a name more than a millisecond. */
const PROGRAM_MAX = 2_000;
const REPETITIONS_MAX = 100;

type Test = (codePoint: number) => boolean;
/** A step of the program: numbers are those of other steps. */
type Step =
  | { readonly take: Test; readonly next: number }
  | { readonly either: readonly [number, number] }
  | { readonly only: 'start' | 'end'; readonly next: number }
  | 'match';
/** Writes the steps of a part of the pattern that goes on at `next`; the number of its first one. */
type Part = (program: Step[], next: number) => number;

class PatternFault extends Error {}

/**
 * A regular expression without backreferences and look-around: text, `.`, `[a-z]`, `[^a-z]`, `\d \w \s`, `( )`, `|`, `* + ?`,
 * `{2} {2,} {2,5}`, `^` and `$`. Found anywhere in a text unless it is anchored, and case counts. All ways through the
 * pattern are gone at once (K. Thompson, "Regular expression search algorithm", 1968), so that no pattern makes a text cost
 * more than its length times the pattern's. Throws on a pattern that `namePatternProblem` finds fault with.
 */
export class NamePattern {
  readonly #program: Step[] = ['match'];
  readonly #first: number;

  constructor(text: string) {
    if (text.length > NAME_PATTERN_LENGTH_MAX) {
      throw new PatternFault(`a pattern has at most ${NAME_PATTERN_LENGTH_MAX} characters`);
    }
    this.#first = new Parser([...text]).whole()(this.#program, 0);
  }

  matches(text: string): boolean {
    const points = Array.from(text, (character) => character.codePointAt(0)!);
    let here = new Set<number>();
    for (let at = 0; ; at++) {
      const reached = new Set<number>();
      for (const step of [...here, this.#first]) this.#reach(reached, step, at, points.length);
      if (reached.has(0)) return true;
      if (at === points.length) return false;
      here = new Set();
      for (const number of reached) {
        const step = this.#program[number]!;
        if (typeof step === 'object' && 'take' in step && step.take(points[at]!)) here.add(step.next);
      }
    }
  }

  /** Adds the steps that are reached from one without taking a character. */
  #reach(reached: Set<number>, first: number, at: number, length: number): void {
    const open = [first];
    for (let number = open.pop(); number !== undefined; number = open.pop()) {
      if (reached.has(number)) continue;
      const step = this.#program[number]!;
      if (step !== 'match' && 'only' in step) {
        if (at === (step.only === 'start' ? 0 : length)) open.push(step.next);
        continue;
      }
      reached.add(number);
      if (step !== 'match' && 'either' in step) open.push(...step.either);
    }
  }
}

/** Why the text is no pattern; undefined: it is one. */
export function namePatternProblem(text: string): string | undefined {
  try {
    new NamePattern(text);
    return undefined;
  } catch (error) {
    if (error instanceof PatternFault) return error.message;
    throw error;
  }
}

/** Recursive descent over the characters. */
class Parser {
  #at = 0;

  constructor(private readonly characters: readonly string[]) {}

  whole(): Part {
    const part = this.#choice();
    if (this.#at < this.characters.length) throw new PatternFault('a `)` closes nothing');
    return part;
  }

  #choice(): Part {
    const first = this.#sequence();
    if (!this.#skip('|')) return first;
    const second = this.#choice();
    return (program, next) => write(program, { either: [first(program, next), second(program, next)] });
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (this.#at < this.characters.length && !'|)'.includes(this.characters[this.#at]!)) {
      parts.push(this.#repeated(this.#atom()));
    }
    return (program, next) => parts.reduceRight((behind, part) => part(program, behind), next);
  }

  #repeated(part: Part): Part {
    if (this.#skip('*')) return this.#once(repeat(part, 0, undefined));
    if (this.#skip('+')) return this.#once(repeat(part, 1, undefined));
    if (this.#skip('?')) return this.#once(repeat(part, 0, 1));
    const counts = /^\{(\d{1,3})(,(\d{1,3})?)?\}/.exec(
      this.characters.slice(this.#at, this.#at + 9).join(''),
    );
    if (!counts) return part;
    this.#at += counts[0].length;
    const [least, most] = [Number(counts[1]), counts[2] === undefined ? Number(counts[1]) : counts[3]];
    const upTo = most === undefined ? undefined : Number(most);
    if (least > REPETITIONS_MAX || (upTo ?? 0) > REPETITIONS_MAX || (upTo ?? least) < least) {
      throw new PatternFault(`a part is repeated at most ${REPETITIONS_MAX} times, the lower number first`);
    }
    return this.#once(repeat(part, least, upTo));
  }

  /** `a**` and `a*?` mean something else elsewhere, or nothing. */
  #once(part: Part): Part {
    if ('*+?{'.includes(this.characters[this.#at] ?? ' ')) {
      throw new PatternFault('only one of * + ? { } may follow a part');
    }
    return part;
  }

  #atom(): Part {
    const character = this.characters[this.#at++]!;
    if (character === '(') return this.#group();
    if (character === '[') return taking(this.#class());
    if (character === '\\') return taking(this.#escaped());
    if (character === '.') return taking(() => true);
    if (character === '^') return (program, next) => write(program, { only: 'start', next });
    if (character === '$') return (program, next) => write(program, { only: 'end', next });
    if ('*+?{'.includes(character)) throw new PatternFault('nothing stands before a repetition');
    return taking(isThe(character));
  }

  #group(): Part {
    if (this.#skip('?') && !this.#skip(':')) throw new PatternFault('of (?…) only (?:…) is known');
    const part = this.#choice();
    if (!this.#skip(')')) throw new PatternFault('a `(` is not closed');
    return part;
  }

  #class(): Test {
    const isNegated = this.#skip('^');
    const tests: Test[] = [];
    while (!this.#skip(']')) tests.push(this.#classEntry());
    if (tests.length === 0) throw new PatternFault('a [ ] is empty');
    return (point) => tests.some((test) => test(point)) !== isNegated;
  }

  #classEntry(): Test {
    const first = this.characters[this.#at++];
    if (first === undefined) throw new PatternFault('a `[` is not closed');
    const one = first === '\\' ? this.#escaped() : isThe(first);
    const [dash, last] = this.characters.slice(this.#at, this.#at + 2);
    if (dash !== '-' || last === undefined || last === ']') return one;
    this.#at += 2;
    const [from, to] = [first.codePointAt(0)!, last.codePointAt(0)!];
    if ([first, last].includes('\\') || from > to)
      throw new PatternFault('a range goes from low to high, as a-z');
    return (point) => from <= point && point <= to;
  }

  #escaped(): Test {
    const character = this.characters[this.#at++];
    if (character === 'd') return isDigit;
    if (character === 'w') return isWord;
    if (character === 's') return (point) => /\s/u.test(String.fromCodePoint(point));
    if (character === undefined || /[A-Za-z0-9]/.test(character)) {
      throw new PatternFault('behind \\ stands d, w, s or a punctuation mark');
    }
    return isThe(character);
  }

  #skip(character: string): boolean {
    if (this.characters[this.#at] !== character) return false;
    this.#at++;
    return true;
  }
}

function write(program: Step[], step: Step): number {
  if (program.length >= PROGRAM_MAX) throw new PatternFault('the pattern repeats too much');
  return program.push(step) - 1;
}

function taking(take: Test): Part {
  return (program, next) => write(program, { take, next });
}

/** `most` undefined: without end. */
function repeat(part: Part, least: number, most: number | undefined): Part {
  const optional = (program: Step[], next: number, after: number) =>
    write(program, { either: [part(program, after), next] });
  return (program, next) => {
    let behind = next;
    if (most === undefined) {
      behind = write(program, { either: [next, next] });
      program[behind] = { either: [part(program, behind), next] };
    }
    for (let count = least; count < (most ?? 0); count++) behind = optional(program, next, behind);
    for (let count = 0; count < least; count++) {
      const written = program.length;
      behind = part(program, behind);
      // What writes nothing never does: nested repetitions of it would take for ever, and PROGRAM_MAX never end them.
      if (program.length === written) break;
    }
    return behind;
  };
}

function isThe(character: string): Test {
  const wanted = character.codePointAt(0)!;
  return (point) => point === wanted;
}

function isDigit(point: number): boolean {
  return point >= 48 && point <= 57;
}

function isWord(point: number): boolean {
  return isDigit(point) || point === 95 || (point >= 65 && point <= 90) || (point >= 97 && point <= 122);
}
