import type { Fact } from './fact.js';

/** A kind of stream and how its facts fold into state. `initial` is the state of a stream that does not exist. */
export interface StreamKind<State, F extends Fact> {
  /** Name before the first `-`; a letter first, then letters and digits. */
  readonly category: string;
  readonly initial: State;
  readonly evolve: (state: State, fact: F) => State;
  /** Event types that narrow access: appended with `critical: true`. */
  readonly critical?: ReadonlySet<F['type']>;
}

/** Decides on the current state; an empty answer means that nothing needs to happen. Throws `Refusal`. */
export type Decision<State, F extends Fact> = (state: State) => readonly F[];

/** `key` + `drk_1` = `key-drk_1`. */
export function streamName(category: string, id: string): string {
  return `${category}-${id}`;
}
