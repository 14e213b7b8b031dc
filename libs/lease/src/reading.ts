/** Both clocks of a process, read in one moment: ms on the monotonic clock, and ms since the epoch. */
export interface Reading {
  readonly monotonic: number;
  readonly wall: number;
}

/** How far the rate of a clock of this fleet may be off: 2 %, forty times what crystal oscillators do. */
export const CLOCK_DRIFT_MAX = 0.02;

/**
 * W of ARCHITECTURE.md section 6, in ms on the waiting process's monotonic clock: after it, a lease of L that began before the
 * wait is over on the member's clock, though that one runs slow by ρ and this one fast: L·(1+ρ)/(1−ρ), rounded up.
 */
export function waitForLeaseMs(leaseMs: number): number {
  return Math.ceil((leaseMs * (1 + CLOCK_DRIFT_MAX)) / (1 - CLOCK_DRIFT_MAX));
}
