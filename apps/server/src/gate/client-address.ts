import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { canonicalAddress } from './client-network.js';

/** So many proxies in a row are believed; what stands further left in the header is not looked at. */
const HOPS_MAX = 16;
/** `[` and 39 characters of an IPv6 address, `]:`, a port and spaces. */
const ENTRY_LENGTH_MAX = 64;
/** An address as proxies write it: bare, or with a port, which an IPv6 address has only behind brackets. */
const ENTRY = /^(?:(\d[\d.]+)(?::\d{1,5})?|\[([\da-f:.]+)\](?::\d{1,5})?|([\da-f:.]*:[\da-f:.]*))$/i;

const PEER = Symbol('peer');

/** Who is at the other end of a connection. */
interface Peer {
  /** Canonical; empty when the connection has ended. */
  readonly address: string;
  /** Its forwarded headers count. */
  readonly isTrusted: boolean;
}

type KnownSocket = (Socket | TLSSocket) & { [PEER]?: Peer };

/**
 * Tells who a request comes from. That is the address at the other end of the connection (or the one in its PROXY protocol
 * header), unless it belongs to a trusted proxy. Then it is the right-most address of `X-Forwarded-For` that is no trusted
 * proxy's: each proxy writes on the right whom it saw, so what a client wrote itself stands left of that and never counts.
 */
export class ClientAddresses {
  readonly #trusted = new BlockList();

  /** `trustedProxies`: networks (`10.0.0.0/8`, `fd00::/8`) and single addresses. Throws on anything else. */
  constructor(trustedProxies: readonly string[]) {
    for (const network of trustedProxies) {
      const [address, prefix] = network.split('/') as [string, string?];
      const version = isIP(address);
      if (version === 0) throw new Error(`not a network: ${network}`);
      const bits = prefix === undefined ? (version === 4 ? 32 : 128) : Number(prefix);
      this.#trusted.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6');
    }
  }

  /** Whether this canonical address is a trusted proxy's. */
  isTrusted(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#trusted.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }

  /** Whether a trusted proxy is at the other end of a connection. */
  isFromTrusted(socket: Socket): boolean {
    return this.#peerOf(socket).isTrusted;
  }

  /**
   * Says what a trusted proxy named in front of a connection: the client's address, or none (undefined). Without one the
   * proxy's own address counts, and no header does: it may have been written by the unknown client.
   */
  standsFor(socket: Socket, source: string | undefined): void {
    const peer = this.#peerOf(socket);
    (socket as KnownSocket)[PEER] =
      source === undefined
        ? { address: peer.address, isTrusted: false }
        : { address: source, isTrusted: this.isTrusted(source) };
  }

  /** Says that a TLS connection stands for the same client as the connection that carries it. */
  isCarriedBy(secure: TLSSocket, carrier: Socket): void {
    (secure as KnownSocket)[PEER] = this.#peerOf(carrier);
  }

  /** The client's address, canonical; empty when its connection has ended. */
  addressOf({ socket, headers }: IncomingMessage): string {
    const peer = this.#peerOf(socket);
    const forwarded = peer.isTrusted ? headers['x-forwarded-for'] : undefined;
    return typeof forwarded === 'string' ? this.#forwardedFor(forwarded, peer.address) : peer.address;
  }

  /** Whether the client speaks TLS: to the gate, or to a trusted proxy that says so. */
  isSecure({ socket, headers }: IncomingMessage): boolean {
    if ('encrypted' in socket) return true;
    return this.#peerOf(socket).isTrusted && headers['x-forwarded-proto'] === 'https';
  }

  #peerOf(socket: KnownSocket): Peer {
    return (socket[PEER] ??= this.#lookUp(socket));
  }

  #lookUp({ remoteAddress }: Socket): Peer {
    const address = canonicalAddress(remoteAddress ?? '') ?? '';
    return { address, isTrusted: this.isTrusted(address) };
  }

  /** A malformed entry ends the walk: the address left of a trusted proxy is then unknown, and the proxy's own counts. */
  #forwardedFor(header: string, peer: string): string {
    let address = peer;
    let end = header.length;
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const comma = header.lastIndexOf(',', end - 1);
      const entry = addressIn(header.slice(comma + 1, end));
      if (entry === undefined) return address;
      address = entry;
      if (comma <= 0 || !this.isTrusted(address)) return address;
      end = comma;
    }
    return address;
  }
}

function addressIn(entry: string): string | undefined {
  if (entry.length > ENTRY_LENGTH_MAX) return undefined;
  const match = ENTRY.exec(entry.trim());
  const text = match?.[1] ?? match?.[2] ?? match?.[3];
  return text === undefined ? undefined : canonicalAddress(text);
}
