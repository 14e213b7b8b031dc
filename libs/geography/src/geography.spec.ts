import { describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { AsnTable } from './asn-table.js';
import { Geography } from './geography.js';

const asnFile = fileURLToPath(new URL('../../../dist/geography/asn.bin', import.meta.url));

describe('the shipped geography', () => {
  it('knows the country and the autonomous system of well-known addresses, and keeps no full address', async () => {
    const geography = await Geography.open({ countryFile: undefined, asnFile });
    // RIPE's and Google's own addresses: they are announced since decades.
    expect(geography.locate('193.0.6.139')).toEqual({ network: '193.0.6.0/24', country: 'NL', asn: 3333 });
    expect(geography.locate('8.8.8.8')).toEqual({ network: '8.8.8.0/24', country: 'US', asn: 15169 });
    expect(geography.locate('2001:4860:4860::8888')).toMatchObject({
      network: '2001:4860:4860::/48',
      asn: 15169,
    });
  });

  it('knows nothing of private addresses, and less than nothing of no address', async () => {
    const geography = await Geography.open({ countryFile: undefined, asnFile });
    const known = (network: string) => ({ network, country: null, asn: null });
    expect(geography.locate('10.1.2.3')).toEqual(known('10.1.2.0/24'));
    expect(geography.locate('127.0.0.1')).toEqual(known('127.0.0.0/24'));
    expect(geography.locate('fd00::1')).toEqual(known('fd00:0:0::/48'));
    expect(geography.locate('::1')).toEqual(known('0:0:0::/48'));
    expect(geography.locate('')).toEqual({ network: null, country: null, asn: null });
  });

  it('gives the same answer from memory, for more addresses than it remembers', async () => {
    const geography = await Geography.open({ countryFile: undefined, asnFile });
    const first = geography.locate('193.0.6.139');
    for (let host = 0; host < 5_000; host++) geography.locate(`193.1.${host >> 8}.${host & 255}`);
    expect(geography.locate('193.0.6.139')).toEqual(first);
  });
});

describe('a table of autonomous systems', () => {
  const directory = temporaryDirectory();
  const table = (v4: [number, number, number][], v6: [bigint, bigint, number][]): Promise<AsnTable> => {
    const header = Buffer.alloc(16, 'dockasn1');
    header.writeUInt32LE(v4.length, 8);
    header.writeUInt32LE(v6.length, 12);
    const parts = [
      BigUint64Array.from(v6, (row) => row[0]), BigUint64Array.from(v6, (row) => row[1]),
      Uint32Array.from(v4, (row) => row[0]), Uint32Array.from(v4, (row) => row[1]), Uint32Array.from(v4, (row) => row[2]),
      Uint32Array.from(v6, (row) => row[2]),
    ]; // prettier-ignore
    const file = join(directory.path, 'asn.bin');
    writeFileSync(file, Buffer.concat([header, ...parts.map((part) => Buffer.from(part.buffer))]));
    return AsnTable.open(file);
  };

  it('finds both ends of a range, and nothing beside it', async () => {
    const asns = await table(
      [[0x0a000000, 0x0a0000ff, 1], [0x0a000200, 0xffffffff, 2]],
      [[0x20010db800000000n, 0x20010db8ffffffffn, 3], [0xfd00n << 48n, 0xffffn << 48n, 4]],
    ); // prettier-ignore
    const found = ['9.255.255.255', '10.0.0.0', '10.0.0.255', '10.0.1.0', '10.0.2.0', '255.255.255.255'];
    expect(found.map((address) => asns.find(address))).toEqual([undefined, 1, 1, undefined, 2, 2]);
    const wide = [
      '2001:db7:ffff::',
      '2001:db8::',
      '2001:db8:ffff:ffff::1',
      '2001:db9::',
      'fd00::',
      '::',
      '::1',
    ];
    const numbers = [undefined, 3, 3, undefined, 4, undefined, undefined];
    expect(wide.map((address) => asns.find(address))).toEqual(numbers);
    directory.remove();
  });

  it.each([['empty', ''], ['another one', 'dockasn2........'], ['cut off', 'dockasn1\u0001\0\0\0\0\0\0\0']])(
    'is refused when the file is %s', async (_, text) => {
      const other = temporaryDirectory();
      const file = join(other.path, 'asn.bin');
      writeFileSync(file, text);
      await expect(AsnTable.open(file)).rejects.toThrow('is no table of autonomous systems');
      other.remove();
    }); // prettier-ignore
});
