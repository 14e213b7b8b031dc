import { isIP, SocketAddress } from 'node:net';

/** An IPv6 address has 8 groups of 16 bits; the first 4 are the network that one customer gets (RFC 6177: /64 at least). */
const IPV6_NETWORK_GROUPS = 4;
const MAPPED = '::ffff:';

/** The network that a client's failures are counted for: /24 of IPv4, /64 of IPv6, as the two halves of a 64-bit number. */
export interface ClientNetwork {
  readonly high: number;
  readonly low: number;
}

/** Of a client without an address, whose connection has just ended. */
const NOWHERE: ClientNetwork = { high: 0, low: 0 };
/** `0:0:01xx:xxxx::/64` stands for a network of IPv4: no IPv6 network there is given to anybody (RFC 4291, section 2.4). */
const IPV4_MARK = 0x01_00_00_00;

/**
 * An IP address in the one form that this program compares: IPv6 as in RFC 5952, without a zone, an IPv4 address mapped into
 * IPv6 as IPv4. undefined for anything else.
 */
export function canonicalAddress(text: string): string | undefined {
  const version = isIP(text);
  if (version === 4) return text;
  if (version === 0) return undefined;
  const zone = text.indexOf('%');
  const plain = zone === -1 ? text : text.slice(0, zone);
  const { address } = new SocketAddress({ address: plain, family: 'ipv6' });
  return address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address;
}

/** The network of a canonical address; of the empty text too. */
export function networkOf(address: string): ClientNetwork {
  if (address === '') return NOWHERE;
  if (!address.includes(':')) {
    const [first, second, third] = address.split('.').map(Number) as [number, number, number];
    return { high: 0, low: IPV4_MARK + (first << 16) + (second << 8) + third };
  }
  const [first, second, third, fourth] = firstGroups(address) as [number, number, number, number];
  return { high: ((first << 16) | second) >>> 0, low: ((third << 16) | fourth) >>> 0 };
}

/** `203.0.113.0/24` or `2001:db8:0:1::/64`: what a refusal tells of a client's address. */
export function networkText(address: string): string {
  if (!address.includes(':')) return address.replace(/\.\d+$/, '.0/24');
  const groups = firstGroups(address).map((group) => group.toString(16));
  return `${groups.join(':')}::/64`;
}

function firstGroups(address: string): number[] {
  const [head = '', tail = ''] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const omitted = Array<string>(Math.max(0, 2 * IPV6_NETWORK_GROUPS - left.length - right.length)).fill('0');
  return [...left, ...omitted, ...right]
    .slice(0, IPV6_NETWORK_GROUPS)
    .map((group) => Number.parseInt(group, 16));
}
