import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Certificate } from './certificate.js';
import type { ClientAddresses } from './client-address.js';
import type { GateLog } from './gate.js';
import { HEADER_BYTES_MAX, type GateLimits } from './limits.js';
import { readProxyHeader } from './proxy-protocol.js';

export interface ListenerOptions {
  readonly clients: ClientAddresses;
  /** undefined: the gate speaks plain HTTP. */
  readonly certificate: Certificate | undefined;
  /** Every connection begins with a PROXY protocol header, in front of TLS. */
  readonly proxyProtocol: boolean;
  readonly limits: GateLimits;
  readonly log: GateLog;
  /** Answers what Node's parser could not read as a request. */
  readonly onClientError: (error: Error & { code?: string }, connection: Socket) => void;
}

type Accept = (socket: Socket) => void;

/** The gate's way from a connection to HTTP. It owns the connections until they end. */
export class Listener {
  /** Fastify opens a second one when it is to listen on `localhost`. */
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Socket>();
  /** By `endsOf`: the connections that had a PROXY protocol header and are to speak TLS. */
  readonly #carriers = new Map<string, Socket>();

  constructor(private readonly options: ListenerOptions) {}

  /** A server that does not listen yet. */
  open(handler: RequestListener): Server {
    const { certificate, limits, onClientError, proxyProtocol } = this.options;
    const settings = {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.lookForStalledEveryMs,
      // An upload may take hours; a stalled one ends by the idle timeout.
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
    };
    const server = certificate
      ? createTlsServer(
          { ...settings, ...certificate.identity, handshakeTimeout: limits.handshakeTimeoutMs },
          handler,
        )
      : createServer(settings, handler);
    server.setTimeout(limits.idleTimeoutMs);
    server.maxConnections = limits.connectionsMax;
    server.on('clientError', onClientError);
    // Without this, Node invites the body before the decision.
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      server.emit('request', request, response);
    });
    if (proxyProtocol) this.#requireProxyHeader(server);
    server.prependListener('connection', (socket: Socket) => this.#track(socket));
    this.#servers.push(server);
    return server;
  }

  /** Makes the servers use the certificate's new versions. */
  followCertificate(): void {
    this.options.certificate?.follow((identity) => {
      for (const server of this.#servers) (server as TlsServer).setSecureContext(identity);
    });
  }

  /** Closes the connections on which nothing has begun, and nothing is under way. */
  closeIdle(): void {
    for (const server of this.#servers) server.closeIdleConnections();
    for (const connection of this.#connections) if (connection.bytesRead === 0) connection.destroy();
  }

  /** Ends every connection, also those that are not at HTTP yet. */
  cut(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  #track(socket: Socket): void {
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
  }

  /** Takes the place of Node's own listeners, which begin with TLS or HTTP, and calls them behind the header. */
  #requireProxyHeader(server: Server): void {
    const begin = server.listeners('connection') as Accept[];
    server.removeAllListeners('connection');
    server.on('connection', (socket) =>
      this.#admit(socket, () => begin.forEach((accept) => accept.call(server, socket))),
    );
    server.prependListener('secureConnection', (secure: TLSSocket) => {
      const carrier = this.#carriers.get(endsOf(secure));
      if (carrier === undefined) secure.destroy();
      else this.options.clients.isCarriedBy(secure, carrier);
    });
  }

  #admit(socket: Socket, begin: () => void): void {
    const { clients, limits, log } = this.options;
    const refuse = (why: string): void => {
      log.debug({ proxy: socket.remoteAddress }, why);
      socket.destroy();
    };
    if (!clients.isFromTrusted(socket)) return refuse('a connection from no trusted proxy was closed');
    readProxyHeader(socket, limits.proxyHeaderTimeoutMs, (header) => {
      if (header === undefined) return refuse('a connection without a PROXY protocol header was closed');
      clients.standsFor(socket, header.source);
      if (this.options.certificate !== undefined) this.#carry(socket);
      begin();
    });
  }

  #carry(socket: Socket): void {
    const ends = endsOf(socket);
    this.#carriers.set(ends, socket);
    // By then a new connection may have the same ends.
    socket.once('close', () => this.#carriers.get(ends) === socket && this.#carriers.delete(ends));
  }
}

type TlsServer = ReturnType<typeof createTlsServer>;

/** No two connections that are open at the same time have the same ends. Node shows no way from a TLS socket to the one below. */
function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
