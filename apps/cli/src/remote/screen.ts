import { painted, printResult, type Colour, type OutputOptions } from '../output.js';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly colour?: (row: Row) => Colour | undefined;
  /** On a terminal that is too narrow it is cut first, down to `NARROWEST`. */
  readonly isFlexible?: boolean;
}

/** Columns of text that a person can still tell apart. */
const NARROWEST = 8;
const GAP = '  ';
/** When the terminal does not say. */
const COLUMNS_DEFAULT = 80;

/**
 * Rows for a person at a terminal: aligned, as wide as the terminal. For a program: one row a line, its cells apart by a tab,
 * whole, without a head.
 */
export function printRows<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void {
  const cells = rows.map((row) => columns.map(({ cell }) => shown(cell(row))));
  if (!process.stdout.isTTY) {
    process.stdout.write(cells.map((line) => `${line.join('\t')}\n`).join(''));
    return;
  }
  const widths = widthsOf(columns, cells, process.stdout.columns || COLUMNS_DEFAULT);
  const line = (texts: readonly string[], paint: (text: string, column: number) => string): string =>
    texts
      .map((text, column) => paint(fitted(text, widths[column]!), column))
      .join(GAP)
      .trimEnd();
  const head = line(
    columns.map(({ title }) => title),
    (text) => painted('bold', text),
  );
  const body = cells.map((texts, row) =>
    line(texts, (text, column) => painted(columns[column]!.colour?.(rows[row]!), text)),
  );
  process.stdout.write(`${[head, ...body].join('\n')}\n`);
}

/** The fields of one thing, one a line. What is undefined is left out. */
export function printFields(
  options: OutputOptions,
  answer: object,
  fields: Readonly<Record<string, string | undefined>>,
): void {
  if (options.json) return printResult(options, answer, []);
  const given = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value }],
  );
  const isTerminal = process.stdout.isTTY;
  const width = Math.max(...given.map(({ name }) => name.length));
  const lines = given.map(({ name, value }) =>
    isTerminal ? `${painted('bold', name.padEnd(width))}${GAP}${shown(value)}` : `${name}\t${shown(value)}`,
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** What to do next, for a person; it is no result, so it goes to standard error. */
export function hint({ quiet }: { readonly quiet?: boolean }, ...lines: string[]): void {
  if (!quiet) process.stderr.write(lines.map((line) => `${line}\n`).join(''));
}

/** Text of somebody else as it may reach a terminal: on one line, and without characters that steer it or turn it around. */
export function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ');
}

/** A time as a person reads it: `2026-11-24 07:50 UTC`; for a program as it is. */
export function time(text: string | null, never = 'never'): string {
  if (text === null) return never;
  return process.stdout.isTTY ? `${text.slice(0, 10)} ${text.slice(11, 16)} UTC` : text;
}

function widthsOf<Row>(
  columns: readonly Column<Row>[],
  cells: readonly (readonly string[])[],
  available: number,
): number[] {
  const widths = columns.map(({ title }, column) =>
    Math.max(title.length, ...cells.map((line) => widthOf(line[column]!))),
  );
  const total = (): number => widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length);
  while (total() > available) {
    const cuttable = widths.map((width, column) => (columns[column]!.isFlexible ? width : 0));
    const widest = Math.max(...cuttable);
    if (widest <= NARROWEST) break;
    widths[cuttable.indexOf(widest)] = widest - 1;
  }
  return widths;
}

/** The text in exactly so many places of a terminal, cut with an ellipsis. */
function fitted(text: string, width: number): string {
  const whole = widthOf(text);
  if (whole <= width) return text + ' '.repeat(width - whole);
  let [cut, used] = ['', 0];
  for (const { segment } of GRAPHEMES.segment(text)) {
    if (used + widthOf(segment) > width - 1) break;
    cut += segment;
    used += widthOf(segment);
  }
  return `${cut}…${' '.repeat(width - 1 - used)}`;
}

const GRAPHEMES = new Intl.Segmenter();
/** Those that take two places (East Asian Width W and F, and emoji). */
const WIDE =
  /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|^\p{Emoji_Presentation}/u;

/** Places that the text takes on a terminal. */
function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return [...GRAPHEMES.segment(text)].reduce((sum, { segment }) => sum + (WIDE.test(segment) ? 2 : 1), 0);
}
