import { AsyncLocalStorage } from 'node:async_hooks';
import type { Readable } from 'node:stream';
import replyFrom from '@fastify/reply-from';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Pool, type Dispatcher } from 'undici';
import type { RegistryRequest, UpstreamTarget } from '#libs/access';
import type { GateLog } from './gate.js';
import { nameForClient } from './name-for-client.js';
import { hasBody, requestHeaders, responseHeaders, type ResponseHeaders } from './proxy-headers.js';
import {
  API_VERSION,
  API_VERSION_HEADER,
  cutWhenUnfinished,
  OLD_SCHEMA,
  sendRefusal,
  UPSTREAM_DOWN,
  UPSTREAM_REDIRECTS_AWAY,
  UPSTREAM_REFUSES_GATE,
  type Refusal,
} from './refusals.js';
import { relayBody } from './relay-body.js';

/** Bounds the file descriptors; each transfer under way holds one connection, further requests wait for one. */
const UPSTREAM_CONNECTIONS_MAX = 512;
const CONNECT_TIMEOUT_MS = 5_000;
/** A registry hashes a blob of 10 GB before it answers its commit; the same time may pass without a byte of a body. */
export const UPSTREAM_TIMEOUT_MS = 300_000;

/** Manifests of schema 1, signed or not. They carry the repository's name, under a digest or signature that covers it. */
const SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+';

/** What a client asks, and what the registry behind is asked for it. */
export interface Errand {
  readonly asked: RegistryRequest;
  readonly target: UpstreamTarget;
}

/** Passes an allowed request on to the registry and its answer back. */
export interface Forwarder {
  forward(request: FastifyRequest, reply: FastifyReply, errand: Errand): void;
  /** Cuts what is still under way. */
  close(): Promise<void>;
}

/**
 * Registers the streaming proxy. Bodies pass through in both directions without being collected; a client that goes away
 * aborts the request to the registry, and a registry that goes away mid-answer cuts the client's connection. Nothing is
 * retried: every request to the registry has been decided just before. Throws on an upstream URL with a path or query.
 * User name and password in the URL are the gate's own credentials for the registry; `unix+http://` names a socket.
 */
export function createForwarder(fastify: FastifyInstance, upstream: URL, log: GateLog): Forwarder {
  if (upstream.pathname !== '/' || upstream.search !== '') {
    throw new Error('the URL of the registry behind the gate must have no path and no query');
  }
  const { address, socketPath } = reach(upstream);
  const pool = new Pool(address.origin, {
    ...(socketPath === undefined ? {} : { socketPath }),
    connections: UPSTREAM_CONNECTIONS_MAX,
    pipelining: 1,
    connectTimeout: CONNECT_TIMEOUT_MS,
    headersTimeout: UPSTREAM_TIMEOUT_MS,
    bodyTimeout: UPSTREAM_TIMEOUT_MS,
  });
  const abortSignals = new AsyncLocalStorage<AbortSignal>();
  const request = (
    options: Dispatcher.RequestOptions,
    done: (error: Error | null, data: Dispatcher.ResponseData) => void,
  ) => {
    const signal = abortSignals.getStore();
    pool.request(signal === undefined ? options : { ...options, signal }, done);
  };
  void fastify.register(replyFrom, {
    base: address.origin,
    undici: { request: request as Dispatcher['request'] },
    disableCache: true,
    disableRequestLogging: true,
  });
  const authorization = gateCredentials(upstream);
  return {
    close: () => pool.destroy(),
    forward(request, reply, errand) {
      const abort = new AbortController();
      reply.raw.once('close', () => abort.abort());
      if (hasBody(request.raw)) {
        if (request.raw.headers.expect !== undefined) reply.raw.writeContinue();
        request.body = relayBody(request.raw);
        cutWhenUnfinished(request.raw, reply.raw);
      }
      const passage = new Passage(request, reply, errand, log, address, authorization);
      abortSignals.run(abort.signal, () => reply.from(errand.target.path, passage.hooks()));
    },
  };
}

/** `unix+http://<percent-encoded path>/` is a registry on a unix socket; what it sees as its host is then a name of ours. */
function reach(upstream: URL): { address: URL; socketPath?: string } {
  if (upstream.protocol !== 'unix+http:') return { address: upstream };
  return { address: new URL('http://upstream.invalid/'), socketPath: decodeURIComponent(upstream.host) };
}

/** One request on its way to the registry and back. */
class Passage {
  #answer: ResponseHeaders | undefined;

  constructor(
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly errand: Errand,
    private readonly log: GateLog,
    private readonly upstream: URL,
    private readonly authorization: string | undefined,
  ) {}

  hooks(): NonNullable<Parameters<FastifyReply['from']>[1]> {
    const { raw } = this.request;
    const { asked, target } = this.errand;
    return {
      queryString: () => target.query.slice(1),
      retryDelay: () => null,
      rewriteRequestHeaders: () => requestHeaders(raw, asked, this.upstream.host, this.authorization),
      rewriteHeaders: (headers) => {
        const url = new URL(target.path, this.upstream);
        this.#answer = responseHeaders(headers, url, target.prefix, raw.headers.host);
        return this.#answer.headers;
      },
      onResponse: (_request, _reply, response) => this.#answered(response),
      onError: (_reply, { error }) => this.#failed(error),
    };
  }

  #answered({ statusCode, stream }: UpstreamResponse): void {
    const refusal = refusalOfAnswer(statusCode, this.#answer!);
    if (refusal !== undefined) {
      stream.on('error', () => {}).destroy();
      this.log.warn(
        { status: statusCode, ...this.#where() },
        'the answer of the registry behind the gate is not passed on',
      );
      return this.#refuse(refusal);
    }
    // The library closes the connection of an unfinished upload at once; cutWhenUnfinished does it when the answer was read.
    this.reply.removeHeader('connection');
    this.reply.header(API_VERSION_HEADER, API_VERSION).send(this.#body(statusCode, stream));
  }

  /** Blobs and manifests pass untouched, by the byte; a list of tags and an error name the repository, and get the client's name. */
  #body(status: number, stream: Readable): Readable {
    const { asked, target } = this.errand;
    if (asked.kind !== 'tags' && status < 400) return stream;
    this.reply.removeHeader('content-length');
    return nameForClient(stream, target);
  }

  #failed(error: Error): void {
    if (this.reply.raw.destroyed) return;
    this.log.warn({ error: error.message, ...this.#where() }, 'the registry behind the gate does not answer');
    this.#refuse(UPSTREAM_DOWN);
  }

  #refuse(refusal: Refusal): void {
    for (const name of Object.keys(this.reply.getHeaders())) this.reply.removeHeader(name);
    sendRefusal(this.request.raw, this.reply, refusal);
  }

  #where(): object {
    const { action, repository } = this.errand.asked;
    return { action, repository };
  }
}

interface UpstreamResponse {
  readonly statusCode: number;
  readonly stream: Readable;
}

/** A redirect to a place that the gate does not guard would go on working after the key is revoked. */
function refusalOfAnswer(status: number, { location, headers }: ResponseHeaders): Refusal | undefined {
  if (status === 401 || status === 407) return UPSTREAM_REFUSES_GATE;
  if (headers['content-type']?.startsWith(SCHEMA_1) && status < 400) return OLD_SCHEMA;
  const away = location === 'other-path' || (location === 'other-host' && status >= 300 && status < 400);
  return away ? UPSTREAM_REDIRECTS_AWAY : undefined;
}

function gateCredentials({ username, password }: URL): string | undefined {
  if (username === '') return undefined;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}
