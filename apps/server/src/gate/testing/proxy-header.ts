/** A PROXY protocol header of version 2, as it stands in front of a connection. */
export function proxyHeader(
  versionAndCommand: number,
  familyAndTransport: number,
  block: readonly number[],
  signature = '\r\n\r\n\0\r\nQUIT\n',
): Buffer {
  const fixed = Buffer.alloc(16);
  fixed.write(signature, 'latin1');
  fixed.writeUInt8(versionAndCommand, 12);
  fixed.writeUInt8(familyAndTransport, 13);
  fixed.writeUInt16BE(block.length, 14);
  return Buffer.concat([fixed, Buffer.from(block)]);
}

/** The addresses and ports of a connection from that IPv4 address to 127.0.0.1:5000. */
export function inet(source: string): number[] {
  return [...source.split('.').map(Number), 127, 0, 0, 1, 0x12, 0x67, 0x13, 0x88];
}

/** The same from an IPv6 address of 8 groups, to `::1`. */
export function inet6(source: string): number[] {
  const bytes = source.split(':').flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return [...bytes, ...Array<number>(15).fill(0), 1, 0x12, 0x67, 0x13, 0x88];
}
