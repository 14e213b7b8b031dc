import { UPSTREAM_TIMEOUT_MS } from './upstreams.js';

/** What the gate grants to clients of whom it knows nothing yet. Tests shorten the times. */
export interface GateLimits {
  /** A client that needs longer for its TLS handshake is stalling. */
  readonly handshakeTimeoutMs: number;
  /** The same for its request line and headers, counted from the connection or from the end of the request before. */
  readonly headersTimeoutMs: number;
  /** How often Node looks for connections past `headersTimeoutMs`. */
  readonly lookForStalledEveryMs: number;
  /** A connection without a byte in either direction. */
  readonly idleTimeoutMs: number;
  /** Between two requests. */
  readonly keepAliveTimeoutMs: number;
  /** For a PROXY protocol header. */
  readonly proxyHeaderTimeoutMs: number;
  /** Connections at a time; further ones are closed as they come. */
  readonly connectionsMax: number;
}

export const GATE_LIMITS: GateLimits = {
  handshakeTimeoutMs: 10_000,
  headersTimeoutMs: 15_000,
  lookForStalledEveryMs: 1_000,
  // Longer than the registry may take to answer a commit.
  idleTimeoutMs: UPSTREAM_TIMEOUT_MS + 30_000,
  // Longer than the 60 s for which common proxies keep idle connections, so that they close first.
  keepAliveTimeoutMs: 72_000,
  proxyHeaderTimeoutMs: 5_000,
  // An idle one takes 12 KB, so 120 MB in all; and the registry behind needs file descriptors, too.
  connectionsMax: 10_000,
};

/** Request line and headers together. Docker sends less than 2 KB, a key in both fields included. */
export const HEADER_BYTES_MAX = 16_384;
/** Docker sends 6 and a chain of proxies some 20. Node drops what is beyond its own limit without a word, so ours is below. */
export const HEADERS_MAX = 100;
