import { randomInt } from 'node:crypto';
import type { ClientNetwork } from './client-network.js';

/** So many failures in a row are answered in full: a team behind one address whose key has just been revoked. */
export const FAILURES_BURST = 100;
/** Then one for each of these. */
export const FAILURE_EVERY_MS = 1_000;
/** Networks that are told apart, at 16 bytes each: 1 MiB. */
const NETWORKS_MAX = 65_536;
/** The slots that one network may stand in. */
const WAYS = 8;
const UINT32 = 2 ** 32;

/**
 * A token bucket for each client network that fails: `FAILURES_BURST` deep, refilled by one each `FAILURE_EVERY_MS`. A bucket
 * is one number, the time at which it is full again (the generic cell rate algorithm, ITU-T I.371), so a full one needs no
 * place, and nothing has to run to refill or forget it.
 *
 * Memory is fixed and every call takes constant time: a network stands in one of the 8 slots of its set, as in a cache. Where
 * all 8 belong to others, the newcomer takes over the fullest bucket *with its level*. So nobody gets an emptied bucket back
 * by pushing it out: whoever comes with many networks gets less for each, and what all of them together may fail is bounded
 * by `networksMax` buckets. Two networks that share a bucket cost each other no more than a 429 on failures; whoever proves
 * a secret never comes here.
 */
export class FailureLimit {
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  readonly #fullAtMs: Float64Array;
  readonly #sets: number;

  /** `seed` (32 bits) decides which networks share a set; `networksMax` is a multiple of 8. */
  constructor(
    private readonly seed: number = randomInt(UINT32),
    networksMax = NETWORKS_MAX,
  ) {
    this.#high = new Uint32Array(networksMax);
    this.#low = new Uint32Array(networksMax);
    this.#fullAtMs = new Float64Array(networksMax).fill(-Infinity);
    this.#sets = networksMax / WAYS;
  }

  /**
   * Takes a token for one failure at `nowMs`, a clock in ms that never goes back. Returns 0, or for how many ms from now the
   * network's bucket stays empty; then nothing was taken.
   */
  take(network: ClientNetwork, nowMs: number): number {
    const slot = this.#slotOf(network);
    const fullAtMs = Math.max(this.#fullAtMs[slot]!, nowMs) + FAILURE_EVERY_MS;
    const waitMs = fullAtMs - nowMs - FAILURES_BURST * FAILURE_EVERY_MS;
    if (waitMs > 0) return waitMs;
    this.#fullAtMs[slot] = fullAtMs;
    return 0;
  }

  /** The slot of the network; the fullest bucket of its set is renamed where it has none. */
  #slotOf({ high, low }: ClientNetwork): number {
    const first = this.#setOf(high, low) * WAYS;
    let fullest = first;
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.#low[slot] === low && this.#high[slot] === high) return slot;
      if (this.#fullAtMs[slot]! < this.#fullAtMs[fullest]!) fullest = slot;
    }
    this.#high[fullest] = high;
    this.#low[fullest] = low;
    return fullest;
  }

  /** The finalizer of MurmurHash3 (32 bits) over both halves. */
  #setOf(high: number, low: number): number {
    let hash = mixed(this.seed ^ low);
    hash = mixed(hash ^ high);
    return (hash >>> 0) % this.#sets;
  }
}

function mixed(bits: number): number {
  let hash = bits;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
