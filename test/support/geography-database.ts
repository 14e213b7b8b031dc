import { writeFileSync } from 'node:fs';

/** A network (IPv4, CIDR) and what the database says of its addresses. */
export interface Located {
  readonly network: string;
  readonly country: string;
  readonly asn: number;
}

/** MaxMind DB 2.0: types of data, size of a record in bits, and what stands between tree and data, and before the metadata. */
const TYPE = { text: 2, map: 7, uint16: 5, uint32: 6, array: 11 } as const;
const RECORD_BITS = 24;
const SEPARATOR = Buffer.alloc(16);
const METADATA_MARK = Buffer.from('abcdef4d61784d696e642e636f6d', 'hex');

type Value = string | { readonly uint16: number } | { readonly uint32: number } | readonly string[] | Mapped;
interface Mapped {
  readonly map: Readonly<Record<string, Value>>;
}
type Node = [Branch, Branch];
type Branch = Node | number | undefined;

/** Writes a geography database of a few networks (`GEOIP_DB`), in the format of https://maxmind.github.io/MaxMind-DB/. */
export function writeGeographyDatabase(file: string, places: readonly Located[]): void {
  const root: Node = [undefined, undefined];
  const values = places.map(({ country, asn }) =>
    encoded({ map: { country_code: country, autonomous_system_number: { uint32: asn } } }),
  );
  places.forEach(({ network }, index) => plant(root, network, index));
  const nodes = numbered(root);
  const starts = values.map((_, index) =>
    values.slice(0, index).reduce((sum, { length }) => sum + length, 0),
  );
  const record = (branch: Branch): number => {
    if (branch === undefined) return nodes.length;
    if (typeof branch === 'number') return nodes.length + SEPARATOR.length + starts[branch]!;
    return nodes.indexOf(branch);
  };
  const tree = Buffer.alloc(nodes.length * 2 * (RECORD_BITS / 8));
  nodes.flat().forEach((branch, index) => tree.writeUIntBE(record(branch), index * 3, 3));
  const metadata = encoded({
    map: {
      binary_format_major_version: { uint16: 2 },
      binary_format_minor_version: { uint16: 0 },
      build_epoch: { uint32: 1_767_225_600 },
      database_type: 'Test',
      description: { map: { en: 'Of a test' } },
      ip_version: { uint16: 4 },
      languages: ['en'],
      node_count: { uint32: nodes.length },
      record_size: { uint16: RECORD_BITS },
    },
  });
  writeFileSync(file, Buffer.concat([tree, SEPARATOR, ...values, METADATA_MARK, metadata]));
}

function plant(root: Node, network: string, value: number): void {
  const [address = '', length = '32'] = network.split('/');
  const bits = address.split('.').map((part) => Number(part).toString(2).padStart(8, '0'));
  const path = Array.from(bits.join('').slice(0, Number(length)), Number);
  const last = path.pop()!;
  let node = root;
  for (const side of path) node = (node[side] ??= [undefined, undefined]) as Node;
  node[last] = value;
}

/** The nodes of the tree, the root first. */
function numbered(root: Node): Node[] {
  const nodes = [root];
  for (let index = 0; index < nodes.length; index++)
    nodes.push(...nodes[index]!.filter((branch): branch is Node => Array.isArray(branch)));
  return nodes;
}

function encoded(value: Value): Buffer {
  if (typeof value === 'string') return sized(TYPE.text, Buffer.from(value));
  if (Array.isArray(value)) {
    const list = value as readonly string[];
    return Buffer.concat([control(TYPE.array, list.length), ...list.map(encoded)]);
  }
  if ('map' in value) {
    const entries = Object.entries(value.map).flatMap(([name, one]) => [encoded(name), encoded(one)]);
    return Buffer.concat([control(TYPE.map, entries.length / 2), ...entries]);
  }
  const bytes = Buffer.alloc(4);
  if ('uint16' in value) {
    bytes.writeUInt16BE(value.uint16);
    return sized(TYPE.uint16, bytes.subarray(0, 2));
  }
  bytes.writeUInt32BE((value as { uint32: number }).uint32);
  return sized(TYPE.uint32, bytes);
}

function sized(type: number, bytes: Buffer): Buffer {
  return Buffer.concat([control(type, bytes.length), bytes]);
}

/** Below 29 the size stands in the control byte; a type above 7 in a byte of its own. */
function control(type: number, size: number): Buffer {
  if (size >= 29) throw new Error('this writer knows short values only');
  return type > 7 ? Buffer.from([size, type - 7]) : Buffer.from([(type << 5) | size]);
}
