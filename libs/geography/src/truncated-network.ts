import { isIPv4, isIPv6 } from 'node:net';

/** The network that may be kept of an address: /24 of IPv4 (also when mapped into IPv6), /48 of IPv6; undefined for anything else. */
export function truncatedNetwork(address: string): string | undefined {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (isIPv4(plain)) return `${plain.split('.').slice(0, 3).join('.')}.0/24`;
  if (isIPv6(plain)) return `${firstGroups(plain, 3).join(':')}::/48`;
  return undefined;
}

/** The first groups of an IPv6 address, `::` filled in, without leading zeros. */
function firstGroups(address: string, count: number): string[] {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail ? tail.split(':') : [];
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeros, ...right]
    .slice(0, count)
    .map((group) => Number.parseInt(group, 16).toString(16));
}
