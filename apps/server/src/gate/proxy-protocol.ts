import type { Socket } from 'node:net';
import { canonicalAddress } from './client-network.js';

/*
 * The receiving side of the PROXY protocol, version 2 ("The PROXY protocol, versions 1 & 2", HAProxy Technologies,
 * doc/proxy-protocol.txt in its sources, section 2.2): 12 bytes of signature, version and command, family and transport, the
 * length of what follows, then addresses and further fields.
 */

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_BYTES = 16;
/** Addresses take 216 bytes at most. The rest is for further fields, of which a client certificate's name is the longest. */
const PROXY_BLOCK_BYTES_MAX = 4_096;

const VERSION_2 = 0x2;
const LOCAL = 0x0;
const PROXY = 0x1;
/** By address family: how long the addresses and ports of one connection are. */
const ADDRESS_BYTES = [0, 12, 36, 216] as const;
const INET = 0x1;
const INET6 = 0x2;
/** 0 = unspecified, 1 = stream, 2 = datagram: all are sent by proxies, for clients that reach them in other ways than TCP. */
const TRANSPORT_MAX = 0x2;

/** What stands in front of the connection. */
interface ProxyHeader {
  /** The client's address, canonical; undefined: the proxy speaks for itself, or knows no IP address. */
  readonly source: string | undefined;
}

/**
 * Reads the header in front of a connection just accepted, and leaves every byte after it unread. `done` is called once, with
 * undefined where the connection has to be dropped: another signature, version or command, a header too long or too short for
 * its family, one that is not there within `timeoutMs`, an end in the middle of it.
 */
export function readProxyHeader(
  socket: Socket,
  timeoutMs: number,
  done: (header: ProxyHeader | undefined) => void,
): void {
  let fixed: Buffer | undefined;
  const finish = (header: ProxyHeader | undefined): void => {
    clearTimeout(timer);
    socket.off('readable', read).off('end', drop).off('close', drop).off('error', drop);
    done(header);
  };
  const drop = (): void => finish(undefined);
  const read = (): void => {
    fixed ??= (socket.read(FIXED_BYTES) as Buffer | null) ?? undefined;
    if (fixed === undefined) return;
    const length = blockLength(fixed);
    if (length === undefined) return drop();
    const block = length === 0 ? Buffer.alloc(0) : (socket.read(length) as Buffer | null);
    if (block !== null) finish(block.length === length ? headerOf(fixed, block) : undefined);
  };
  const timer = setTimeout(drop, timeoutMs);
  socket.on('readable', read).on('end', drop).on('close', drop).on('error', drop);
}

/** How many bytes follow; undefined when this is no header of version 2. */
function blockLength(fixed: Buffer): number | undefined {
  if (fixed.length < FIXED_BYTES || !fixed.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return undefined;
  const versionAndCommand = fixed[12]!;
  const command = versionAndCommand & 0xf;
  if (versionAndCommand >> 4 !== VERSION_2 || (command !== LOCAL && command !== PROXY)) return undefined;
  const length = fixed.readUInt16BE(14);
  return length <= PROXY_BLOCK_BYTES_MAX ? length : undefined;
}

/** Of a local connection (a proxy's health check) everything but the length is to be ignored. */
function headerOf(fixed: Buffer, block: Buffer): ProxyHeader | undefined {
  if ((fixed[12]! & 0xf) === LOCAL) return { source: undefined };
  const family = fixed[13]! >> 4;
  const transport = fixed[13]! & 0xf;
  const addressBytes = ADDRESS_BYTES[family];
  if (addressBytes === undefined || transport > TRANSPORT_MAX || block.length < addressBytes)
    return undefined;
  if (transport === 0 || (family !== INET && family !== INET6)) return { source: undefined };
  return { source: family === INET ? block.subarray(0, 4).join('.') : ipv6(block) };
}

/** The address in the first 16 bytes. */
function ipv6(block: Buffer): string | undefined {
  const groups = Array.from({ length: 8 }, (_, index) => block.readUInt16BE(2 * index).toString(16));
  return canonicalAddress(groups.join(':'));
}
