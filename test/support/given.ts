import { expect } from '@jest/globals';
import { Refusal, type Decision, type Fact, type StreamKind } from '#libs/kernel';

/**
 * Given the facts so far, when this is decided, then these facts follow: `given(keys, facts).when(decision).then([...])`.
 * `refuses(code)` expects a Refusal, `quiet()` no facts.
 */
export function given<State, F extends Fact>(kind: StreamKind<State, F>, facts: readonly F[]) {
  const state = facts.reduce(kind.evolve, kind.initial);
  return {
    state,
    when: (decision: Decision<State, F>) => ({
      then: (expected: readonly F[]) => expect(decision(state)).toEqual(expected),
      quiet: () => expect(decision(state)).toEqual([]),
      refuses: (code: string) => expect(codeOf(() => decision(state))).toBe(code),
    }),
  };
}

function codeOf(decide: () => unknown): string {
  try {
    decide();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return 'no refusal';
}
