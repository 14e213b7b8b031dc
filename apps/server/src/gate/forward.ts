import type { ServerResponse } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Dispatcher } from 'undici';
import type { RegistryRequest, UpstreamTarget } from '#libs/access';
import { answerCatalog, type CatalogErrand } from './catalog.js';
import type { GateLog } from './gate.js';
import { nameForClient } from './name-for-client.js';
import { hasBody, requestHeaders, responseHeaders, type ResponseHeaders } from './proxy-headers.js';
import {
  API_VERSION,
  API_VERSION_HEADER,
  cutWhenUnfinished,
  NO_UPSTREAM,
  OLD_SCHEMA,
  sendRefusal,
  UPSTREAM_DOWN,
  UPSTREAM_REDIRECTS_AWAY,
  UPSTREAM_REFUSES_GATE,
  type Refusal,
} from './refusals.js';
import { relayBody } from './relay-body.js';
import { Upstreams, type Upstream } from './upstreams.js';

/** Manifests of schema 1, signed or not. They carry the repository's name, under a digest or signature that covers it. */
const SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+';

/** What a client asks, and what the registry behind is asked for it. */
export interface Errand {
  readonly asked: RegistryRequest;
  readonly target: UpstreamTarget;
  /** The registry's own registry behind the gate; undefined: the one that all share. */
  readonly upstream: URL | undefined;
}

/** Passes an allowed request on to the registry and its answer back. */
export interface Forwarder {
  forward(request: FastifyRequest, reply: FastifyReply, errand: Errand): void;
  /** Answers with those repositories of the client's registry that its key reaches. */
  catalog(request: FastifyRequest, reply: FastifyReply, errand: CatalogErrand): void;
  /** Cuts what is still under way. */
  close(): Promise<void>;
}

/**
 * The streaming proxy. Bodies pass through in both directions without being collected; a client that goes away aborts the
 * request to the registry, and a registry that goes away mid-answer cuts the client's connection. Nothing is retried: every
 * request to the registry has been decided just before. `shared` is as in upstreams.ts; without it only registries with an
 * upstream of their own are served.
 */
export function createForwarder(shared: URL | undefined, log: GateLog): Forwarder {
  const upstreams = new Upstreams(shared);
  return {
    close: () => upstreams.close(),
    forward(request, reply, errand) {
      const upstream = upstreams.of(errand.upstream);
      if (upstream === undefined) return sendRefusal(request.raw, reply, NO_UPSTREAM);
      new Passage(request, reply, errand, upstream, log).begin();
    },
    catalog(request, reply, errand) {
      const upstream = upstreams.of(errand.upstream);
      if (upstream === undefined) return sendRefusal(request.raw, reply, NO_UPSTREAM);
      void answerCatalog(request, reply, errand, upstream, log);
    },
  };
}

/** One request on its way to the registry and back. */
class Passage {
  constructor(
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly errand: Errand,
    private readonly upstream: Upstream,
    private readonly log: GateLog,
  ) {}

  begin(): void {
    const { raw } = this.request;
    const { asked, target } = this.errand;
    const abort = new AbortController();
    this.reply.raw.once('close', () => abort.abort());
    let body: Readable | null = null;
    if (hasBody(raw)) {
      if (raw.headers.expect !== undefined) this.reply.raw.writeContinue();
      body = relayBody(raw);
      cutWhenUnfinished(raw, this.reply.raw);
    }
    const { url, pool, authorization } = this.upstream;
    const options = {
      method: raw.method as Dispatcher.HttpMethod,
      path: target.path + target.query,
      headers: requestHeaders(this.request, asked, url.host, authorization),
      body,
      signal: abort.signal,
    };
    pool.request(options, (error, answer) => {
      if (error) this.#failed(error);
      else this.#answered(answer);
    });
  }

  #answered({ statusCode, headers: upstreamHeaders, body }: Dispatcher.ResponseData): void {
    const { asked, target } = this.errand;
    const { raw: response } = this.reply;
    // The gate may have answered by itself: it does when it must end.
    if (this.reply.sent) return void body.on('error', () => {}).destroy();
    const url = new URL(target.path, this.upstream.url);
    const answer = responseHeaders(upstreamHeaders, url, target.prefix, this.request.raw.headers.host);
    const refusal = refusalOfAnswer(statusCode, answer);
    if (refusal !== undefined) {
      body.on('error', () => {}).destroy();
      const about = { status: statusCode, ...this.#where() };
      this.log.warn(about, 'the answer of the registry behind the gate is not passed on');
      return sendRefusal(this.request.raw, this.reply, refusal);
    }
    const headers = { ...answer.headers, [API_VERSION_HEADER]: API_VERSION };
    // Blobs and manifests pass untouched, by the byte; a list of tags and an error name the repository.
    const renamed = target.prefix !== '' && (asked.kind === 'tags' || statusCode >= 400);
    if (renamed) delete headers['content-length'];
    this.reply.hijack();
    response.writeHead(statusCode, headers);
    sendHeaders(response);
    // Whichever side goes away takes the other with it: the client then sees a cut, since it was told the length or waits for
    // the last chunk.
    pipeline(renamed ? nameForClient(body, target) : body, response, () => {});
  }

  #failed(error: Error): void {
    if (this.reply.raw.destroyed) return;
    this.log.warn({ error: error.message, ...this.#where() }, 'the registry behind the gate does not answer');
    sendRefusal(this.request.raw, this.reply, UPSTREAM_DOWN);
  }

  #where(): object {
    const { action, repository } = this.errand.asked;
    return { action, repository };
  }
}

/**
 * At once, so that a status arrives also where no body follows, but in one piece with a body that is already there. Not by
 * `flushHeaders`: that writes them in UTF-8, while every other way writes the bytes that came in.
 */
function sendHeaders(response: ServerResponse): void {
  const { socket } = response;
  socket?.cork();
  response.write('', 'latin1');
  setImmediate(() => socket?.uncork());
}

/** A redirect to a place that the gate does not guard would go on working after the key is revoked. */
function refusalOfAnswer(status: number, { location, headers }: ResponseHeaders): Refusal | undefined {
  if (status === 401 || status === 407) return UPSTREAM_REFUSES_GATE;
  // No status of HTTP (RFC 9110, section 15); undici swallows those below 200.
  if (status > 599) return UPSTREAM_DOWN;
  if (headers['content-type']?.startsWith(SCHEMA_1) && status < 400) return OLD_SCHEMA;
  const away = location === 'other-path' || (location === 'other-host' && status >= 300 && status < 400);
  return away ? UPSTREAM_REDIRECTS_AWAY : undefined;
}
