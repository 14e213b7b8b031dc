import type { ReplayDisplay } from '#libs/read-models';

/** What a command prints: `--json` = one JSON object on standard output, else text for a person. */
export interface OutputOptions {
  readonly json?: boolean;
}

/** Prints the result: the object as JSON, or the lines. Positions are texts in JSON: they need 64 bits. */
export function printResult(options: OutputOptions, result: object, lines: readonly string[]): void {
  const text = options.json ? JSON.stringify(result, bigIntsAsText, 2) : lines.join('\n');
  process.stdout.write(`${text}\n`);
}

function bigIntsAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** Columns as wide as their widest cell; numbers, which are given as numbers, to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): readonly string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => cell(row[column]!).length)),
  );
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((one, column) =>
        typeof one === 'number' ? cell(one).padStart(widths[column]!) : one.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  return [strong(line(head)), ...rows.map(line)];
}

function cell(value: string | number): string {
  return typeof value === 'number' ? value.toLocaleString('en') : value;
}

/** Numbers of ECMA-48 (Select Graphic Rendition). */
const COLOURS = { bold: 1, red: 31, green: 32, yellow: 33 } as const;

export type Colour = keyof typeof COLOURS;

/** Coloured, for a person at a terminal who did not ask for plain text (no-color.org). */
export function painted(colour: Colour | undefined, text: string): string {
  const isPlain = !process.stdout.isTTY || (process.env['NO_COLOR'] ?? '') !== '';
  return isPlain || colour === undefined ? text : `\u001b[${COLOURS[colour]}m${text}\u001b[0m`;
}

export function strong(text: string): string {
  return painted('bold', text);
}

/** Bytes as a person reads them. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [value, unit] = [bytes, 0];
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** Shows progress on standard error while `work` runs, so that standard output holds the result alone. */
export async function showing<Result>(
  what: string,
  work: (show: ReplayDisplay['show']) => Promise<Result>,
): Promise<Result> {
  const { ReplayDisplay: Display } = await import('#libs/read-models');
  const display = new Display(what, {
    isTerminal: process.stderr.isTTY,
    write: (text) => process.stderr.write(text),
    line: (text) => process.stderr.write(`${text}\n`),
  });
  try {
    return await work(display.show);
  } finally {
    display.end();
  }
}
