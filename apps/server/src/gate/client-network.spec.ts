import { describe, expect, it } from '@jest/globals';
import { canonicalAddress, networkOf, networkText } from './client-network.js';

describe('a canonical address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:C000:207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
  ])('of %s is %s', (text, canonical) => expect(canonicalAddress(text)).toBe(canonical));

  it.each(['', 'unknown', '192.0.2', '192.0.2.007', '192.0.2.7/24', '[::1]', '::1::', '1.2.3.4\0'])(
    'is nothing for %j',
    (text) => expect(canonicalAddress(text)).toBeUndefined(),
  );
});

describe('the network of a client', () => {
  const same = (a: string, b: string): boolean =>
    JSON.stringify(networkOf(a)) === JSON.stringify(networkOf(b));

  it.each([
    ['192.0.2.7', '192.0.2.255', true],
    ['192.0.2.7', '192.0.3.7', false],
    ['192.0.2.7', '192.1.2.7', false],
    ['192.0.2.7', '193.0.2.7', false],
    ['255.255.255.1', '0.0.0.1', false],
    ['2001:db8:0:1::1', '2001:db8:0:1:ffff::', true],
    ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
    ['2001:db8:0:1::1', '2001:db8:1:1::1', false],
    ['2001:db8:0:1::1', '2001:db9:0:1::1', false],
    ['2001:db8:0:1::1', '2002:db8:0:1::1', false],
    ['::1', '0.0.0.1', false],
    ['::1', '', true],
  ])('of %s and of %s is the same: %s', (a, b, expected) => expect(same(a, b)).toBe(expected));

  it.each([
    ['192.0.2.7', '192.0.2.0/24'],
    ['2001:db8::1:0:0:1', '2001:db8:0:0::/64'],
    ['2001:db8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('of %s is told as %s', (address, text) => expect(networkText(address)).toBe(text));
});
