/**
 * How many different names there were, in 64 bytes whatever their number: each name sets one of 512 bits, and the number
 * follows from the bits still clear (linear counting: Whang, Vander-Zanden and Taylor, ACM TODS 15(2), 1990). Two sets joined
 * are the set of both, so that parts of a minute, minutes and processes add up without counting a name twice.
 * Standard error below 3 % up to 300 names and 5 % up to 1,000; from DISTINCT_MAX on it says DISTINCT_MAX.
 */
export const DISTINCT_SET_BYTES = 64;
const BITS = DISTINCT_SET_BYTES * 8;
/** What it says when one bit is clear, which is as far as it can tell. */
export const DISTINCT_MAX = Math.round(BITS * Math.log(BITS));

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** 32 bits of a text: FNV-1a over its UTF-16 units, mixed by the finalizer of MurmurHash3. For tables, never for secrets. */
export function hash32(text: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The bit that a name sets: for who asks and adds the same name in several sets. */
export function distinctBit(name: string): number {
  return hash32(name) % BITS;
}

export function hasBit(set: Uint8Array, bit: number): boolean {
  return (set[bit >> 3]! & (1 << (bit & 7))) !== 0;
}

export function setBit(set: Uint8Array, bit: number): void {
  set[bit >> 3]! |= 1 << (bit & 7);
}

export function addDistinct(set: Uint8Array, name: string): void {
  setBit(set, distinctBit(name));
}

/** `set` then has what `other` has, too. */
export function joinDistinct(set: Uint8Array, other: Uint8Array): void {
  for (let at = 0; at < DISTINCT_SET_BYTES; at += 1) set[at]! |= other[at] ?? 0;
}

/** How many of the bits are set of which `known` has none: about as many names are new. */
export function countNew(set: Uint8Array, known: Uint8Array): number {
  let bits = 0;
  for (let at = 0; at < DISTINCT_SET_BYTES; at += 1) {
    for (let rest = set[at]! & ~known[at]!; rest !== 0; rest &= rest - 1) bits += 1;
  }
  return bits;
}

const EMPTY = new Uint8Array(DISTINCT_SET_BYTES);

/** About how many names, rounded; exact for very few. */
export function countDistinct(set: Uint8Array): number {
  const clear = BITS - countNew(set, EMPTY);
  return clear === 0 ? DISTINCT_MAX : Math.round(BITS * Math.log(BITS / clear));
}
