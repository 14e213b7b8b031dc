import type { RecordedFact } from '#libs/kernel';
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
