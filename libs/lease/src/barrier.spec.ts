import { beforeEach, describe, expect, it } from '@jest/globals';
import { Barrier } from './barrier.js';
import { Members } from './members.js';
import { waitForLeaseMs } from './reading.js';

const L = 3_000;
const host = { label: 'host', leaseMs: L };
const W = waitForLeaseMs(L);
const P = 100n;
const TIME = '2026-01-01T00:00:00.000Z';
/** The append was answered then; this process started long before. */
const ANSWERED = 100_000;

let members: Members;
const barrier = () => new Barrier({ position: P, answeredAt: ANSWERED, members });
const one = (incarnation: string, applied: boolean) => ({
  incarnation,
  label: 'host',
  appliedAt: applied ? TIME : null,
  leaseEndedAt: applied ? null : TIME,
});

beforeEach(() => {
  members = new Members({ leaseMs: L, alone: false });
  members.caughtUp(0);
  members.renewed('a', host, 10n, ANSWERED - 500);
  members.renewed('b', host, 11n, ANSWERED - 200);
});

describe('a barrier', () => {
  it('is over when every member has applied the position', () => {
    members.applied(P);
    const waiting = barrier();
    expect(waiting.waitingFor(ANSWERED).map(({ incarnation }) => incarnation)).toEqual(['a', 'b']);
    waiting.applied('a', P, TIME);
    expect(waiting.outcome(ANSWERED + 1, TIME)).toBeUndefined();
    waiting.applied('b', P + 5n, TIME);
    expect(waiting.outcome(ANSWERED + 2, TIME)).toEqual({
      position: P,
      members: [one('a', true), one('b', true)],
      durationMs: 2,
      complete: true,
    });
  });

  it('takes an earlier position for nothing', () => {
    members.applied(P);
    const waiting = barrier();
    waiting.waitingFor(ANSWERED);
    waiting.applied('a', P - 1n, TIME);
    expect(waiting.waitingFor(ANSWERED)).toHaveLength(2);
  });

  it('is not over before this process has applied the position itself: a renewal might stand before it', () => {
    const waiting = barrier();
    waiting.applied('a', P, TIME);
    waiting.applied('b', P, TIME);
    expect(waiting.outcome(ANSWERED + 1, TIME)).toBeUndefined();
    members.renewed('c', host, 99n, ANSWERED + 1);
    members.applied(P);
    expect(waiting.waitingFor(ANSWERED + 2).map(({ incarnation }) => incarnation)).toEqual(['a', 'b', 'c']);
  });

  it('waits for a silent member until its lease is over, W after its renewal was read', () => {
    members.applied(P);
    const waiting = barrier();
    waiting.waitingFor(ANSWERED);
    waiting.applied('a', P, TIME);
    const end = ANSWERED - 200 + W;
    expect(waiting.outcome(end - 1, TIME)).toBeUndefined();
    expect(waiting.outcome(end, TIME)?.members).toEqual([one('a', true), one('b', false)]);
  });

  it('waits no longer for a member that renews: it cannot hold a lease without having applied the position', () => {
    members.applied(P);
    const waiting = barrier();
    waiting.waitingFor(ANSWERED);
    waiting.applied('a', P, TIME);
    members.renewed('b', host, P + 1n, ANSWERED + 2_000);
    expect(waiting.outcome(ANSWERED - 200 + W, TIME)).toBeDefined();
  });

  it('does not wait for a member that has released its lease', () => {
    members.applied(P);
    const waiting = barrier();
    waiting.waitingFor(ANSWERED);
    waiting.applied('a', P, TIME);
    members.released('b');
    expect(waiting.outcome(ANSWERED + 1, TIME)?.members).toEqual([one('a', true), one('b', false)]);
  });

  it('is over W after the answer, though this process has heard nothing at all since', () => {
    const waiting = barrier();
    expect(waiting.overAt(ANSWERED)).toBe(ANSWERED + W);
    expect(waiting.outcome(ANSWERED + W - 1, TIME)).toBeUndefined();
    expect(waiting.outcome(ANSWERED + W, TIME)).toMatchObject({
      members: [],
      durationMs: Math.round(W),
      complete: false,
    });
  });

  it('of a process that has just started waits for members that it cannot know', () => {
    members = new Members({ leaseMs: L, alone: false });
    members.caughtUp(ANSWERED - 1_000);
    members.applied(P);
    const waiting = barrier();
    expect(waiting.outcome(ANSWERED, TIME)).toBeUndefined();
    expect(waiting.outcome(ANSWERED - 1_001 + W, TIME)).toBeUndefined();
    expect(waiting.outcome(ANSWERED - 1_000 + W, TIME)).toMatchObject({ members: [], complete: false });
  });

  it('of a process that has not even caught up is over W after the answer', () => {
    members = new Members({ leaseMs: L, alone: false });
    members.applied(P);
    const waiting = barrier();
    expect(waiting.outcome(ANSWERED + W - 1, TIME)).toBeUndefined();
    expect(waiting.outcome(ANSWERED + W, TIME)).toBeDefined();
  });

  it('names, when this process is behind to the end, the members that it had read of', () => {
    const waiting = barrier();
    members.renewed('b', host, 12n, ANSWERED + 1_000);
    const outcome = waiting.outcome(ANSWERED + W, TIME);
    expect(outcome).toMatchObject({ members: [one('b', false)], complete: false });
  });

  it('waits for the lease of a member as long as that lasts there, not here', () => {
    members.renewed('c', { label: 'host', leaseMs: 2 * L }, 12n, ANSWERED - 100);
    members.applied(P);
    const waiting = barrier();
    expect(waiting.outcome(ANSWERED + W, TIME)).toBeUndefined();
    expect(waiting.overAt(ANSWERED)).toBe(ANSWERED - 100 + waitForLeaseMs(2 * L));
    expect(waiting.outcome(ANSWERED - 100 + waitForLeaseMs(2 * L), TIME)).toBeDefined();
  });

  it('is over at the latest W after the answer, also for a renewal that this process read late', () => {
    members.renewed('c', host, 99n, ANSWERED + 2_000);
    members.applied(P);
    const waiting = barrier();
    waiting.waitingFor(ANSWERED + 2_000);
    expect(waiting.outcome(ANSWERED + W - 1, TIME)).toBeUndefined();
    expect(waiting.outcome(ANSWERED + W, TIME)).toBeDefined();
  });

  it('says when to look again: when the last lease is over that it waits for', () => {
    members.applied(P);
    const waiting = barrier();
    expect(waiting.overAt(ANSWERED)).toBe(ANSWERED - 200 + W);
    waiting.applied('b', P, TIME);
    expect(waiting.overAt(ANSWERED)).toBe(ANSWERED - 500 + W);
    members = new Members({ leaseMs: L, alone: false });
    members.applied(P);
    expect(barrier().overAt(ANSWERED)).toBe(ANSWERED + W);
  });

  it('hears of two positions at once, each for itself', () => {
    members.applied(P + 1n);
    const first = barrier();
    const second = new Barrier({ position: P + 1n, answeredAt: ANSWERED, members });
    for (const waiting of [first, second]) {
      waiting.waitingFor(ANSWERED);
      for (const incarnation of ['a', 'b']) waiting.applied(incarnation, P, TIME);
    }
    expect(first.outcome(ANSWERED, TIME)).toBeDefined();
    expect(second.outcome(ANSWERED, TIME)).toBeUndefined();
  });

  it('says how long it took, also when this process was stopped meanwhile', () => {
    members.applied(P);
    const waiting = barrier();
    waiting.waitingFor(ANSWERED);
    expect(waiting.outcome(ANSWERED + 60_000, TIME)).toMatchObject({ durationMs: 60_000, complete: true });
  });
});
