import { describe, expect, it } from '@jest/globals';
import { Members } from './members.js';
import { waitForLeaseMs } from './reading.js';

const L = 3_000;
const host = { label: 'host', leaseMs: L };
const W = waitForLeaseMs(L);
const names = (members: Members, position: bigint, now: number) =>
  members.at(position, now)?.map(({ incarnation }) => incarnation);
const members = () => new Members({ leaseMs: L, alone: false });

describe('the wait', () => {
  it('outlasts a lease on a slow clock, measured by a fast one', () => {
    expect(W).toBe(Math.ceil((L * 1.02) / 0.98));
    expect(W).toBeGreaterThan(L * 1.04);
  });
});

describe('the members at a position', () => {
  it('are not known before this process has applied it', () => {
    const known = members();
    known.renewed('a', host, 5n, 10);
    known.applied(9n);
    expect(known.at(10n, 11)).toBeUndefined();
    known.applied(10n);
    expect(names(known, 10n, 11)).toEqual(['a']);
  });

  it('are those whose newest renewal was read less than W ago', () => {
    const known = members();
    known.applied(10n);
    known.renewed('a', host, 1n, 0);
    known.renewed('b', host, 2n, 0);
    known.renewed('b', host, 3n, 1_000);
    expect(names(known, 10n, W - 1)).toEqual(['a', 'b']);
    expect(names(known, 10n, W)).toEqual(['b']);
    expect(names(known, 10n, W + 1_000)).toEqual([]);
  });

  it('are not those who renewed for the first time after it', () => {
    const known = members();
    known.applied(20n);
    known.renewed('late', host, 15n, 0);
    known.renewed('early', host, 10n, 0);
    known.renewed('early', host, 16n, 1);
    expect(names(known, 10n, 2)).toEqual(['early']);
  });

  it('that were silent for W have no lease from before: they count from their next renewal', () => {
    const known = members();
    known.applied(20n);
    known.renewed('a', host, 5n, 0);
    known.renewed('a', host, 15n, W);
    expect(names(known, 10n, W + 1)).toEqual([]);
    expect(names(known, 15n, W + 1)).toEqual(['a']);
  });

  it('are without those who released their lease', () => {
    const known = members();
    known.applied(10n);
    known.renewed('a', host, 1n, 0);
    known.renewed('b', host, 2n, 0);
    known.released('a');
    expect(names(known, 10n, 1)).toEqual(['b']);
    expect([known.isLive('a'), known.isLive('b')]).toEqual([false, true]);
  });

  it('count as long as their own leases last, whatever the setting here is', () => {
    const known = members();
    known.applied(10n);
    known.renewed('long', { label: 'host', leaseMs: 10_000 }, 1n, 0);
    known.renewed('short', { label: 'host', leaseMs: 1_000 }, 2n, 0);
    expect(names(known, 10n, waitForLeaseMs(1_000))).toEqual(['long']);
    expect(names(known, 10n, waitForLeaseMs(10_000) - 1)).toEqual(['long']);
    expect(names(known, 10n, waitForLeaseMs(10_000))).toEqual([]);
  });

  it('are forgotten once they are silent, also when nobody asks', () => {
    const known = members();
    for (let number = 0; number < 1_000; number++) known.renewed(`${number}`, host, 1n, number * W);
    expect(known.isLive('0')).toBe(false);
    expect(known.isLive('998')).toBe(false);
    expect(known.isLive('999')).toBe(true);
  });

  it('with the same label are two: a process never answers for another', () => {
    const known = members();
    known.applied(10n);
    known.renewed('old', { ...host, label: 'gate-1' }, 1n, 0);
    known.renewed('new', { ...host, label: 'gate-1' }, 2n, 0);
    expect(names(known, 10n, 1)).toEqual(['old', 'new']);
  });
});

describe('what a process cannot know yet', () => {
  it('lasts W from when it had caught up: what it built its tables over, it has not seen', () => {
    const known = members();
    expect(known.unknownUntil).toBe(Infinity);
    known.caughtUp(7);
    expect(known.unknownUntil).toBe(7 + W);
    known.caughtUp(8);
    expect(known.unknownUntil).toBe(7 + W);
  });

  it('lasts as long as the longest leases that it has read of', () => {
    const known = members();
    known.caughtUp(7);
    known.renewed('a', { label: 'host', leaseMs: 10_000 }, 1n, 8);
    expect(known.unknownUntil).toBe(7 + waitForLeaseMs(10_000));
  });

  it('is nothing when the store is its own: leases read while catching up are of processes that ended', () => {
    const alone = new Members({ leaseMs: L, alone: true });
    expect(alone.unknownUntil).toBe(-Infinity);
    alone.renewed('dead', host, 1n, 10);
    alone.caughtUp(10);
    expect(alone.unknownUntil).toBe(-Infinity);
    alone.renewed('self', host, 2n, 11);
    alone.applied(2n);
    expect(names(alone, 2n, 12)).toEqual(['self']);
  });
});
