import { isKeyId } from '#libs/kernel';

/** Rows are handed out in blocks of this many, so that growth never copies what is there. */
export const ROWS_PER_SEGMENT = 8192;
/** 64 bytes: about one line of the processor's cache, which is what a look-up at a million keys costs. */
export const WORDS_PER_ROW = 16;
/** The first words of a row hold the id: 16 ASCII characters. The others are the caller's. */
export const ID_WORDS = 4;

/** A power of two. Each shard grows alone: at 2 million keys one growth moves 8 thousand entries (under 1 ms), not 2 million. */
const SHARDS = 256;
const FIRST_SHARD_CAPACITY = 16;
/** Beyond this the probe chains get long; below half of it memory is wasted. */
const MAX_LOAD = 0.75;

/** `drk_` stands before the 16 characters that identify a key. */
const ID_OFFSET = 4;
const KEY_ID_LENGTH = 20;

/** The id last packed: 16 ASCII characters, 4 to a word. Valid only until the next call of `pack`. */
const packed = new Uint32Array(ID_WORDS);

/**
 * Maps key ids (`drk_<16>`) to rows, without an object per key: a row is 16 words in a typed array, the first 4 of them the
 * id, and an open-addressing table with linear probing holds row + 1 per slot (0 = empty; 5 to 11 bytes a row). Rows are
 * dense from 0, a removed row is the next to be handed out again, and what a row held before is not cleared. The ids that are
 * stored are minted at random by this system, so a stranger who chooses the ids that he asks for makes no chain longer.
 */
export class IdIndex {
  /** ROWS_PER_SEGMENT rows each; a segment stays where it is for good. */
  readonly segments: Uint32Array<ArrayBuffer>[] = [];
  readonly #shards: Uint32Array[] = Array.from(
    { length: SHARDS },
    () => new Uint32Array(FIRST_SHARD_CAPACITY),
  );
  readonly #counts = new Uint32Array(SHARDS);
  readonly #free: number[] = [];
  #rows = 0;

  /** Ids stored now. */
  get size(): number {
    return this.#rows - this.#free.length;
  }

  /** Row numbers handed out so far, free ones included: every row is below this. */
  get rows(): number {
    return this.#rows;
  }

  /** The id's row, or -1. Any text may be asked for. */
  find(id: string): number {
    if (id.length !== KEY_ID_LENGTH) return -1;
    const hash = pack(id);
    const shard = this.#shards[hash >>> 24]!;
    const mask = shard.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = shard[slot]!;
      if (entry === 0) return -1;
      if (this.#holdsPacked(entry - 1)) return entry - 1;
    }
  }

  /** Stores an id that is not there yet and returns its row. Throws when the text is not a key id. */
  add(id: string): number {
    if (!isKeyId(id)) throw new Error(`not a key id: ${id}`);
    const hash = pack(id);
    const row = this.#free.pop() ?? this.#rows++;
    const segment = Math.floor(row / ROWS_PER_SEGMENT);
    const words = (this.segments[segment] ??= new Uint32Array(ROWS_PER_SEGMENT * WORDS_PER_ROW));
    words.set(packed, (row % ROWS_PER_SEGMENT) * WORDS_PER_ROW);
    this.#link(hash, row);
    return row;
  }

  /** Forgets the id of a row and makes the row free. The row must be in use. */
  remove(row: number): void {
    const hash = this.#hashOf(row);
    const shard = this.#shards[hash >>> 24]!;
    const mask = shard.length - 1;
    let hole = hash & mask;
    while (shard[hole] !== row + 1) hole = (hole + 1) & mask;
    // Deletion by backward shift: whatever may stand in the hole moves into it, so that no chain is cut and no marker stays.
    for (let slot = (hole + 1) & mask; shard[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#hashOf(shard[slot]! - 1) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      shard[hole] = shard[slot]!;
      hole = slot;
    }
    shard[hole] = 0;
    this.#counts[hash >>> 24]! -= 1;
    this.#free.push(row);
  }

  /** Bytes held by the typed arrays. */
  get byteLength(): number {
    const bytes = (sum: number, part: Uint32Array) => sum + part.byteLength;
    return this.segments.reduce(bytes, 0) + this.#shards.reduce(bytes, 0);
  }

  #link(hash: number, row: number): void {
    const number = hash >>> 24;
    let shard = this.#shards[number]!;
    if (this.#counts[number]! + 1 > shard.length * MAX_LOAD) shard = this.#grow(number);
    this.#counts[number]! += 1;
    put(shard, hash, row);
  }

  #grow(number: number): Uint32Array {
    const old = this.#shards[number]!;
    const grown = new Uint32Array(old.length * 2);
    for (const entry of old) if (entry !== 0) put(grown, this.#hashOf(entry - 1), entry - 1);
    this.#shards[number] = grown;
    return grown;
  }

  #holdsPacked(row: number): boolean {
    const ids = this.segments[Math.floor(row / ROWS_PER_SEGMENT)]!;
    const at = (row % ROWS_PER_SEGMENT) * WORDS_PER_ROW;
    return (
      ids[at] === packed[0] &&
      ids[at + 1] === packed[1] &&
      ids[at + 2] === packed[2] &&
      ids[at + 3] === packed[3]
    );
  }

  #hashOf(row: number): number {
    const ids = this.segments[Math.floor(row / ROWS_PER_SEGMENT)]!;
    const at = (row % ROWS_PER_SEGMENT) * WORDS_PER_ROW;
    return mix(ids[at]!, ids[at + 1]!, ids[at + 2]!, ids[at + 3]!);
  }
}

/** Writes the row into the first empty slot of its chain. */
function put(shard: Uint32Array, hash: number, row: number): void {
  const mask = shard.length - 1;
  let slot = hash & mask;
  while (shard[slot] !== 0) slot = (slot + 1) & mask;
  shard[slot] = row + 1;
}

/** Packs the 16 characters after the prefix into `packed` and returns their hash. A character beyond ASCII fits no stored id. */
function pack(id: string): number {
  let beyond = 0;
  for (let word = 0; word < ID_WORDS; word++) {
    const at = ID_OFFSET + word * 4;
    const first = id.charCodeAt(at);
    const second = id.charCodeAt(at + 1);
    const third = id.charCodeAt(at + 2);
    const fourth = id.charCodeAt(at + 3);
    beyond |= first | second | third | fourth;
    packed[word] = first | (second << 8) | (third << 16) | (fourth << 24);
  }
  if (beyond > 127) packed.fill(0);
  return mix(packed[0]!, packed[1]!, packed[2]!, packed[3]!);
}

/** An unsigned 32-bit hash of four words; the multipliers and shifts are those of the 32-bit finalizer of MurmurHash3. */
function mix(first: number, second: number, third: number, fourth: number): number {
  let hash = Math.imul(first ^ (first >>> 16), 0x85ebca6b) ^ second;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) ^ third;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) ^ fourth;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
