import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RegistryRequest } from '#libs/access';
import type { GateLog } from './gate.js';
import { requestHeaders } from './proxy-headers.js';
import {
  API_VERSION,
  API_VERSION_HEADER,
  BAD_PAGE,
  NO_CATALOG,
  sendRefusal,
  TOO_MANY_OTHERS,
  UPSTREAM_BUSY,
  UPSTREAM_DOWN,
  UPSTREAM_REFUSES_GATE,
  type Refusal,
} from './refusals.js';
import type { Upstream } from './upstreams.js';

/** How many repositories an answer names, and a page of the registry behind: what the reference implementation allows and assumes. */
const ENTRIES_MAX = 1_000;
const ENTRIES_DEFAULT = 100;
/** Pages that the registry behind is asked for one answer; it may walk its whole store for each. */
export const PAGES_MAX = 32;
/** 1,000 names of 255 characters take 256 KB; the rest is for a registry that sends more than it is asked for. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;

const PAGE_SIZE = /^[1-9]\d{0,3}$/;
/** What a repository name consists of; where a page begins need not be the name of one. */
const POSITION = /^[a-z0-9._/-]{1,255}$/;
/** A name with a component, after the first, that begins with a digit; the group is what stands before the first such one. */
const BELOW_A_DIGIT = /^(.+?)\/\d/;

/** What a client of a registry may be told of the repositories in the store behind the gate. */
export interface CatalogErrand {
  readonly asked: RegistryRequest;
  /** Before every name of the client's registry in that store; may be empty. */
  readonly prefix: string;
  /** As in forward.ts. */
  readonly upstream: URL | undefined;
  /** Whether the client's key reaches the repository, called as the client calls it. */
  readonly reaches: (repository: string) => boolean;
}

interface Paging {
  readonly entries: number;
  /** The client's name for the repository after which the page begins. */
  readonly last: string | undefined;
}

interface Page {
  readonly names: readonly string[];
  readonly more: boolean;
}

/** The registry behind does not give what a page could be made of; the refusal is what the client is told. */
class CatalogFailure extends Error {
  constructor(
    readonly refusal: Refusal,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Answers `GET /v2/_catalog?n=&last=` (distribution's "Listing Repositories") with the repositories of one registry that one
 * key reaches, in the order of the registry behind. In memory are at most one page of that registry and the answer.
 */
export async function answerCatalog(
  request: FastifyRequest,
  reply: FastifyReply,
  errand: CatalogErrand,
  upstream: Upstream,
  log: GateLog,
): Promise<void> {
  const paging = readPaging(errand.asked.query);
  if (paging === undefined) return sendRefusal(request.raw, reply, BAD_PAGE);
  const abort = new AbortController();
  reply.raw.once('close', () => abort.abort());
  const { host } = upstream.url;
  const headers = requestHeaders(request, errand.asked, host, upstream.authorization);
  const catalog = new UpstreamCatalog(upstream, headers, abort.signal);
  try {
    const page = await collect(catalog, paging, errand);
    if (!reply.sent) sendPage(reply, paging, page);
  } catch (error) {
    if (reply.sent || reply.raw.destroyed) return;
    const { message } = error as Error;
    log.warn({ error: message, action: 'catalog' }, 'the registry behind the gate lists no repositories');
    sendRefusal(request.raw, reply, error instanceof CatalogFailure ? error.refusal : UPSTREAM_DOWN);
  }
}

function sendPage(reply: FastifyReply, { entries }: Paging, { names, more }: Page): void {
  reply.header(API_VERSION_HEADER, API_VERSION).header('content-type', 'application/json; charset=utf-8');
  if (more) {
    const last = encodeURIComponent(names.at(-1)!);
    reply.header('link', `</v2/_catalog?last=${last}&n=${entries}>; rel="next"`);
  }
  reply.send(JSON.stringify({ repositories: names }));
}

/** Undefined where the client asks for no page that there could be, and where it could mean two. */
function readPaging(query: string): Paging | undefined {
  const parameters = new URLSearchParams(query);
  const [sizes, positions] = [parameters.getAll('n'), parameters.getAll('last')];
  if (sizes.length > 1 || positions.length > 1) return undefined;
  const [size = String(ENTRIES_DEFAULT)] = sizes;
  const last = positions[0] === '' ? undefined : positions[0];
  if (!PAGE_SIZE.test(size) || Number(size) > ENTRIES_MAX) return undefined;
  if (last !== undefined && !POSITION.test(last)) return undefined;
  return { entries: Number(size), last };
}

/**
 * Walks the store behind from the client's position until the page is full and one more is known, or the registry's part of
 * the store ends: in distribution's order, which takes `/` for the least of all characters, the names under a prefix follow
 * one another. Where PAGES_MAX is reached, the page ends with what was found; the client goes on from there.
 */
async function collect(
  catalog: UpstreamCatalog,
  { entries, last }: Paging,
  { prefix, reaches }: CatalogErrand,
): Promise<Page> {
  const names: string[] = [];
  let page = await (last === undefined ? catalog.from(prefix) : catalog.after(prefix, last));
  for (;;) {
    for (const name of page.names) {
      if (!name.startsWith(prefix)) return { names, more: false };
      const clientName = name.slice(prefix.length);
      if (!reaches(clientName)) continue;
      if (names.length === entries) return { names, more: true };
      names.push(clientName);
    }
    const position = page.names.at(-1)?.slice(prefix.length);
    if (!page.more || position === undefined) return { names, more: false };
    if (catalog.isExhausted) {
      if (names.length > 0) return { names, more: true };
      throw new CatalogFailure(TOO_MANY_OTHERS, `the key reaches nothing on ${PAGES_MAX} pages`);
    }
    page = await catalog.after(prefix, position);
  }
}

/** The list of repositories of the registry behind the gate, page by page. */
class UpstreamCatalog {
  #pages = 0;
  #entries = ENTRIES_MAX;

  constructor(
    private readonly upstream: Upstream,
    private readonly headers: Record<string, string>,
    private readonly signal: AbortSignal,
  ) {}

  get isExhausted(): boolean {
    return this.#pages >= PAGES_MAX;
  }

  /** The first page under the prefix. */
  from(prefix: string): Promise<Page> {
    return this.#ask(prefix);
  }

  /**
   * What the registry lists after `prefix + name`. Distribution lists `a/1` before `a`, and `a` before `a/b`, but compares
   * what follows `last` in an order in which `a` comes first: with `last=a/1` it leaves `a` out, with `last=a` it lists `a/1`
   * again. So it is asked from just before the name, or that of its parent, and what was listed before is dropped. Where the
   * name is not on that page (it was deleted, or more than a page of names stands below the parent), `last` decides alone.
   */
  async after(prefix: string, name: string): Promise<Page> {
    const parent = BELOW_A_DIGIT.exec(name)?.[1] ?? name;
    const page = await this.#ask(justBefore(prefix + parent));
    const rest = behind(page, prefix + name);
    if (rest !== undefined && (rest.names.length > 0 || !rest.more)) return rest;
    const next = await this.#ask(prefix + name);
    return behind(next, prefix + name) ?? next;
  }

  async #ask(last: string): Promise<Page> {
    for (;;) {
      this.#pages++;
      const query = `?n=${this.#entries}${last === '' ? '' : `&last=${encodeURIComponent(last)}`}`;
      const { pool } = this.upstream;
      const { headers, signal } = this;
      const options = { method: 'GET', path: `/v2/_catalog${query}`, headers, signal } as const;
      const { statusCode, headers: answer, body } = await pool.request(options);
      if (statusCode === 200) {
        const names = await readNames(body);
        // Distribution forgets the link of some full pages.
        return { names, more: answer['link'] !== undefined || names.length >= this.#entries };
      }
      body.on('error', () => {}).destroy();
      // Less than this at once is all that distribution refuses here with 400, where its `catalog.maxentries` is set.
      if (statusCode !== 400 || this.#entries === 1 || this.isExhausted) throw failureOf(statusCode, answer);
      this.#entries = this.#entries >> 1;
    }
  }
}

/** The page from behind the name on; undefined where the name is not on it. */
function behind({ names, more }: Page, name: string): Page | undefined {
  const at = names.indexOf(name);
  return at === -1 ? undefined : { names: names.slice(at + 1), more };
}

/** A text that no name lies between and the one given, neither in distribution's order nor in that of the bytes. */
function justBefore(name: string): string {
  return `${name.slice(0, -1)}${String.fromCharCode(name.charCodeAt(name.length - 1) - 1)}~`;
}

async function readNames(body: AsyncIterable<Buffer>): Promise<string[]> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > PAGE_BYTES_MAX) throw new Error('the list of repositories is too long');
    chunks.push(chunk);
  }
  const { repositories } = JSON.parse(Buffer.concat(chunks).toString()) as { repositories?: unknown };
  // Go writes an empty list as null where nothing was ever put into it.
  const names: unknown = repositories ?? [];
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  throw new Error('this is no list of repositories');
}

function failureOf(status: number, { location }: IncomingHttpHeaders): CatalogFailure {
  const message = `status ${status}${location === undefined ? '' : ' with a location'}`;
  if (status === 401 || status === 407) return new CatalogFailure(UPSTREAM_REFUSES_GATE, message);
  if (status === 429 || status === 503) return new CatalogFailure(UPSTREAM_BUSY, message);
  const isMissing = status >= 400 && status < 500;
  return new CatalogFailure(isMissing ? NO_CATALOG : UPSTREAM_DOWN, message);
}
