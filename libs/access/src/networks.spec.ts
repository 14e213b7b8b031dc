import { BlockList, isIP } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { networkIncludes, networkProblem, Networks, normalizeNetwork } from './networks.js';

describe('a network', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['203.0.113.7', '203.0.113.7/32'],
    ['203.0.113.255/25', '203.0.113.128/25'],
    ['255.255.255.255/1', '128.0.0.0/1'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8:0:0::1/32', '2001:db8::/32'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/33', '2001:db8:8000::/33'],
    ['fe80::1/10', 'fe80::/10'],
    ['1:0:0:2:0:0:0:3/128', '1:0:0:2::3/128'],
    ['::/0', '::/0'],
    ['::1/128', '::1/128'],
    ['1::', '1::/128'],
    ['64:ff9b::203.0.113.7/96', '64:ff9b::/96'],
    ['::ffff:10.1.2.3/104', '10.0.0.0/8'],
    ['::ffff:a01:203', '10.1.2.3/32'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
  ])('%s is stored as %s', (text, stored) => {
    expect(networkProblem(text)).toBeUndefined();
    expect(normalizeNetwork(text)).toBe(stored);
    expect(normalizeNetwork(stored)).toBe(stored);
  });

  it.each([
    ['', 'the address is missing'],
    ['/8', 'the address is missing'],
    ['10.0.0.0/', '0 to 32'],
    ['10.0.0.0/33', '0 to 32'],
    ['10.0.0.0/08', '0 to 32'],
    ['10.0.0.0/-1', '0 to 32'],
    ['10.0.0.0/8/8', '0 to 32'],
    ['10.0.0.0/255.0.0.0', '0 to 32'],
    ['10.0.0.0/8 ', '0 to 32'],
    ['2001:db8::/129', '0 to 128'],
    ['10.0.0/8', 'four numbers'],
    ['10.0.0.256', 'four numbers'],
    ['010.0.0.1', 'leading zeros'],
    ['10.0.0.1-10.0.0.9', 'no IP address'],
    ['fe80::1%eth0/64', 'zone'],
    ['::ffff:10.0.0.0/8', 'without ::ffff:'],
    ['[::1]/128', 'no IP address'],
    ['example.com', 'no IP address'],
    ['٠.0.0.0/8', 'no IP address'],
    [`10.0.0.0/${'0'.repeat(99)}`, 'too long'],
  ])('is not %j, and the fault is named', (text, problem) => {
    expect(networkProblem(text)).toContain(problem);
    expect(() => normalizeNetwork(text)).toThrow('not a network');
    expect(new Networks([text]).has('10.0.0.1')).toBe(false);
  });

  it('of IPv4 has IPv4 clients that come over IPv6, and one of IPv6 has none of them', () => {
    const ipv4 = new Networks(['10.0.0.0/8', '::ffff:192.0.2.0/120']);
    expect(
      ['10.1.1.1', '::ffff:10.1.1.1', '::FFFF:0A01:0101', '192.0.2.255'].map((text) => ipv4.has(text)),
    ).toEqual(Array(4).fill(true));
    expect(
      ['::a01:101', '10.1.1.1%eth0', '192.0.3.0', '::ffff:11.0.0.0'].map((text) => ipv4.has(text)),
    ).toEqual(Array(4).fill(false));
    const ipv6 = new Networks(['::/0']);
    expect(['10.1.1.1', '::ffff:10.1.1.1', '::1'].map((text) => ipv6.has(text))).toEqual([
      false,
      false,
      true,
    ]);
  });
});

const octet = fc.oneof(fc.constantFrom(0, 1, 10, 127, 128, 255), fc.nat(255));
const ipv4 = fc.array(octet, { minLength: 4, maxLength: 4 }).map((octets) => octets.join('.'));
const group = fc
  .oneof(fc.constantFrom(0, 0, 1, 0x2001, 0xdb8, 0xffff), fc.nat(0xffff))
  .map((value) => value.toString(16));
const plainIPv6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(':'));
const shortIPv6 = fc
  .tuple(fc.array(group, { maxLength: 3 }), fc.array(group, { maxLength: 3 }))
  .map(([left, right]) => `${left.join(':')}::${right.join(':')}`);
const dottedIPv6 = fc
  .tuple(fc.constantFrom('::ffff:', '::', '64:ff9b::', '1:2:3:4:5:6:'), ipv4)
  .map(([head, tail]) => head + tail);
const address = fc.oneof(ipv4, ipv4, plainIPv6, shortIPv6, dottedIPv6);
/** Few bits differ, so that many addresses are in many networks. */
const nearIPv4 = fc
  .array(fc.constantFrom(10, 11, 128), { minLength: 4, maxLength: 4 })
  .map((octets) => octets.join('.'));
const near = fc.oneof(
  nearIPv4,
  nearIPv4.map((text) => `::ffff:${text}`),
  fc
    .array(fc.constantFrom('0', '1', 'ffff'), { minLength: 8, maxLength: 8 })
    .map((groups) => groups.join(':')),
  fc.array(fc.constantFrom('0', '1', 'ffff'), { maxLength: 6 }).map((groups) => `::${groups.join(':')}`),
);
const network = fc
  .tuple(fc.oneof(near, near, address), fc.nat(128))
  .map(([text, bits]) => `${text}/${text.includes(':') ? bits : bits % 33}`)
  .filter((text) => networkProblem(text) === undefined);

/** Node's own list of networks decides, which is another implementation; there `::/0` has IPv4 addresses too. */
function referenceHas(texts: readonly string[], text: string): boolean {
  const plain = isIP(text) === 6 ? unmapped(text) : text;
  const family = isIP(plain) === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  for (const one of texts.map(normalizeNetwork)) {
    const [base, prefix] = one.split('/') as [string, string];
    if (isIP(base) === isIP(plain)) list.addSubnet(base, Number(prefix), family);
  }
  return list.check(plain, family);
}

/** A URL has an IPv6 address in its one form, mapped IPv4 in hexadecimal. */
function unmapped(text: string): string {
  const { hostname } = new URL(`http://[${text}]`);
  const words = /^\[::ffff:([\da-f]+):([\da-f]+)\]$/.exec(hostname);
  return words ? dotted(words[1]!, words[2]!) : text;
}

function dotted(high: string, low: string): string {
  return [high, low]
    .map((text) => Number.parseInt(text, 16))
    .flatMap((word) => [word >> 8, word & 255])
    .join('.');
}

describe('networks', () => {
  it("have exactly the addresses that Node's own list of networks has (20,000 pairs)", () => {
    let inside = 0;
    fc.assert(
      fc.property(
        fc.array(network, { minLength: 1, maxLength: 4 }),
        fc.oneof(near, address),
        (texts, text) => {
          const expected = referenceHas(texts, text);
          if (expected) inside++;
          expect(new Networks(texts).has(text)).toBe(expected);
        },
      ),
      { numRuns: 20_000 },
    );
    expect(inside).toBeGreaterThan(2_000);
  });

  it('never fail on any text, and read an address wherever Node reads one (20,000 texts)', () => {
    const text = fc.oneof(
      address,
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef:./% x'), maxLength: 24 }),
      fc.string({ unit: 'binary' }),
    );
    const everything = new Networks(['0.0.0.0/0', '::/0']);
    fc.assert(
      fc.property(text, (value) => {
        const isAddress = isIP(value) !== 0 && !value.includes('%');
        expect(everything.has(value)).toBe(isAddress);
        if (!value.includes('/')) expect(networkProblem(value) === undefined).toBe(isAddress);
      }),
      { numRuns: 20_000 },
    );
  });

  it('include another network only when every address of it is theirs (20,000 pairs)', () => {
    let included = 0;
    fc.assert(
      fc.property(network, network, fc.oneof(near, address), (outer, inner, text) => {
        if (!networkIncludes(outer, inner)) return;
        included++;
        const [first] = normalizeNetwork(inner).split('/') as [string];
        expect(new Networks([outer]).has(first)).toBe(true);
        if (new Networks([inner]).has(text)) expect(new Networks([outer]).has(text)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
    expect(included).toBeGreaterThan(1_000);
    expect(networkIncludes('10.0.0.0/8', '10.0.0.0/8')).toBe(true);
    expect(networkIncludes('10.0.0.0/8', '10.0.0.0/7')).toBe(false);
    expect(networkIncludes('::/0', '10.0.0.0/8')).toBe(false);
    expect(networkIncludes('everywhere', 'everywhere')).toBe(false);
  });
});
