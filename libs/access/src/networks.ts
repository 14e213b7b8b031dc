import { isIP, SocketAddress } from 'node:net';

/** An address in words of 32 bits, the highest first: one of IPv4, four of IPv6. IPv4 mapped into IPv6 is IPv4. */
type AddressWords = readonly number[];

/** The addresses whose first `prefix` bits are those of `base`. */
interface Network {
  readonly base: AddressWords;
  readonly prefix: number;
}

const WORD_BITS = 32;
const IPV6_GROUPS = 8;
const GROUP_BITS = 16;
const GROUP_MASK = 0xffff;
/** `::ffff:0:0/96` stands for IPv4 (RFC 4291, section 2.5.5.2). */
const MAPPED_WORD = 0xffff;
const MAPPED_PREFIX = 96;
/** Longer than any network: an IPv6 address takes at most 45 characters, a prefix length 4. */
const TEXT_LENGTH_MAX = 64;
const PREFIX = /^(?:0|[1-9]\d{0,2})$/;

const DOT = '.'.charCodeAt(0);
const COLON = ':'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);
const NINE = '9'.charCodeAt(0);
const A = 'a'.charCodeAt(0);
/** The bit by which a lower-case letter differs from the capital one in ASCII. */
const LOWER_CASE = 0x20;

/** No network of a family, in one array for all lists. */
const NONE: readonly number[] = [];

/**
 * A list of networks, read once; what of it cannot be read has no address in it. All networks of a family stand in one array,
 * one after the other, each as its prefix length and the words of its base: with objects a list would take three times the
 * memory, and for each network three looks into parts of it that are in no cache.
 */
export class Networks {
  readonly #ipv4: readonly number[];
  readonly #ipv6: readonly number[];

  constructor(texts: readonly string[]) {
    const networks = texts.map(readNetwork).filter((network) => typeof network === 'object');
    this.#ipv4 = inOneArray(networks.filter(({ base }) => base.length === 1));
    this.#ipv6 = inOneArray(networks.filter(({ base }) => base.length !== 1));
  }

  /** Whether one of them has the address; none has a text that is no IP address (a zone, a port, two addresses). */
  has(text: string): boolean {
    const address = readAddress(text);
    if (address === undefined) return false;
    const networks = address.length === 1 ? this.#ipv4 : this.#ipv6;
    for (let at = 0; at < networks.length; at += 1 + address.length) {
      if (sharePrefix(networks, at + 1, address, networks[at]!)) return true;
    }
    return false;
  }
}

/** Why the text cannot restrict a key: undefined for a network in CIDR notation, or an address, of IPv4 or IPv6. */
export function networkProblem(text: string): string | undefined {
  const read = readNetwork(text);
  return typeof read === 'string' ? read : undefined;
}

/**
 * The one form in which a network is stored: CIDR, always with a prefix length, the bits behind it zero, IPv6 as in RFC 5952:
 * `10.1.2.3/8` is `10.0.0.0/8`, `203.0.113.7` is `203.0.113.7/32`, `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
 * Throws on a text that `networkProblem` finds fault with.
 */
export function normalizeNetwork(text: string): string {
  const read = readNetwork(text);
  if (typeof read === 'string') throw new Error(`not a network: ${read}`);
  return `${addressText(read.base)}/${read.prefix}`;
}

/** Whether every address of the network `inner` is one of `outer`. False when either cannot be read. */
export function networkIncludes(outer: string, inner: string): boolean {
  const [around, within] = [readNetwork(outer), readNetwork(inner)];
  if (typeof around === 'string' || typeof within === 'string') return false;
  const isOneFamily = around.base.length === within.base.length;
  return (
    isOneFamily && around.prefix <= within.prefix && sharePrefix(around.base, 0, within.base, around.prefix)
  );
}

/** What grew keeps room for more, which a copy has not: here that would be half of the memory. */
function inOneArray(networks: readonly Network[]): readonly number[] {
  return networks.length === 0 ? NONE : networks.flatMap(({ prefix, base }) => [prefix, ...base]).slice();
}

/** Whether the words from `at` on and the address have the first `bits` in common. */
function sharePrefix(words: readonly number[], at: number, address: AddressWords, bits: number): boolean {
  for (let word = 0; word * WORD_BITS < bits; word++) {
    if (((words[at + word]! ^ address[word]!) & maskOf(bits - word * WORD_BITS)) !== 0) return false;
  }
  return true;
}

/** A word whose first `bits` are set: all of them from 32 on, none up to 0. */
function maskOf(bits: number): number {
  if (bits >= WORD_BITS) return -1;
  return bits <= 0 ? 0 : -1 << (WORD_BITS - bits);
}

/** The network, or what is wrong with the text. */
function readNetwork(text: string): Network | string {
  if (text.length > TEXT_LENGTH_MAX) return 'this is too long for a network';
  const slash = text.indexOf('/');
  const address = slash === -1 ? text : text.slice(0, slash);
  const words = readAddress(address);
  if (words === undefined)
    return `${whatItIs(address)}: a network is of the form 10.0.0.0/8 or 2001:db8::/32`;
  const bitsMax = address.includes(':') ? IPV6_GROUPS * GROUP_BITS : WORD_BITS;
  const length = slash === -1 ? String(bitsMax) : text.slice(slash + 1);
  if (!PREFIX.test(length) || Number(length) > bitsMax) {
    return `behind the slash stands the number of bits that all addresses of the network share, here 0 to ${bitsMax}`;
  }
  const isMapped = bitsMax !== words.length * WORD_BITS;
  const prefix = Number(length) - (isMapped ? MAPPED_PREFIX : 0);
  if (prefix < 0) return 'a network of IPv4 addresses is written as 10.0.0.0/8, without ::ffff:';
  return { base: words.map((word, place) => (word & maskOf(prefix - place * WORD_BITS)) >>> 0), prefix };
}

function whatItIs(address: string): string {
  if (address === '') return 'the address is missing';
  if (address.includes('%')) return 'an address with a zone has no meaning elsewhere';
  if (/^[\d.]+$/.test(address))
    return 'an IPv4 address has four numbers from 0 to 255, without leading zeros';
  return 'this is no IP address';
}

/** The words of an IP address as text; undefined for anything else, a zone included. */
function readAddress(text: string): AddressWords | undefined {
  const version = isIP(text);
  if (version === 4) return [ipv4Word(text, 0)];
  if (version === 0 || text.includes('%')) return undefined;
  const words = ipv6Words(text);
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === MAPPED_WORD;
  return isMapped ? words.slice(3) : words;
}

/** The text is known to be an IPv4 address from `start` on. */
function ipv4Word(text: string, start: number): number {
  let word = 0;
  let octet = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      word = word * 256 + octet;
      octet = 0;
    } else octet = octet * 10 + code - ZERO;
  }
  return word * 256 + octet;
}

/** The text is known to be an IPv6 address without a zone. */
function ipv6Words(text: string): AddressWords {
  const groups = [0, 0, 0, 0, 0, 0, 0, 0];
  let filled = 0;
  let gap = -1;
  let start = 0;
  let group = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? COLON : text.charCodeAt(at);
    if (code === DOT) {
      const word = ipv4Word(text, start);
      groups[filled++] = word >>> GROUP_BITS;
      groups[filled++] = word & GROUP_MASK;
      break;
    }
    if (code !== COLON) {
      group = group * 16 + hexDigit(code);
      continue;
    }
    if (at > start) groups[filled++] = group;
    else if (at > 0) gap = filled;
    start = at + 1;
    group = 0;
  }
  if (gap !== -1) {
    const behindGap = IPV6_GROUPS - (filled - gap);
    groups.copyWithin(behindGap, gap, filled).fill(0, gap, behindGap);
  }
  return [0, 2, 4, 6].map((at) => groups[at]! * 0x1_0000 + groups[at + 1]!);
}

function hexDigit(code: number): number {
  return code <= NINE ? code - ZERO : (code | LOWER_CASE) - A + 10;
}

function addressText(words: AddressWords): string {
  if (words.length === 1) {
    const word = words[0]!;
    return [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255].join('.');
  }
  const groups = words.flatMap((word) => [word >>> GROUP_BITS, word & GROUP_MASK]);
  const address = groups.map((group) => group.toString(16)).join(':');
  return new SocketAddress({ address, family: 'ipv6' }).address;
}
