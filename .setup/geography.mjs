// dist/geography/asn.bin: which autonomous system announces which addresses, from the CSV files of @ip-location-db/asn as
// arrays that the gate reads without parsing (libs/geography/src/asn-table.ts tells the format).
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root, step } from './steps.mjs';

const folder = join(root, 'node_modules/@ip-location-db/asn');
const target = join(root, 'dist/geography/asn.bin');
const stamp = `${target}.stamp`;

/** Compiles it unless it is that of the installed package. */
export async function ensureGeography() {
  if (!existsSync(folder)) return false;
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === version) return false;
  await step('compiling the table of autonomous systems', () => {
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(`${target}.new`, compiled());
    renameSync(`${target}.new`, target);
    writeFileSync(stamp, version);
  });
  return true;
}

function compiled() {
  const v4 = ranges('asn-ipv4-num.csv').map(([start, end, asn]) => [Number(start), Number(end), asn]);
  const v6 = ranges('asn-ipv6-num.csv').map(([start, end, asn]) => [start >> 64n, end >> 64n, asn]);
  const header = Buffer.alloc(16, 'dockasn1');
  header.writeUInt32LE(v4.length, 8);
  header.writeUInt32LE(v6.length, 12);
  const column = (rows, index, Type) => Buffer.from(Type.from(rows, (row) => row[index]).buffer);
  return Buffer.concat([
    header,
    column(v6, 0, BigUint64Array),
    column(v6, 1, BigUint64Array),
    ...[0, 1, 2].map((index) => column(v4, index, Uint32Array)),
    column(v6, 2, Uint32Array),
  ]);
}

/** Start and end (both are part of it) as BigInt, and the number; in order. */
function ranges(name) {
  const rows = readFileSync(join(folder, name), 'utf8').matchAll(/^(\d+),(\d+),(\d+),/gm);
  return Array.from(rows, ([, start, end, asn]) => [BigInt(start), BigInt(end), Number(asn)]).sort((a, b) =>
    a[0] < b[0] ? -1 : 1,
  );
}
