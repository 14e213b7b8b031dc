import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** IPv4 that is not the public internet: the IANA special-purpose registry (RFC 6890), multicast and what is reserved. */
const NOT_PUBLIC_V4 = blockList('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // The metadata and wire server of Azure stands in public space.
  ['168.63.129.16', 32],
]);

/** Global unicast (RFC 4291 2.4): all that is handed out is in it, so whatever is outside is refused unless named below. */
const GLOBAL_V6 = blockList('ipv6', [['2000::', 3]]);

/** What in global unicast is none: protocol assignments with Teredo and ORCHID, documentation, 6to4 (RFC 6890, RFC 9637). */
const NOT_PUBLIC_V6 = blockList('ipv6', [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]);

/**
 * Whether an address (as a resolver or `URL.hostname` without brackets gives it) is one of the public internet. An IPv6
 * address that stands for an IPv4 one, mapped (RFC 4291 2.5.5.2) or translated (RFC 6052, `64:ff9b::/96`), is judged as that.
 */
export function isPublicAddress(address: string): boolean {
  const plain = address.replace(/%.*$/, '');
  if (isIPv4(plain)) return !NOT_PUBLIC_V4.check(plain, 'ipv4');
  if (!isIPv6(plain)) return false;
  const groups = groupsOf(plain);
  const embedded = embeddedV4(groups);
  if (embedded !== undefined) return isPublicAddress(embedded);
  const canonical = groups.map((group) => group.toString(16)).join(':');
  return GLOBAL_V6.check(canonical, 'ipv6') && !NOT_PUBLIC_V6.check(canonical, 'ipv6');
}

/** First six groups of the addresses whose last 32 bits are an IPv4 address that packets reach. */
const EMBEDDING = new Set(['0,0,0,0,0,65535', '100,65435,0,0,0,0']);

function embeddedV4(groups: readonly number[]): string | undefined {
  if (!EMBEDDING.has(groups.slice(0, 6).join(','))) return undefined;
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}

/** The eight groups of a valid IPv6 address, also of one that ends in dotted decimals. */
function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [, head, ...bytes] = dotted ?? [];
  const [a, b, c, d] = bytes.map(Number);
  const text = dotted ? `${head}${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}` : address;
  const [left = '', right] = text.split('::');
  const before = left === '' ? [] : left.split(':');
  const after = right ? right.split(':') : [];
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
}

function blockList(family: 'ipv4' | 'ipv6', networks: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of networks) list.addSubnet(network, prefix, family);
  return list;
}
