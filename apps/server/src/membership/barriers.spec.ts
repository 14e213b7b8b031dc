import { describe, expect, it } from '@jest/globals';
import { Members, type BarrierOutcome } from '#libs/lease';
import type { AppliedPositions } from './applied-positions.js';
import { Barriers } from './barriers.js';

describe('a barrier', () => {
  it('that is over is told once, though an answer of Redis comes after its end', async () => {
    const members = new Members({ leaseMs: 3_000, alone: true });
    members.caughtUp(performance.now());
    members.renewed('a', { label: 'host', leaseMs: 3_000 }, 1n, performance.now());
    members.applied(2n);
    let asked = (): void => undefined;
    let answer = (): void => undefined;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const positions = { ask: () => (asked(), answered) } as unknown as AppliedPositions;
    let applied = 0n;
    const over: BarrierOutcome[] = [];
    const barriers = new Barriers(members, positions, () => applied, (outcome) => over.push(outcome)); // prettier-ignore
    const run = barriers.run(2n, performance.now());
    await isAsked;
    applied = 2n;
    barriers.progressed();
    expect(await run).toMatchObject({ members: [{ incarnation: 'a', leaseEndedAt: null }] });
    answer();
    await new Promise(setImmediate);
    expect(over).toHaveLength(1);
    barriers.close();
  });
});
