import type { FilterExpression } from './requests.js';
import { MalformedMessage } from './wire.js';

/** Events considered as one page when the client leaves it to the server; a checkpoint comes once per page x interval. */
const WINDOW_DEFAULT = 32;

/** A filter of `$all`, compiled. Prefixes are literal text; a regular expression is not anchored unless it says so. */
export interface Filter {
  readonly on: 'stream' | 'type';
  matches(name: string): boolean;
  /** A checkpoint is due once per this many considered events. */
  readonly checkpointEvery: number;
}

/** Throws `MalformedMessage` when the expression is empty or no regular expression. */
export function compileFilter(expression: FilterExpression): Filter {
  const { on, regex, prefixes, window = WINDOW_DEFAULT, interval } = expression;
  const checkpointEvery = Math.max(1, window) * interval;
  if (prefixes.length > 0) {
    return { on, checkpointEvery, matches: (name) => prefixes.some((prefix) => name.startsWith(prefix)) };
  }
  if (regex === '') throw new MalformedMessage('the filter has neither a prefix nor a regular expression');
  try {
    const compiled = new RegExp(regex);
    return { on, checkpointEvery, matches: (name) => compiled.test(name) };
  } catch {
    throw new MalformedMessage('the filter is no regular expression');
  }
}
