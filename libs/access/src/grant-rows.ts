import { timingSafeEqual } from 'node:crypto';
import { ID_WORDS, IdIndex, ROWS_PER_SEGMENT, WORDS_PER_ROW } from './id-index.js';

const HASH_BYTES = 32;
const BYTES_PER_ROW = WORDS_PER_ROW * 4;
const DOUBLES_PER_ROW = WORDS_PER_ROW / 2;

/**
 * Where a row of 16 words keeps what: 0-3 the id, 4-11 the hash, 12-13 a time, 14 the registry's number, 15 flags. The flags
 * have the permission level + 1 in bits 0-1 (0 = free row), the state in bits 2-3, whether a grace is running in bit 4, and
 * in the 27 bits above the number of the key's set of restrictions (restrictions.ts). With its share of the index a key
 * takes about 74 bytes.
 */
const HASH_AT_BYTE = ID_WORDS * 4;
const TIME_AT_DOUBLE = 6;
const REGISTRY_AT_WORD = 14;
const FLAGS_AT_WORD = 15;
const PERMISSION_BITS = 0b11;
const STATE_SHIFT = 2;
const STATE_BITS = 0b11;
const GRACE_BIT = 0b1_0000;
const RESTRICTIONS_SHIFT = 5;

/** What a new row holds beside its id and hash: numbers that mean something in grants.ts. */
interface RowContent {
  readonly level: number;
  readonly state: number;
  /** Milliseconds since the epoch; null = never. */
  readonly time: number | null;
}

/** Three views of the same ROWS_PER_SEGMENT rows. */
class GrantSegment {
  readonly bytes: Buffer;
  readonly doubles: Float64Array;

  constructor(readonly words: Uint32Array<ArrayBuffer>) {
    this.bytes = Buffer.from(words.buffer);
    this.doubles = new Float64Array(words.buffer);
  }
}

/** The rows of grants.ts: how they lie in memory, and nothing of what they mean. Row numbers come from the index. */
export class GrantRows {
  readonly index = new IdIndex();
  readonly #segments: GrantSegment[] = [];

  /** Adds a row for an id that is not there. `hash`: 64 hex digits. */
  add(id: string, hash: string, { level, state, time }: RowContent): number {
    const row = this.index.add(id);
    const segment = Math.floor(row / ROWS_PER_SEGMENT);
    this.#segments[segment] ??= new GrantSegment(this.index.segments[segment]!);
    this.#segment(row).bytes.write(hash, (row % ROWS_PER_SEGMENT) * BYTES_PER_ROW + HASH_AT_BYTE, 'hex');
    this.setTime(row, time);
    this.#setWord(row, FLAGS_AT_WORD, (level + 1) | (state << STATE_SHIFT));
    return row;
  }

  erase(row: number): void {
    this.index.remove(row);
    const start = (row % ROWS_PER_SEGMENT) * BYTES_PER_ROW;
    this.#segment(row).bytes.fill(0, start, start + BYTES_PER_ROW);
  }

  /** Whether the row's hash equals `hash` (32 bytes), in constant time. */
  hashMatches(row: number, hash: Uint8Array): boolean {
    const start = (row % ROWS_PER_SEGMENT) * BYTES_PER_ROW + HASH_AT_BYTE;
    return timingSafeEqual(this.#segment(row).bytes.subarray(start, start + HASH_BYTES), hash);
  }

  registry(row: number): number {
    return this.#word(row, REGISTRY_AT_WORD);
  }

  setRegistry(row: number, number: number): void {
    this.#setWord(row, REGISTRY_AT_WORD, number);
  }

  /** -1 for a free row. */
  level(row: number): number {
    return (this.#flags(row) & PERMISSION_BITS) - 1;
  }

  setLevel(row: number, level: number): void {
    this.#setFlags(row, PERMISSION_BITS, level + 1);
  }

  state(row: number): number {
    return (this.#flags(row) >>> STATE_SHIFT) & STATE_BITS;
  }

  setState(row: number, state: number): void {
    this.#setFlags(row, STATE_BITS << STATE_SHIFT, state << STATE_SHIFT);
  }

  hasGrace(row: number): boolean {
    return (this.#flags(row) & GRACE_BIT) !== 0;
  }

  setGrace(row: number, isRunning: boolean): void {
    this.#setFlags(row, GRACE_BIT, isRunning ? GRACE_BIT : 0);
  }

  restrictions(row: number): number {
    return this.#flags(row) >>> RESTRICTIONS_SHIFT;
  }

  setRestrictions(row: number, number: number): void {
    this.#setFlags(row, -1 << RESTRICTIONS_SHIFT, number << RESTRICTIONS_SHIFT);
  }

  /** Infinity = never. */
  time(row: number): number {
    return this.#segment(row).doubles[(row % ROWS_PER_SEGMENT) * DOUBLES_PER_ROW + TIME_AT_DOUBLE]!;
  }

  setTime(row: number, time: number | null): void {
    const place = (row % ROWS_PER_SEGMENT) * DOUBLES_PER_ROW + TIME_AT_DOUBLE;
    this.#segment(row).doubles[place] = time ?? Infinity;
  }

  #segment(row: number): GrantSegment {
    return this.#segments[Math.floor(row / ROWS_PER_SEGMENT)]!;
  }

  #word(row: number, place: number): number {
    return this.#segment(row).words[(row % ROWS_PER_SEGMENT) * WORDS_PER_ROW + place]!;
  }

  #setWord(row: number, place: number, value: number): void {
    this.#segment(row).words[(row % ROWS_PER_SEGMENT) * WORDS_PER_ROW + place] = value;
  }

  #flags(row: number): number {
    return this.#word(row, FLAGS_AT_WORD);
  }

  #setFlags(row: number, mask: number, bits: number): void {
    this.#setWord(row, FLAGS_AT_WORD, (this.#flags(row) & ~mask) | bits);
  }
}
