import { hash32 } from '#libs/kernel';

/** How keys are rotated by themselves in the year, those that have a schedule. */
export const SCHEDULE = { every: 'P30D', gracePeriod: 'P1D' } as const;
export const EVERY_MS = 30 * 86_400_000;
export const GRACE_MS = 86_400_000;
/** After the first and the second failure in a row. */
export const RETRY_AFTER_MS = [15 * 60_000, 60 * 60_000];
/** Such a key lives for ever or at least so long: each rotation is over before it ends. */
export const LIFE_MIN_MS = 60 * 86_400_000;

/** How often the target refuses the first successor of a key before it takes one. */
export function refusalsOf(key: string): number {
  return hash32(key) % (RETRY_AFTER_MS.length + 1);
}
