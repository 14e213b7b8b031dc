import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ClientAddresses } from './client-address.js';

const clients = new ClientAddresses(['10.0.0.0/8', 'fd00::/8', '192.0.2.1']);

/** A request by the connection of that address. */
function requestFrom(
  remoteAddress: string | undefined,
  headers: IncomingHttpHeaders = {},
  encrypted = false,
): IncomingMessage {
  const socket = encrypted ? { remoteAddress, encrypted } : { remoteAddress };
  return { socket, headers } as unknown as IncomingMessage;
}

function addressOf(remoteAddress: string | undefined, forwardedFor?: string): string {
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  return clients.addressOf(requestFrom(remoteAddress, headers));
}

describe('the address of a client', () => {
  it('is that of its connection, whatever a client that is no trusted proxy forwards', () => {
    for (const forwarded of [undefined, '198.51.100.1', '10.0.0.1', '::1']) {
      expect(addressOf('203.0.113.9', forwarded)).toBe('203.0.113.9');
      expect(addressOf('::ffff:203.0.113.9', forwarded)).toBe('203.0.113.9');
      expect(addressOf('2001:db8::9', forwarded)).toBe('2001:db8::9');
      expect(addressOf('192.0.2.2', forwarded)).toBe('192.0.2.2');
    }
  });

  it('is that of its connection for everybody when no proxy is trusted', () => {
    const request = requestFrom('10.0.0.1', { 'x-forwarded-for': '198.51.100.1' });
    expect(new ClientAddresses([]).addressOf(request)).toBe('10.0.0.1');
  });

  it.each([
    ['one entry', '198.51.100.1', '198.51.100.1'],
    ['no header', undefined, '10.0.0.1'],
    ['what the client wrote itself, left of what the proxy saw', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
    ['a chain of trusted proxies', '1.1.1.1, 198.51.100.1, 10.9.9.9,192.0.2.1', '198.51.100.1'],
    ['a chain of trusted IPv6 proxies', '2001:db8::5,fd00::1', '2001:db8::5'],
    ['trusted proxies only', '10.1.1.1, 10.2.2.2', '10.1.1.1'],
    ['a port', '198.51.100.1:4711', '198.51.100.1'],
    ['an IPv6 address in brackets with a port', '[2001:db8::5]:4711', '2001:db8::5'],
    ['an IPv6 address in brackets', '[2001:db8::5]', '2001:db8::5'],
    ['an IPv4 address mapped into IPv6', '::ffff:198.51.100.1', '198.51.100.1'],
    ['a trusted proxy mapped into IPv6', '198.51.100.1, ::ffff:10.0.0.2', '198.51.100.1'],
    ['spaces', '  198.51.100.1  ', '198.51.100.1'],
  ])('behind a trusted proxy, with %s', (_, forwarded, expected) => {
    expect(addressOf('10.0.0.1', forwarded)).toBe(expected);
  });

  it.each([
    ['unknown', '10.0.0.1'],
    ['', '10.0.0.1'],
    [',', '10.0.0.1'],
    ['198.51.100.1,', '10.0.0.1'],
    ['198.51.100.1, unknown', '10.0.0.1'],
    ['198.51.100.1, _hidden, 10.0.0.7', '10.0.0.7'],
    ['198.51.100.1, 10.0.0.7:x', '10.0.0.1'],
    ['198.51.100.300', '10.0.0.1'],
    ['198.51.100.1 10.0.0.7', '10.0.0.1'],
    ['for=198.51.100.1', '10.0.0.1'],
    ['"198.51.100.1"', '10.0.0.1'],
    ['fe80::1%eth0', '10.0.0.1'],
    ['2001:db8::5:4711:::', '10.0.0.1'],
    [`198.51.100.1, ${' '.repeat(200)}10.0.0.7`, '10.0.0.1'],
  ])('is that of the last trusted proxy where the header is malformed: %j', (forwarded, expected) => {
    expect(addressOf('10.0.0.1', forwarded)).toBe(expected);
  });

  it('is looked for behind 16 proxies at most', () => {
    const chain = (proxies: number) => `198.51.100.1${', 10.0.0.2'.repeat(proxies)}`;
    expect(addressOf('10.0.0.1', chain(15))).toBe('198.51.100.1');
    expect(addressOf('10.0.0.1', chain(16))).toBe('10.0.0.2');
  });

  it('is empty when the connection has ended', () => {
    expect(addressOf(undefined)).toBe('');
  });

  it('is always an address, whatever the header, and never one further left than an untrusted one', () => {
    const entry = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constantFrom('10.0.0.2', 'fd00::2', ''));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
        const address = addressOf('10.0.0.1', entries.join(','));
        expect(isIP(address)).not.toBe(0);
        expect(addressOf('10.0.0.1', [...entries, '198.51.100.1'].join(','))).toBe('198.51.100.1');
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the scheme of a client', () => {
  const isSecure = (address: string, headers: IncomingHttpHeaders, encrypted = false) =>
    clients.isSecure(requestFrom(address, headers, encrypted));

  it('is TLS to the gate, or what a trusted proxy says', () => {
    expect(isSecure('203.0.113.9', {}, true)).toBe(true);
    expect(isSecure('203.0.113.9', {})).toBe(false);
    expect(isSecure('10.0.0.1', { 'x-forwarded-proto': 'https' })).toBe(true);
    expect(isSecure('10.0.0.1', { 'x-forwarded-proto': 'http' })).toBe(false);
  });

  it('is not what anybody else says', () => {
    expect(isSecure('203.0.113.9', { 'x-forwarded-proto': 'https' })).toBe(false);
  });
});

describe('the trusted proxies', () => {
  it.each(['10.0.0.0/33', 'fd00::/129', 'localhost', '', '10.0.0/8', '10.0.0.0/x'])(
    'cannot be %j',
    (network) => expect(() => new ClientAddresses([network])).toThrow(),
  );
});
