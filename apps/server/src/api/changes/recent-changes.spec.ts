import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RecordedFact } from '#libs/kernel';
import type { ReadModels } from '#libs/read-models';
import { RecentChanges } from './recent-changes.js';

const never = new AbortController().signal;
const factsOf = (positions: readonly number[], category = 'key') =>
  positions.map((position) => ({ category, position: BigInt(position) })) as unknown as RecordedFact[];

/** What the node has applied comes through `apply`. */
function started(checkpoint?: bigint) {
  let apply: (facts: readonly RecordedFact[]) => void = () => undefined;
  const readModels = { checkpoint, whenApplied: (listener: typeof apply) => (apply = listener) };
  const recent = new RecentChanges(readModels as unknown as ReadModels);
  return { recent, apply };
}

describe('the newest changes of a node', () => {
  it('are everything after a position, or it is not said what is', () => {
    const step = fc.integer({ min: 1, max: 3 });
    const batch = fc.array(step, { minLength: 1, maxLength: 700 });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 4 }), fc.nat(), (batches, asked) => {
        const { recent, apply } = started();
        const all: number[] = [];
        for (const steps of batches) {
          const positions: number[] = [];
          for (const by of steps) positions.push((positions.at(-1) ?? all.at(-1) ?? 0) + by);
          all.push(...positions);
          apply(factsOf(positions));
        }
        const last = all.at(-1) ?? 0;
        expect(recent.head).toBe(BigInt(last));
        for (const after of [asked % (last + 2), last, last - 1_000]) {
          const found = recent.after(BigInt(after))?.map(({ position }) => Number(position));
          if (found) expect(found).toEqual(all.filter((position) => position > after));
          else expect(all.length === 0 || after < all.at(-1_024)! || after < all[0]!).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('begin with the tables where nothing was applied since the start', () => {
    expect(started(7n).recent.head).toBe(7n);
    expect(started().recent.head).toBe(0n);
  });

  it('hold nothing of leases, subjects and reservations, and wake nobody for them', () => {
    const { recent, apply } = started(7n);
    for (const category of ['lease', 'subject', 'slug', 'host', 'email', 'installation'])
      apply(factsOf([9], category));
    expect([recent.head, recent.version, recent.after(7n)]).toEqual([7n, 0, undefined]);
  });
});

describe('whoever waits for the next change', () => {
  it('is woken by it, also when it came before the wait', async () => {
    const { recent, apply } = started();
    const { version } = recent;
    const waiting = recent.addedSince(version, 60_000, never);
    apply(factsOf([1]));
    await waiting;
    await recent.addedSince(version, 60_000, never);
  });

  it('is told when the time is over, or the wait is ended', async () => {
    const { recent } = started();
    await recent.addedSince(recent.version, 1, never);
    await recent.addedSince(recent.version, 60_000, AbortSignal.abort());
    const ended = new AbortController();
    const waiting = recent.addedSince(recent.version, 60_000, ended.signal);
    ended.abort();
    await waiting;
  });
});
