import { isSlug } from './registry-names.js';

/** RFC 1035 allows names of 253 characters; brackets, a port and a trailing dot come on top. */
const HOST_LENGTH_MAX = 262;
const HOST = /^(?:(\[[0-9a-f:.]+\])|([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)\.?)(?::\d{0,5})?$/;

/**
 * The name in a `Host` header: lower-cased, without port and trailing dot, an IPv6 address in its brackets.
 * undefined when it is no single host name or address (two values, spaces, a path, user information, non-ASCII).
 */
export function normalizeHost(value: string): string | undefined {
  if (value.length > HOST_LENGTH_MAX) return undefined;
  const match = HOST.exec(value.toLowerCase());
  return match ? (match[1] ?? match[2]) : undefined;
}

/**
 * Which registry (`reg_…`) answers on which host: `<slug>.<registryDomain>`, and the hosts that were added. Only an exact
 * match counts; there is no default. The first registry that got a host keeps it (reservations in the log make hosts unique;
 * this holds even if they failed), and no added host stands where the slug of another registry could.
 *
 * It also owns the registries' prefixes: the repositories of a registry stand under `<slug>/` in the one store behind the
 * gate. No two registries have the same prefix, and none is the beginning of another's, since a slug has no slash.
 */
export class Hosts {
  readonly #suffix: string;
  readonly #registries = new Map<string, string>();
  readonly #prefixes = new Map<string, string>();

  /** `registryDomain` such as `registry.example.com`; throws when it is no host name. */
  constructor(registryDomain: string) {
    const domain = normalizeHost(registryDomain);
    if (domain === undefined) throw new Error(`not a domain: ${registryDomain}`);
    this.#suffix = `.${domain}`;
  }

  /** A text that is no slug, and a slug that another registry has, give neither host nor prefix. */
  addSlug(slug: string, registry: string): void {
    if (!isSlug(slug)) return;
    const host = normalizeHost(slug + this.#suffix);
    this.#add(host, registry);
    const isHolder = host !== undefined && this.#registries.get(host) === registry;
    if (isHolder && !this.#prefixes.has(registry)) this.#prefixes.set(registry, `${slug}/`);
  }

  addHost(host: string, registry: string): void {
    const name = normalizeHost(host);
    if (!name?.endsWith(this.#suffix)) this.#add(name, registry);
  }

  /** Frees a host that was added to the registry. That of a slug stays, and so does one that another registry has. */
  removeHost(host: string, registry: string): void {
    const name = normalizeHost(host);
    if (name === undefined || name.endsWith(this.#suffix)) return;
    if (this.#registries.get(name) === registry) this.#registries.delete(name);
  }

  /** The registry that answers on the host named by a `Host` header; undefined for an unknown or malformed one. */
  registryOf(hostHeader: string | undefined): string | undefined {
    if (hostHeader === undefined) return undefined;
    const name = normalizeHost(hostHeader);
    return name === undefined ? undefined : this.#registries.get(name);
  }

  /** `<slug>/` of the registry, or undefined when it has no slug of its own. */
  prefixOf(registry: string): string | undefined {
    return this.#prefixes.get(registry);
  }

  #add(host: string | undefined, registry: string): void {
    if (host !== undefined && !this.#registries.has(host)) this.#registries.set(host, registry);
  }
}
