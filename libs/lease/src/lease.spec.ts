import { beforeEach, describe, expect, it } from '@jest/globals';
import { RENEWALS_KEPT } from './facts.js';
import { IDLE_AFTER_MS, Lease } from './lease.js';
import type { Reading } from './reading.js';

const L = 3_000;
const EPOCH = 1_767_225_600_000;
/** Both clocks at `ms` after the start, the wall clock set by `wallShift`. */
const at = (ms: number, wallShift = 0): Reading => ({ monotonic: 5_000 + ms, wall: EPOCH + ms + wallShift });

let lease: Lease;
let revision: bigint;
const deliver = (renewal: string) => lease.delivered(renewal, ++revision);
beforeEach(() => {
  lease = new Lease({ leaseMs: L });
  revision = -1n;
  lease.touched(at(0));
});

describe('a lease', () => {
  it('is not held before its renewal has come back', () => {
    expect(lease.isHeld(at(0))).toBe(false);
    lease.sending('a', at(0));
    expect(lease.isHeld(at(1))).toBe(false);
    deliver('a');
    expect(lease.isHeld(at(1))).toBe(true);
  });

  it('counts from before the send, however late the renewal comes back', () => {
    lease.sending('a', at(0));
    deliver('a');
    expect(lease.isHeld(at(L - 1))).toBe(true);
    expect(lease.isHeld(at(L))).toBe(false);
    lease.sending('b', at(4_000));
    deliver('b');
    expect(lease.isHeld(at(4_000 + L))).toBe(false);
  });

  it('is that of the latest send, in whatever order the renewals come back', () => {
    lease.sending('a', at(0));
    lease.sending('b', at(1_000));
    deliver('b');
    deliver('a');
    expect(lease.isHeld(at(3_999))).toBe(true);
    expect(lease.isHeld(at(4_000))).toBe(false);
  });

  it('is not given by a renewal that this process did not send, or by one twice', () => {
    deliver('of another');
    expect(lease.isHeld(at(1))).toBe(false);
    lease.sending('a', at(0));
    deliver('a');
    expect(lease.isHeld(at(L))).toBe(false);
    deliver('a');
    expect(lease.isHeld(at(L))).toBe(false);
  });

  it('is over when the wall clock alone has gone on: the machine was suspended', () => {
    lease.sending('a', at(0));
    deliver('a');
    expect(lease.isHeld(at(100, 5_000))).toBe(false);
    expect(lease.state(at(100, 5_000)).dropped).toBe(1);
  });

  it('counts short suspensions, each too short to be noticed, by the wall clock', () => {
    lease.sending('a', at(0));
    deliver('a');
    expect(lease.isHeld(at(2_850, 149))).toBe(true);
    expect(lease.isHeld(at(2_851, 149))).toBe(false);
    expect(lease.state(at(2_851, 149)).dropped).toBe(0);
  });

  it.each([201, -201])(
    'is dropped when the wall clock is set by %s ms, with all that was sent before',
    (shift) => {
      lease.sending('a', at(0));
      deliver('a');
      lease.sending('b', at(1_000));
      expect(lease.isHeld(at(1_001, shift))).toBe(false);
      deliver('b');
      expect(lease.isHeld(at(1_002, shift))).toBe(false);
      expect(lease.renewalDue(at(1_002, shift))).toBe(true);
      lease.sending('c', at(1_003, shift));
      deliver('c');
      expect(lease.isHeld(at(1_004, shift))).toBe(true);
    },
  );

  it('sees a suspension that follows a wall clock set back a little', () => {
    lease.sending('a', at(0));
    deliver('a');
    expect(lease.isHeld(at(1_000, -150))).toBe(true);
    expect(lease.isHeld(at(2_849, 0))).toBe(true);
    expect(lease.isHeld(at(2_850, 0))).toBe(false);
    expect(lease.isHeld(at(2_851, -150))).toBe(false);
  });

  it('sees the same for a renewal that was under way meanwhile', () => {
    lease.sending('a', at(0));
    expect(lease.isHeld(at(1_000, -150))).toBe(false);
    deliver('a');
    expect(lease.isHeld(at(2_849, 0))).toBe(true);
    expect(lease.isHeld(at(2_850, 0))).toBe(false);
  });

  it('is not held by a renewal that was under way while the machine was suspended', () => {
    lease.sending('a', at(0));
    deliver('a');
    lease.sending('b', at(2_000));
    deliver('b');
    expect(lease.isHeld(at(2_010, 10_000))).toBe(false);
    expect(lease.renewalDue(at(2_010, 10_000))).toBe(true);
  });

  it('is not held by a renewal that was under way, though the wall clock is set back afterwards', () => {
    lease.sending('a', at(0));
    deliver('a');
    lease.sending('b', at(1_000));
    expect(lease.isHeld(at(1_100, 10_000))).toBe(false);
    deliver('b');
    expect(lease.isHeld(at(1_200))).toBe(false);
  });

  it('is not held by any renewal sent before the clocks diverged, be it only a little before', () => {
    lease.sending('a', at(0));
    deliver('a');
    lease.sending('b', at(1_000, 150));
    expect(lease.isHeld(at(1_001, 250))).toBe(false);
    deliver('b');
    expect(lease.isHeld(at(1_002, 250))).toBe(false);
  });

  it('is not dropped by clocks that drift apart after it was over', () => {
    lease.sending('a', at(0));
    deliver('a');
    expect(lease.isHeld(at(IDLE_AFTER_MS, 500))).toBe(false);
    expect(lease.state(at(IDLE_AFTER_MS, 500)).dropped).toBe(0);
  });

  it('is not made longer by a wall clock that is set back a little', () => {
    lease.sending('a', at(0));
    deliver('a');
    expect(lease.isHeld(at(L, -199))).toBe(false);
  });

  it('is never held after its release, and never due', () => {
    lease.sending('a', at(0));
    deliver('a');
    lease.release();
    expect(lease.isHeld(at(1))).toBe(false);
    expect(lease.nextDueAt(at(IDLE_AFTER_MS / 2))).toBeUndefined();
  });
});

describe('the time without a lease', () => {
  it('counts from the end of the last lease, by the clock that counts more', () => {
    expect(lease.notHeldForMs(at(0))).toBe(Infinity);
    lease.sending('a', at(0));
    deliver('a');
    expect(lease.notHeldForMs(at(L - 1))).toBe(0);
    expect(lease.notHeldForMs(at(L + 500))).toBe(500);
    lease.sending('b', at(4_000));
    deliver('b');
    expect(lease.notHeldForMs(at(4_100, 60_000))).toBe(60_100 - L);
    lease.release();
    expect(lease.notHeldForMs(at(4_200))).toBe(Infinity);
  });
});

describe('a renewal that failed', () => {
  it('is followed by another one soon while no lease is held', () => {
    lease.sending('a', at(0));
    lease.failed('a', at(10));
    expect(lease.renewalDue(at(259))).toBe(false);
    expect(lease.renewalDue(at(260))).toBe(true);
  });

  it('may have been stored all the same, and gives the lease that it would have given', () => {
    lease.sending('a', at(0));
    lease.failed('a', at(10));
    lease.delivered('a', 0n);
    expect(lease.isHeld(at(11))).toBe(true);
    expect(lease.isHeld(at(L))).toBe(false);
  });

  it('hastens nothing while a lease is held, nor when a later one is under way', () => {
    lease.sending('a', at(0));
    lease.sending('b', at(1_000));
    lease.failed('a', at(1_001));
    expect(lease.nextDueAt(at(1_002))).toBe(at(2_000).monotonic);
    lease.delivered('a', 0n);
    lease.failed('b', at(1_003));
    expect(lease.nextDueAt(at(1_004))).toBe(at(2_000).monotonic);
  });
});

describe('renewals', () => {
  it('expect the stream to be at the newest one that has come back, known or not', () => {
    expect(lease.expectedRevision).toBe(-1n);
    lease.sending('a', at(0));
    expect(lease.expectedRevision).toBe(-1n);
    lease.delivered('a', 0n);
    expect(lease.expectedRevision).toBe(0n);
    lease.delivered('forgotten', 1n);
    lease.delivered('a', 0n);
    expect(lease.expectedRevision).toBe(1n);
  });

  it('that follow one within its lease are fewer than the store keeps beside it', () => {
    let sent = 0;
    for (let ms = 0; ms < L; ms++) {
      if (lease.renewalDue(at(ms))) lease.sending(`${sent++}`, at(ms));
    }
    expect(sent - 1).toBeLessThan(RENEWALS_KEPT - 1);
  });

  it('are due at once, then every third of the lease, whether they were answered or not', () => {
    expect(lease.renewalDue(at(0))).toBe(true);
    lease.sending('a', at(0));
    expect(lease.renewalDue(at(999))).toBe(false);
    expect(lease.nextDueAt(at(1))).toBe(at(1_000).monotonic);
    expect(lease.renewalDue(at(1_000))).toBe(true);
  });

  it('stop when nobody asks for a minute, and are due at once with the next request', () => {
    lease.sending('a', at(0));
    expect(lease.nextDueAt(at(IDLE_AFTER_MS))).toBeDefined();
    expect(lease.nextDueAt(at(IDLE_AFTER_MS + 1))).toBeUndefined();
    expect(lease.state(at(IDLE_AFTER_MS + 1))).toMatchObject({ idle: true, held: false, remainingMs: 0 });
    lease.touched(at(100_000));
    expect(lease.renewalDue(at(100_000))).toBe(true);
  });
});
