import { readFile } from 'node:fs/promises';

/** First bytes of a compiled table (.setup/geography.mjs): another format is another name. */
const MAGIC = Buffer.from('dockasn1');
const HEADER_BYTES = 16;
const GROUPS_LOOKED_AT = 4;

/**
 * Which autonomous system announces an address: ranges in order, found by halving. A range of IPv6 is known by the upper 64
 * bits of its ends; smaller networks are not announced to the world.
 */
export class AsnTable {
  private constructor(
    private readonly v4: { starts: Uint32Array; ends: Uint32Array; asns: Uint32Array },
    private readonly v6: { starts: BigUint64Array; ends: BigUint64Array; asns: Uint32Array },
  ) {}

  /** Reads a compiled table. Rejects when the file is missing or is none. */
  static async open(file: string): Promise<AsnTable> {
    const bytes = await readFile(file);
    const v4 = bytes.length < HEADER_BYTES ? 0 : bytes.readUInt32LE(8);
    const v6 = bytes.length < HEADER_BYTES ? 0 : bytes.readUInt32LE(12);
    const isWhole = bytes.length === HEADER_BYTES + v6 * (8 + 8 + 4) + v4 * (4 + 4 + 4);
    if (!bytes.subarray(0, MAGIC.length).equals(MAGIC) || !isWhole) {
      throw new Error(`${file} is no table of autonomous systems`);
    }
    // A copy, so that it begins at a multiple of eight; the longest numbers stand first for the same reason.
    const { buffer } = Uint8Array.from(bytes);
    let at = HEADER_BYTES;
    const big = (): BigUint64Array => new BigUint64Array(buffer, (at += v6 * 8) - v6 * 8, v6);
    const small = (count: number): Uint32Array =>
      new Uint32Array(buffer, (at += count * 4) - count * 4, count);
    const wide = { starts: big(), ends: big() };
    return new AsnTable(
      { starts: small(v4), ends: small(v4), asns: small(v4) },
      { ...wide, asns: small(v6) },
    );
  }

  /** Of a canonical address (an IPv4 address not mapped into IPv6); undefined where nobody announces it. */
  find(address: string): number | undefined {
    return address.includes(':')
      ? findIn(this.v6, upperHalf(address))
      : findIn(
          this.v4,
          address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0),
        );
  }
}

interface Ranges<N> {
  readonly starts: ArrayLike<N>;
  readonly ends: ArrayLike<N>;
  readonly asns: Uint32Array;
}

function findIn<N extends number | bigint>({ starts, ends, asns }: Ranges<N>, wanted: N): number | undefined {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= wanted) low = middle + 1;
    else high = middle;
  }
  return low > 0 && ends[low - 1]! >= wanted ? asns[low - 1] : undefined;
}

function upperHalf(address: string): bigint {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail ? tail.split(':') : [];
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  return [...left, ...zeros, ...right]
    .slice(0, GROUPS_LOOKED_AT)
    .reduce((sum, group) => (sum << 16n) | BigInt(Number.parseInt(group, 16)), 0n);
}
