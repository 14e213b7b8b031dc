import { Pool } from 'undici';

/** Bounds the file descriptors; each transfer under way holds one connection, further requests wait for one. */
const CONNECTIONS_MAX = 512;
const CONNECT_TIMEOUT_MS = 5_000;
/** A registry hashes a blob of 10 GB before it answers its commit; the same time may pass without a byte of a body. */
export const UPSTREAM_TIMEOUT_MS = 300_000;
/** Registries with a registry of their own behind the gate that are remembered; the next one takes the place of the one unused longest. */
export const OWN_UPSTREAMS_MAX = 256;
/** Whoever was not asked for this long is forgotten. Its connections are closed long before, by undici after 4 s of idleness. */
export const UNUSED_MS = 300_000;
const LOOK_FOR_UNUSED_EVERY_MS = 60_000;

/** A registry behind the gate. */
export interface Upstream {
  /** Without user and password. On a unix socket its host is a name of ours. */
  readonly url: URL;
  readonly pool: Pool;
  /** The gate's own credentials for it, as the value of `Authorization`. */
  readonly authorization: string | undefined;
}

interface OwnUpstream extends Upstream {
  usedAtMs: number;
}

/**
 * The connections to the registries behind the gate: to the one that all share, and to those that registries have of their
 * own. Only the shared one gets the gate's credentials, and a transfer under way outlives that its upstream is forgotten.
 */
export class Upstreams {
  readonly #shared: Upstream | undefined;
  /** By origin, the one unused longest first. */
  readonly #own = new Map<string, OwnUpstream>();
  /** Forgotten, with transfers under way. */
  readonly #ending = new Set<Pool>();
  readonly #looking: NodeJS.Timeout;

  /**
   * User name and password in the URL of the shared registry are the gate's own credentials; `unix+http://` names a socket by
   * its percent-encoded path. Throws on a URL with a path or query. `now` is a clock in ms that never goes back.
   */
  constructor(
    shared: URL | undefined,
    private readonly now: () => number = () => performance.now(),
  ) {
    if (shared && ((shared.pathname !== '/' && shared.pathname !== '') || shared.search !== '')) {
      throw new Error('the URL of the registry behind the gate must have no path and no query');
    }
    this.#shared = shared && openShared(shared);
    this.#looking = setInterval(() => this.forgetUnused(), LOOK_FOR_UNUSED_EVERY_MS).unref();
  }

  /** The registry's own upstream, or the shared one where it has none; undefined where there is no shared one either. */
  of(own: URL | undefined): Upstream | undefined {
    if (own === undefined) return this.#shared;
    const known = this.#own.get(own.origin);
    const upstream = known ?? openOwn(own);
    upstream.usedAtMs = this.now();
    if (known) this.#own.delete(own.origin);
    else if (this.#own.size >= OWN_UPSTREAMS_MAX) this.#forget(this.#own.keys().next().value!);
    this.#own.set(own.origin, upstream);
    return upstream;
  }

  /** Forgets the own upstreams that nobody asked for UNUSED_MS; returns how many are left. */
  forgetUnused(): number {
    const usedSince = this.now() - UNUSED_MS;
    for (const [origin, { usedAtMs }] of this.#own) {
      if (usedAtMs > usedSince) break;
      this.#forget(origin);
    }
    return this.#own.size;
  }

  /** Cuts what is still under way. */
  async close(): Promise<void> {
    clearInterval(this.#looking);
    const pools = [...this.#own.values(), ...(this.#shared ? [this.#shared] : [])].map(({ pool }) => pool);
    await Promise.all([...pools, ...this.#ending].map((pool) => pool.destroy()));
  }

  #forget(origin: string): void {
    const { pool } = this.#own.get(origin)!;
    this.#own.delete(origin);
    this.#ending.add(pool);
    // Takes nothing new, and ends when the last of its transfers has; it rejects where close() was quicker.
    void pool.close().then(
      () => this.#ending.delete(pool),
      () => this.#ending.delete(pool),
    );
  }
}

function openShared(url: URL): Upstream {
  const authorization = credentialsOf(url);
  if (url.protocol !== 'unix+http:') {
    const address = new URL(url.origin);
    return { url: address, pool: openPool(address), authorization };
  }
  const address = new URL('http://upstream.invalid/');
  return { url: address, pool: openPool(address, decodeURIComponent(url.host)), authorization };
}

function openOwn({ protocol, origin }: URL): OwnUpstream {
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new Error('a registry’s own upstream is reached by http or https');
  }
  const url = new URL(origin);
  return { url, pool: openPool(url), authorization: undefined, usedAtMs: 0 };
}

function openPool({ origin }: URL, socketPath?: string): Pool {
  return new Pool(origin, {
    ...(socketPath === undefined ? {} : { socketPath }),
    connections: CONNECTIONS_MAX,
    pipelining: 1,
    connectTimeout: CONNECT_TIMEOUT_MS,
    headersTimeout: UPSTREAM_TIMEOUT_MS,
    bodyTimeout: UPSTREAM_TIMEOUT_MS,
  });
}

function credentialsOf({ username, password }: URL): string | undefined {
  if (username === '') return undefined;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}
