import type { Fact, RecordedFact } from '#libs/kernel';
import type { Page, Reads } from './reads.js';
import { retry } from './retry.js';

const STREAM_PAGE = 512;

/** All events of a stream, oldest first, understood or not, and where it ends; none when it does not exist. */
export async function readToEnd(
  reads: Reads,
  stream: string,
): Promise<{ facts: RecordedFact[]; last: Page['last'] }> {
  const facts: RecordedFact[] = [];
  let last: Page['last'];
  for (;;) {
    const from = (last?.revision ?? -1n) + 1n;
    const page = await retry(`read ${stream}`, () => reads.stream(stream, from, STREAM_PAGE));
    facts.push(...page.facts);
    last = page.last ?? last;
    if (page.isLast || !page.last) return { facts, last };
  }
}

/** A fact and its place in its stream. */
export type PlacedFact = Pick<RecordedFact, 'type' | 'data' | 'revision'>;

export interface Transacted<State, F extends Fact> {
  /** The state with the new facts folded in. */
  readonly state: State;
  /** All facts of the stream, oldest first, the new ones too. */
  readonly history: readonly PlacedFact[];
  /** What was appended by this call; empty when the decision was that nothing needs to happen. */
  readonly facts: readonly F[];
  /** Commit position of the stream's newest event: a reader that has applied it knows all of `state`. */
  readonly position: bigint;
  /** Revision of the stream's newest event. */
  readonly revision: bigint;
}

export interface StreamRead<State> {
  readonly state: State;
  /** -1 when the stream does not exist. */
  readonly revision: bigint;
  readonly position: bigint;
  readonly events: readonly RecordedFact[];
}

/** What was read, and what was appended behind it up to `revision`. */
export function historyOf(
  events: readonly RecordedFact[],
  facts: readonly Fact[],
  revision: bigint,
): readonly PlacedFact[] {
  const first = revision - BigInt(facts.length - 1);
  return [...events, ...facts.map((fact, index) => ({ ...fact, revision: first + BigInt(index) }))];
}

/** Revision of the newest fact that `isSeen`; -1 when there is none. */
export function newestRevision(
  history: readonly PlacedFact[],
  isSeen: (fact: PlacedFact) => boolean,
): bigint {
  return history.findLast(isSeen)?.revision ?? -1n;
}
